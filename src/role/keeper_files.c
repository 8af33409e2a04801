/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_files.c - what a proxy needs of the host and may not open.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/keeper_int.h"
#include "role/memfd.h"
#include "role/resolv.h"
#include "tls/tls.h"

#define BUNDLE_MAX SP_MIB(4) /* of PEM, all files together */
#define HOSTS_MAX  SP_MIB(1)
#define RESOLV_MAX SP_KIB(64)

/* The first that exists is the system's. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",             /* openSUSE */
	"/etc/ssl/cert.pem",                  /* BSD layout */
};

/* #syscalls newfstatat */
static const char *system_bundle(struct stat *ret)
{
	for (size_t i = 0; i < SP_COUNT(bundles); i++)
		if (stat(bundles[i], ret) == 0 && S_ISREG(ret->st_mode))
			return bundles[i];
	return NULL;
}

static enum sp_rc index_to_memfd(struct sp_str pem, int *ret,
                                 struct sp_err *err)
{
	struct sp_buf out;
	enum sp_rc rc;

	sp_buf_init(&out, 2 * BUNDLE_MAX);
	rc = sp_roots_index(pem, &out, err);
	if (rc == SP_OK)
		rc = sp_memfd_make("sallyport-roots", sp_buf_str(&out), ret,
		                   err);
	sp_buf_fini(&out);
	return rc;
}

static enum sp_rc read_bundle(const char *path, struct sp_buf *pem,
                              struct sp_err *err)
{
	SP_TRY(sp_file_read(path, false, pem, err));
	sp_buf_byte(pem, '\n'); /* the last line may lack one */
	return SP_OK;
}

/* Indexing takes milliseconds, so the system's own is kept while unchanged. */
enum sp_rc files_system_roots(struct keeper *k, int *ret, struct sp_err *err)
{
	struct roots *r = &k->roots;
	struct stat st = { 0 };
	const char *path = system_bundle(&st);
	struct sp_buf pem;
	enum sp_rc rc;

	if (path == NULL) {
		sp_err_set(err, "no bundle of root certificates found; "
		                "install ca-certificates");
		return SP_E_STATE;
	}
	if (r->fd < 0 || r->seen.mtime_s != st.st_mtim.tv_sec ||
	    r->seen.mtime_ns != st.st_mtim.tv_nsec ||
	    r->seen.size != st.st_size) {
		sp_fd_close(&r->fd);
		sp_buf_init(&pem, BUNDLE_MAX);
		rc = read_bundle(path, &pem, err);
		if (rc == SP_OK)
			rc = index_to_memfd(sp_buf_str(&pem), &r->fd, err);
		sp_buf_fini(&pem);
		SP_TRY(rc);
		r->seen.mtime_s = st.st_mtim.tv_sec;
		r->seen.mtime_ns = st.st_mtim.tv_nsec;
		r->seen.size = st.st_size;
	}
	*ret = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
	return *ret < 0 ? sp_err_sys(err, "duplicate roots") : SP_OK;
}

static enum sp_rc read_roots(const char *const *name, size_t n,
                             struct sp_buf *pem, struct sp_err *err)
{
	struct stat st;
	const char *sys = system_bundle(&st);

	if (sys != NULL)
		SP_TRY(read_bundle(sys, pem, err));
	for (size_t i = 0; i < n; i++) {
		if (name[i][0] != '/') {
			sp_err_set(err, "%s: not an absolute path", name[i]);
			return SP_E_PROTO;
		}
		SP_TRY(read_bundle(name[i], pem, err));
	}
	return SP_OK;
}

enum sp_rc files_roots(struct keeper *k, const struct sp_policy *p, int *ret,
                       struct sp_err *err)
{
	const char *const *name = NULL;
	size_t n = sp_policy_roots(p, &name);
	struct sp_buf pem;
	enum sp_rc rc;

	if (n == 0)
		return files_system_roots(k, ret, err);
	sp_buf_init(&pem, BUNDLE_MAX);
	rc = read_roots(name, n, &pem, err);
	if (rc == SP_OK)
		rc = index_to_memfd(sp_buf_str(&pem), ret, err);
	sp_buf_fini(&pem);
	if (rc < 0)
		sp_err_wrap(err, "tls.roots");
	return rc;
}

enum sp_rc files_hosts(int *ret, struct sp_err *err)
{
	struct sp_buf text;
	enum sp_rc rc;

	sp_buf_init(&text, HOSTS_MAX);
	rc = sp_file_read("/etc/hosts", true, &text, err);
	if (rc == SP_OK)
		rc = sp_memfd_make("sallyport-hosts", sp_buf_str(&text), ret,
		                   err);
	sp_buf_fini(&text);
	return rc;
}

void files_servers(struct sp_buf *out)
{
	struct sp_buf text;
	struct sp_err err;

	sp_buf_init(&text, RESOLV_MAX);
	if (sp_file_read("/etc/resolv.conf", true, &text, &err) < 0)
		keeper_note("warning: %s", err.text);
	sp_resolv_servers(sp_buf_str(&text), out);
	sp_buf_fini(&text);
}
