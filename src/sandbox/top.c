/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/top.c - the system's directories, by list.
 *
 * A host may keep anything in /data: what is not listed is not there. Each
 * directory comes through a read-only overlay. Without an upper layer
 * overlayfs wants two lower ones, hence the empty second. Needs 5.11.
 *
 * A directory with mounts below it cannot be a lower layer in a user namespace
 * (they are locked): /etc of a container, /usr with a /usr/local of its own.
 * Such a directory is put together from its entries, down to those that have
 * no mount below them.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "sandbox/view_int.h"

#define DEPTH_MAX   6    /* of directories put together from entries */
#define ENTRIES_MAX 4096 /* of one such directory */
#define OPTIONS_MAX 4096 /* a page: what mount(2) takes */

static const char *const listed[] = {
	"usr",    "bin", "sbin", "lib", "lib32", "lib64", "libx32",
	"libo32", "opt", "var",  "srv", "nix",   "gnu",   "snap",
};

/* bin -> usr/bin */
static enum sp_rc copy_link(const struct sp_view *v, const char *path,
                            struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int parent = -1;
	const char *slash = strrchr(path, '/');
	char target[PATH_MAX], dir[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return sp_err_sys(err, path);
	target[n] = '\0';
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	SP_TRY(sp_make_path(v->root, dir, true, &parent, err));
	if (symlinkat(target, parent, slash + 1) < 0 && errno != EEXIST)
		return sp_err_sys(err, path);
	return SP_OK;
}

/* ---- one directory or file ------------------------------------------------
 */

static enum sp_rc mask_one(void *ctx, const char *path, struct sp_err *err)
{
	return sp_view_mask(ctx, path, err);
}

/* Read-only. Sockets below stay those of the host: those that are known get
 * covered. */
static enum sp_rc bind_path(struct sp_view *v, const char *path, bool is_dir,
                            struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int src = open(path, O_PATH | O_CLOEXEC);
	SP_CLEANUP(sp_fd_close) int at = -1;

	if (src < 0)
		return sp_err_sys(err, path);
	SP_TRY(sp_make_path(v->root, path, is_dir, &at, err));
	SP_TRY(sp_mnt_bind(src, at, SP_MNT_RO, 0, err));
	return sp_sockets_below(v->sockets, path, mask_one, v, err);
}

/* Names that overlayfs would split into options or layers. */
static bool is_plain(const char *path)
{
	return path[strcspn(path, ":,\\")] == '\0';
}

/* layer is laid over it, or "". */
static enum sp_rc overlay_path(struct sp_view *v, const char *path,
                               const char *layer, struct sp_err *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_RDONLY;
	SP_CLEANUP(sp_fd_close) int at = -1;
	char options[OPTIONS_MAX];
	int n;

	if ((v->plan->disable & SP_DISABLE_OVERLAY) != 0 && layer[0] == '\0')
		return bind_path(v, path, true, err);
	n = layer[0] != '\0' ? snprintf(options, sizeof(options),
	                                "lowerdir=%s:%s", layer, path)
	                     : snprintf(options, sizeof(options),
	                                "lowerdir=%s:" SP_VIEW_NOTHING, path);
	SP_TRY(sp_make_path(v->root, path, true, &at, err));
	if (is_plain(path) && n < (int)sizeof(options) &&
	    sp_mnt_new("overlay", at, flags, options, err) == SP_OK)
		return SP_OK;
	return bind_path(v, path, true, err);
}

static bool has_mounts_below(const struct sp_view *v, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < v->mounts.n; i++)
		if (strncmp(v->mounts.v[i], path, n) == 0 &&
		    v->mounts.v[i][n] == '/')
			return true;
	return false;
}

/* ---- directories put together ----------------------------------------------
 */

static enum sp_rc show(struct sp_view *v, const char *path, const char *layer,
                       int depth, struct sp_err *err);

/* A file of the layer, at path. */
static enum sp_rc bind_layer(struct sp_view *v, const char *path,
                             const char *layer, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int src = open(layer, O_PATH | O_CLOEXEC);
	SP_CLEANUP(sp_fd_close) int at = -1;
	struct stat st;

	if (src < 0 || fstat(src, &st) < 0)
		return sp_err_sys(err, layer);
	SP_TRY(sp_make_path(v->root, path, S_ISDIR(st.st_mode), &at, err));
	return sp_mnt_bind(src, at, SP_MNT_RO, 0, err);
}

/* What is there in the layer hides what is there on the host, but two
 * directories become one. */
static enum sp_rc show_entry(struct sp_view *v, const char *path,
                             const char *layer, int depth, struct sp_err *err)
{
	bool in_layer = layer[0] != '\0' && access(layer, F_OK) == 0;
	struct stat st;

	if (lstat(path, &st) < 0)
		return SP_OK; /* gone meanwhile, or not for us */
	if (S_ISDIR(st.st_mode))
		return show(v, path, in_layer ? layer : "", depth - 1, err);
	if (in_layer)
		return bind_layer(v, path, layer, err);
	if (S_ISLNK(st.st_mode))
		return copy_link(v, path, err);
	/* Sockets, devices and pipes of the host stay out. */
	return S_ISREG(st.st_mode) ? bind_path(v, path, false, err) : SP_OK;
}

typedef enum sp_rc entry_fn(struct sp_view *v, const char *path,
                            const char *layer, int depth, struct sp_err *err);

static bool join(char *ret, const char *dir, const char *name)
{
	ret[0] = '\0';
	return dir[0] == '\0' ||
	       snprintf(ret, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

/* Runs fn for the entries of `of`, which is path or layer. */
static enum sp_rc each_entry(struct sp_view *v, const char *of,
                             const char *path, const char *layer, int depth,
                             entry_fn *fn, struct sp_err *err)
{
	char sub[PATH_MAX], over[PATH_MAX];
	enum sp_rc rc = SP_OK;
	DIR *d = opendir(of);
	struct dirent *e;

	for (int n = 0; d != NULL && rc == SP_OK && n < ENTRIES_MAX; n++) {
		e = readdir(d);
		if (e == NULL)
			break;
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    !join(sub, path, e->d_name) ||
		    !join(over, layer, e->d_name))
			continue;
		rc = fn(v, sub, over, depth, err);
	}
	if (d != NULL)
		closedir(d);
	return rc;
}

/* What the layer has and the host has not. */
static enum sp_rc add_entry(struct sp_view *v, const char *path,
                            const char *layer, int depth, struct sp_err *err)
{
	struct stat st;

	(void)depth;
	if (lstat(path, &st) == 0)
		return SP_OK;
	return bind_layer(v, path, layer, err);
}

static enum sp_rc compose(struct sp_view *v, const char *path,
                          const char *layer, int depth, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(sp_make_path(v->root, path, true, &at, err));
	SP_TRY(each_entry(v, path, path, layer, depth, show_entry, err));
	if (layer[0] == '\0')
		return SP_OK;
	return each_entry(v, layer, path, layer, depth, add_entry, err);
}

static enum sp_rc show(struct sp_view *v, const char *path, const char *layer,
                       int depth, struct sp_err *err)
{
	if (!has_mounts_below(v, path))
		return overlay_path(v, path, layer, err);
	if (depth == 0) /* so deep only a bind is left */
		return bind_path(v, path, true, err);
	return compose(v, path, layer, depth, err);
}

enum sp_rc sp_view_show(struct sp_view *v, const char *path, const char *layer,
                        struct sp_err *err)
{
	return show(v, path, layer, DEPTH_MAX, err);
}

enum sp_rc sp_view_top(struct sp_view *v, struct sp_err *err)
{
	for (size_t i = 0; i < SP_COUNT(listed); i++) {
		struct stat st;
		char path[32];

		snprintf(path, sizeof(path), "/%s", listed[i]);
		if (lstat(path, &st) < 0)
			continue;
		if (S_ISLNK(st.st_mode))
			SP_TRY(copy_link(v, path, err));
		else if (S_ISDIR(st.st_mode))
			SP_TRY(sp_view_show(v, path, "", err));
	}
	return SP_OK;
}
