/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/top.c - the system's directories, by list.
 *
 * A host may keep anything in /data: what is not listed is not there. Without
 * an upper layer overlayfs wants two lower ones, hence the empty second.
 * "lowerdir=/" does not work in a user namespace (locked mounts below), one
 * overlay per directory does. Needs 5.11.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "core/fd.h"
#include "sandbox/view_int.h"

static const char *const listed[] = {
	"usr",    "bin", "sbin", "lib", "lib32", "lib64", "libx32",
	"libo32", "opt", "var",  "srv", "nix",   "gnu",   "snap",
};

/* bin -> usr/bin */
static enum sp_rc copy_link(const struct sp_view *v, const char *name,
                            struct sp_err *err)
{
	char path[32], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/%s", name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return sp_err_sys(err, path);
	target[n] = '\0';
	if (symlinkat(target, v->root, name) < 0)
		return sp_err_sys(err, path);
	return SP_OK;
}

/* Paths of /proc/net/unix below /name: with a plain bind they stay connected
 * to the host. */
static enum sp_rc mask_sockets(const struct sp_view *v, const char *name,
                               struct sp_err *err)
{
	const char *p = (const char *)v->sockets.p;
	const char *end = p + v->sockets.n;
	size_t n = strlen(name);
	char path[PATH_MAX];

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		const char *at;

		if (eol == NULL)
			eol = end;
		at = memchr(p, '/', (size_t)(eol - p));
		p = eol + 1;
		if (at == NULL || (size_t)(eol - at) >= sizeof(path) ||
		    (size_t)(eol - at) <= n + 1 ||
		    memcmp(at + 1, name, n) != 0 || at[n + 1] != '/')
			continue;
		memcpy(path, at, (size_t)(eol - at));
		path[eol - at] = '\0';
		SP_TRY(sp_view_mask(v, path, err));
	}
	return SP_OK;
}

static enum sp_rc bind_instead(const struct sp_view *v, const char *name,
                               int at, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int src = -1;
	char path[32];

	snprintf(path, sizeof(path), "/%s", name);
	src = open(path, O_PATH | O_CLOEXEC);
	if (src < 0)
		return sp_err_sys(err, path);
	SP_TRY(sp_mnt_bind(src, at, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0,
	                   err));
	return mask_sockets(v, name, err);
}

/* layer is laid over it, or NULL. */
enum sp_rc sp_view_overlay(const struct sp_view *v, const char *name,
                           const char *layer, struct sp_err *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_RDONLY;
	SP_CLEANUP(sp_fd_close) int at = -1;
	char options[256];

	SP_TRY(sp_make_path(v->root, name, true, &at, err));
	if (layer != NULL)
		snprintf(options, sizeof(options), "lowerdir=%s:/%s", layer,
		         name);
	else
		snprintf(options, sizeof(options), "lowerdir=/%s:%s", name,
		         "/tmp/nothing");
	if ((v->plan->disable & SP_DISABLE_OVERLAY) == 0 || layer != NULL) {
		if (sp_mnt_new("overlay", at, flags, options, err) == SP_OK)
			return SP_OK;
		if (layer != NULL)
			return SP_E_SYS;
	}
	return bind_instead(v, name, at, err);
}

enum sp_rc sp_view_top(const struct sp_view *v, struct sp_err *err)
{
	for (size_t i = 0; i < SP_COUNT(listed); i++) {
		struct stat st;
		char path[32];

		snprintf(path, sizeof(path), "/%s", listed[i]);
		if (lstat(path, &st) < 0)
			continue;
		if (S_ISLNK(st.st_mode))
			SP_TRY(copy_link(v, listed[i], err));
		else if (S_ISDIR(st.st_mode))
			SP_TRY(sp_view_overlay(v, listed[i], NULL, err));
	}
	return SP_OK;
}
