/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "trust/bundle.h"
#include "trust/paths.h"

#define FILES_SEEN 16u

enum sp_rc sp_trust_read(const char *path, struct sp_buf *out)
{
	SP_CLEANUP(sp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return SP_E_SYS;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 ||
	    (uint64_t)st.st_size > SP_TRUST_FILE_MAX) {
		errno = EFBIG;
		return SP_E_SYS;
	}
	do {
		uint8_t *p = sp_buf_room(out, (size_t)st.st_size + 1);

		if (p == NULL) {
			errno = EFBIG;
			return SP_E_SYS;
		}
		n = TEMP_FAILURE_RETRY(read(fd, p, (size_t)st.st_size + 1));
		if (n > 0)
			sp_buf_commit(out, (size_t)n);
	} while (n > 0);
	return n < 0 ? SP_E_SYS : SP_OK;
}

const char *sp_trust_host_bundle(void)
{
	for (size_t i = 0; sp_paths_bundles[i] != NULL; i++)
		if (access(sp_paths_bundles[i], R_OK) == 0)
			return sp_paths_bundles[i];
	return NULL;
}

/*
 * Files that are in the bundle. Several variables often name the same one;
 * beyond the table a file is read again, which adds nothing.
 */
struct files {
	struct {
		dev_t dev;
		ino_t ino;
	} seen[FILES_SEEN];
	size_t n;
};

static bool is_seen(struct files *f, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (f->seen[i].dev == st.st_dev && f->seen[i].ino == st.st_ino)
			return true;
	if (f->n == FILES_SEEN)
		return false;
	f->seen[f->n].dev = st.st_dev;
	f->seen[f->n++].ino = st.st_ino;
	return false;
}

static size_t add_file(struct sp_bundle *b, struct files *f, const char *path)
{
	struct sp_buf text;
	size_t n = 0;

	if (is_seen(f, path))
		return 0;
	sp_buf_init(&text, SP_TRUST_FILE_MAX + 1);
	if (sp_trust_read(path, &text) == SP_OK)
		n = sp_bundle_add_pem(b, sp_buf_str(&text));
	sp_buf_fini(&text);
	return n;
}

/*
 * The host's bundle, files that variables named (a corporate authority hides
 * there), then ours.
 */
static enum sp_rc merge(const struct sp_trust_in *in, struct sp_bundle *b,
                        struct sp_err *err)
{
	const char *host = sp_trust_host_bundle();
	struct files f = { .n = 0 };

	if (host != NULL && add_file(b, &f, host) == 0) {
		sp_err_set(err, "%s holds no certificate", host);
		return SP_E_PROTO;
	}
	for (size_t i = 0; i < in->bundles->n; i++)
		(void)add_file(b, &f,
		               in->bundles->v[i]); /* may add nothing new */
	if (sp_bundle_add_pem(b, in->ca_pem) != 1) {
		sp_err_set(err, "the sandbox's certificate is not one");
		return SP_E_PROTO;
	}
	return SP_OK;
}

/* ---- what follows from the certificate ------------------------------- */

static void add_browser_policies(struct sp_str der, struct sp_buf *pack)
{
	static const char *const chromium[] = {
		"chromium/policies/managed/sallyport.json",
		"opt/chrome/policies/managed/sallyport.json",
	};
	static const char firefox[] =
		"{\"policies\": {\"Certificates\": {\"Install\": "
		"[\"" SP_TRUST_CA "\"]}}}\n";
	struct sp_buf json;

	sp_buf_init(&json, SP_KIB(16));
	sp_buf_text(&json, "{\"CACertificates\": [\"");
	sp_base64(der, &json);
	sp_buf_text(&json, "\"]}\n");
	for (size_t i = 0; i < SP_COUNT(chromium); i++)
		sp_pack_add(pack, SP_PACK_ETC, chromium[i], sp_buf_str(&json));
	sp_pack_add(pack, SP_PACK_ETC, "firefox/policies/policies.json",
	            sp_str(firefox));
	sp_buf_fini(&json);
}

/* Directories of roots are searched by the hash of the subject. */
static void add_hashed(const struct sp_trust_in *in, struct sp_buf *pack)
{
	struct stat st;
	char path[64];

	if (stat("/etc/ssl/certs", &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	snprintf(path, sizeof(path), "ssl/certs/%08x.0", (unsigned)in->ca_hash);
	sp_pack_add(pack, SP_PACK_ETC, path, in->ca_pem);
}

/* ---- what is covered ------------------------------------------------------
 */

struct covered {
	char *path[SP_TRUST_PATHS];
	size_t n;
	struct sp_buf *pack;
};

static void on_found(void *ctx, const char *path, bool jks)
{
	struct covered *c = ctx;

	if (c->n == SP_TRUST_PATHS)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->path[i], path) == 0)
			return;
	c->path[c->n++] = sp_strdup(sp_str(path));
	sp_pack_add(c->pack, SP_PACK_OVER, path,
	            sp_str(jks ? "cacerts" : "bundle.pem"));
}

static void cover_paths(const struct sp_trust_in *in, struct sp_buf *pack)
{
	struct covered c = { .pack = pack };
	const struct sp_found f = { on_found, &c };

	sp_paths_system(&f);
	for (size_t i = 0; i < in->visible->n; i++)
		sp_paths_below(in->visible->v[i], &f);
	for (size_t i = 0; i < c.n; i++)
		sp_free(c.path[i]);
}

static void write_stores(const struct sp_trust_in *in,
                         const struct sp_bundle *b, struct sp_buf *pack)
{
	struct sp_buf out;

	sp_buf_init(&out, 2 * SP_BUNDLE_BYTES);
	sp_bundle_pem(b, &out);
	pack->bad |= !sp_buf_ok(&out);
	sp_pack_add(pack, SP_PACK_RUN, "bundle.pem", sp_buf_str(&out));
	sp_buf_reset(&out);
	sp_bundle_jks(b, in->now_ms, &out);
	pack->bad |= !sp_buf_ok(&out);
	sp_pack_add(pack, SP_PACK_RUN, "cacerts", sp_buf_str(&out));
	sp_buf_fini(&out);
}

static enum sp_rc pack_all(const struct sp_trust_in *in, struct sp_bundle *b,
                           struct sp_buf *pack, struct sp_err *err)
{
	struct sp_str ours;

	SP_TRY(merge(in, b, err));
	ours = sp_bundle_cert(b, b->n - 1);
	sp_pack_add(pack, SP_PACK_RUN, "ca.pem", in->ca_pem);
	write_stores(in, b, pack);
	sp_pack_add(pack, SP_PACK_ETC,
	            "cloudflare/certs/cloudflare-containers-ca.crt",
	            in->ca_pem);
	add_browser_policies(ours, pack);
	add_hashed(in, pack);
	cover_paths(in, pack);
	if (sp_buf_ok(pack))
		return SP_OK;
	sp_err_set(err, "trust files are too long");
	return SP_E_LIMIT;
}

enum sp_rc sp_trust_pack(const struct sp_trust_in *in, struct sp_buf *pack,
                         struct sp_err *err)
{
	struct sp_bundle *b = SP_NEW(struct sp_bundle);
	enum sp_rc rc;

	sp_bundle_init(b);
	rc = pack_all(in, b, pack, err);
	sp_bundle_fini(b);
	sp_free(b);
	return rc;
}
