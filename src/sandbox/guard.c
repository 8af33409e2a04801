/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guard.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/fd.h"

#define NO_LINKS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

/* A failed guard stops the start. */
static enum sp_rc failed(struct sp_err *err, const char *path)
{
	sp_err_wrap(err, "guard %s", path);
	return SP_E_SYS;
}

/* The user named it with --rw: then it is meant. */
static bool is_exempt(const struct sp_guard *g, const char *path)
{
	const struct sp_words *rw = &g->v->plan->rw;
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s/%s", g->path, path) >=
	    (int)sizeof(full))
		return false;
	for (size_t i = 0; i < rw->n; i++)
		if (strcmp(rw->v[i], full) == 0)
			return true;
	return false;
}

/* #syscalls readlinkat */
static bool path_of(int fd, char *ret, size_t cap)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, cap - 1);
	if (n < 0 || (size_t)n == cap - 1)
		return false;
	ret[n] = '\0';
	return true;
}

/* Closed to us is not absent: the program may own it and open it again. */
static bool is_nowhere(int e)
{
	return e == ENOENT || e == ENOTDIR || e == ELOOP || e == EXDEV;
}

/*
 * Where a path leads when links are followed, again relative to the root.
 * SP_DONE: nowhere, or out of the root.
 */
static enum sp_rc follow(const struct sp_guard *g, const char *path,
                         char ret[PATH_MAX], struct sp_err *err)
{
	char root[PATH_MAX], full[PATH_MAX];
	SP_CLEANUP(sp_fd_close)
	int at = sp_open_at(g->root, path, O_PATH, RESOLVE_BENEATH);
	size_t n;

	if (at < 0 && is_nowhere(errno))
		return SP_DONE;
	if (at < 0) {
		sp_err_sys(err, "open");
		return failed(err, path);
	}
	if (!path_of(g->root, root, sizeof(root)) ||
	    !path_of(at, full, sizeof(full))) {
		sp_err_set(err, "too deep");
		return failed(err, path);
	}
	n = strlen(root);
	if (strncmp(full, root, n) != 0 || full[n] != '/')
		return SP_DONE; /* the root itself, or removed meanwhile */
	snprintf(ret, PATH_MAX, "%s", full + n + 1);
	return SP_OK;
}

/* #syscalls statx */
static bool is_mount_point(int at)
{
	struct statx st;

	return statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* Binds it onto itself, as writable as it was. */
static enum sp_rc pin_one(const struct sp_guard *g, const char *path,
                          struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int at = sp_open_at(g->root, path, O_PATH | O_NOFOLLOW, NO_LINKS);

	if (at < 0)
		return sp_err_sys(err, "open");
	return is_mount_point(at) ? SP_OK : sp_mnt_bind(at, at, 0, 0, err);
}

enum sp_rc sp_guard_pin(const struct sp_guard *g, const char *path,
                        struct sp_err *err)
{
	char part[PATH_MAX];

	for (const char *p = strchr(path, '/'); p != NULL;
	     p = strchr(p + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (pin_one(g, part, err) < 0)
			return failed(err, part);
	}
	return SP_OK;
}

/* Pins what is above, then opens: the pins are other mounts. */
static enum sp_rc reach(const struct sp_guard *g, const char *path, int *ret,
                        struct sp_err *err)
{
	SP_TRY(sp_guard_pin(g, path, err));
	*ret = sp_open_at(g->root, path, O_PATH | O_NOFOLLOW, NO_LINKS);
	if (*ret >= 0)
		return SP_OK;
	sp_err_sys(err, "open");
	return failed(err, path);
}

/* #syscalls fstatfs */
static bool is_read_only(int at)
{
	struct statvfs st;

	return fstatvfs(at, &st) == 0 && (st.f_flag & ST_RDONLY) != 0;
}

enum sp_rc sp_guard_force(const struct sp_guard *g, const char *path,
                          struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;
	char real[PATH_MAX];
	enum sp_rc rc = follow(g, path, real, err);

	if (rc != SP_OK)
		return rc == SP_DONE ? SP_OK : rc;
	SP_TRY(reach(g, real, &at, err));
	if (is_read_only(at))
		return SP_OK;
	return sp_view_protect_fd(at, err) < 0 ? failed(err, path) : SP_OK;
}

enum sp_rc sp_guard_protect(const struct sp_guard *g, const char *path,
                            struct sp_err *err)
{
	return is_exempt(g, path) ? SP_OK : sp_guard_force(g, path, err);
}

enum sp_rc sp_guard_mask(const struct sp_guard *g, const char *path,
                         struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;
	char real[PATH_MAX];
	struct stat st;
	enum sp_rc rc = follow(g, path, real, err);

	if (rc != SP_OK)
		return rc == SP_DONE ? SP_OK : rc;
	if (is_exempt(g, path) || is_exempt(g, real) ||
	    fstatat(g->root, real, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode)))
		return SP_OK;
	SP_TRY(reach(g, real, &at, err));
	return sp_view_mask_fd(g->v, at, err) < 0 ? failed(err, path) : SP_OK;
}
