/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fd.h"

#define DEPTH_MAX 8 /* of wildcards in one pattern */

const char *const sp_paths_bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
	"/etc/ssl/certs/ca-bundle.crt",
	"/etc/pki/tls/cert.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt",
	"/usr/lib/ssl/cert.pem",
	"/usr/share/ssl/cert.pem",
	"/usr/local/share/certs/ca-root-nss.crt",
	"/usr/local/etc/ssl/cert.pem",
	"/opt/conda/ssl/cacert.pem",
	NULL,
};

static const char *const stores[] = {
	"/etc/ssl/certs/java/cacerts",
	"/etc/pki/ca-trust/extracted/java/cacerts",
	"/usr/lib/jvm/*/lib/security/cacerts",
	"/usr/lib/jvm/*/jre/lib/security/cacerts",
	"/usr/local/*/lib/security/cacerts",
	"/opt/*/lib/security/cacerts",
};

/* Where Python keeps packages, below a prefix. */
static const char *const libraries[] = {
	"lib/python3*", "versions/*/lib/python3*", /* pyenv */
};

static const char *const packages[] = {
	"site-packages/certifi/cacert.pem",
	"site-packages/pip/_vendor/certifi/cacert.pem",
	"site-packages/botocore/cacert.pem",
	"site-packages/httplib2/cacerts.txt",
	"dist-packages/certifi/cacert.pem",
	"dist-packages/pip/_vendor/certifi/cacert.pem",
	"dist-packages/botocore/cacert.pem",
	"dist-packages/httplib2/cacerts.txt",
};

static const char *const prefixes[] = { "/usr", "/usr/local", "/opt/*" };

typedef void visit_fn(const char *path, const struct sp_found *f);

static void on_file(const char *path, bool jks, const struct sp_found *f)
{
	char real[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    realpath(path, real) != NULL)
		f->run(f->ctx, real, jks);
}

static void on_store(const char *path, const struct sp_found *f)
{
	on_file(path, true, f);
}

static void on_library(const char *dir, const struct sp_found *f)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < SP_COUNT(packages); i++)
		if (snprintf(path, sizeof(path), "%s/%s", dir, packages[i]) <
		    (int)sizeof(path))
			on_file(path, false, f);
}

static bool matches(const char *name, const char *pattern, size_t n)
{
	return name[0] != '.' && strncmp(name, pattern, n) == 0;
}

/*
 * done is the part without wildcards so far, rest begins with a component.
 * Recursion is bounded by depth.
 */
static void walk(const char *done, const char *rest, visit_fn *visit, int depth,
                 const struct sp_found *f)
{
	const char *star = strchr(rest, '*');
	char dir[PATH_MAX], next[PATH_MAX];
	const char *stem, *tail;
	struct dirent *e;
	DIR *d;

	if (star == NULL) {
		snprintf(next, sizeof(next), "%s%s", done, rest);
		visit(next, f);
		return;
	}
	stem = star;
	while (stem > rest && stem[-1] != '/')
		stem--;
	tail = star + 1;
	snprintf(dir, sizeof(dir), "%s%.*s", done, (int)(stem - rest), rest);
	d = depth == 0 ? NULL : opendir(dir);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (matches(e->d_name, stem, (size_t)(star - stem)) &&
		    snprintf(next, sizeof(next), "%s%s", dir, e->d_name) <
		            (int)sizeof(next))
			walk(next, tail, visit, depth - 1, f);
	closedir(d);
}

static void walk_libraries(const char *prefix, size_t n,
                           const struct sp_found *f)
{
	char pattern[PATH_MAX];

	for (size_t i = 0; i < n; i++)
		if (snprintf(pattern, sizeof(pattern), "%s/%s", prefix,
		             libraries[i]) < (int)sizeof(pattern))
			walk("", pattern, on_library, DEPTH_MAX, f);
}

void sp_paths_below(const char *dir, const struct sp_found *f)
{
	/* A star in a name of the user's is not ours to expand. */
	if (strchr(dir, '*') == NULL)
		walk_libraries(dir, SP_COUNT(libraries), f);
}

void sp_paths_system(const struct sp_found *f)
{
	for (size_t i = 0; sp_paths_bundles[i] != NULL; i++)
		on_file(sp_paths_bundles[i], false, f);
	for (size_t i = 0; i < SP_COUNT(stores); i++)
		walk("", stores[i], on_store, DEPTH_MAX, f);
	for (size_t i = 0; i < SP_COUNT(prefixes); i++)
		walk_libraries(prefixes[i], 1, f);
}
