/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/view_int.h"

#include <errno.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/fd.h"
#include "sandbox/guard.h"
#include "sandbox/ns.h"
#include "sandbox/pack.h"

static enum sp_rc add_source(struct sp_view *v, const char *path, bool write,
                             struct sp_err *err)
{
	if (v->n_src == SP_SOURCES_MAX) {
		sp_err_set(err, "more than %u paths", SP_SOURCES_MAX);
		return SP_E_LIMIT;
	}
	v->src[v->n_src++] = (struct sp_view_path){
		.path = path,
		.tree = -1,
		.fd = -1,
		.write = write,
	};
	return SP_OK;
}

enum sp_rc sp_view_init(struct sp_view *v, const struct sp_plan *p,
                        struct sp_err *err)
{
	*v = (struct sp_view){
		.plan = p,
		.base = -1,
		.root = -1,
		.empty = -1,
		.nothing = -1,
	};
	SP_TRY(add_source(v, p->project, true, err));
	for (size_t i = 0; i < p->rw.n; i++)
		SP_TRY(add_source(v, p->rw.v[i], true, err));
	for (size_t i = 0; i < p->ro.n; i++)
		SP_TRY(add_source(v, p->ro.v[i], false, err));
	return SP_OK;
}

/* ---- sources --------------------------------------------------------- */

/* The CLI resolved links; a link that is there now was put there since. */
static int open_source(const struct sp_view_path *s)
{
	return sp_open_at(AT_FDCWD, s->path, 0, RESOLVE_NO_SYMLINKS);
}

static enum sp_rc idmap_tree(int fd, struct sp_ids owner, struct sp_ids ids,
                             int *ret, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int userns = -1;
	SP_CLEANUP(sp_fd_close) int tree = -1;
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP | SP_MNT_QUIET };

	SP_TRY(sp_ns_idmap(owner, ids, &userns, err));
	/* Not recursive: what is mounted below may not know id mapping. */
	SP_TRY(sp_mnt_clone(fd, false, &tree, err));
	a.userns_fd = (unsigned)userns;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
		return sp_err_sys(err, "id-mapped mount");
	*ret = sp_fd_steal(&tree);
	return SP_OK;
}

/* Writable for the program already, or for its group or everybody. */
static bool is_usable(const struct stat *st, const struct sp_plan *p)
{
	return st->st_uid == p->uid || (st->st_mode & S_IWOTH) != 0;
}

static enum sp_rc idmap_source(struct sp_view *v, struct sp_view_path *s,
                               struct sp_err *err)
{
	const struct sp_plan *p = v->plan;
	const struct sp_ids ids = { (uint32_t)p->uid, (uint32_t)p->gid };
	SP_CLEANUP(sp_fd_close) int fd = open_source(s);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return sp_err_sys(err, s->path);
	s->is_dir = S_ISDIR(st.st_mode);
	if (is_usable(&st, p))
		return SP_OK;
	if (idmap_tree(fd, (struct sp_ids){ st.st_uid, st.st_gid }, ids,
	               &s->tree, err) == SP_OK ||
	    !s->write)
		return SP_OK;
	sp_err_wrap(err,
	            "%s belongs to uid %u, and its file system cannot map "
	            "that to the sandbox's uid %u; give it to another user "
	            "(chown) and start sallyport as that user",
	            s->path, (unsigned)st.st_uid, (unsigned)p->uid);
	return SP_E_DENIED;
}

enum sp_rc sp_view_idmap(struct sp_view *v, struct sp_err *err)
{
	for (size_t i = 0; i < v->n_src; i++)
		SP_TRY(idmap_source(v, &v->src[i], err));
	return SP_OK;
}

static enum sp_rc take_source(struct sp_view_path *s, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = -1;
	struct stat st;

	if (s->tree >= 0)
		return SP_OK;
	fd = open_source(s);
	if (fd < 0 || fstat(fd, &st) < 0)
		return sp_err_sys(err, s->path);
	s->is_dir = S_ISDIR(st.st_mode);
	SP_TRY(sp_mnt_clone(fd, true, &s->tree, err));
	if (!s->write && s->is_dir)
		s->fd = sp_fd_steal(&fd);
	return SP_OK;
}

/*
 * A descriptor opened before clone3() names a mount of the parent's namespace
 * and cannot be bound: so this runs in init. It runs before the base tmpfs
 * covers a part of the tree.
 */
enum sp_rc sp_view_sources(struct sp_view *v, struct sp_err *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return sp_err_sys(err, "make mounts private");
	for (size_t i = 0; i < v->n_src; i++)
		SP_TRY(take_source(&v->src[i], err));
	return SP_OK;
}

/* ---- pieces ---------------------------------------------------------- */

enum sp_rc sp_view_tmpfs(const struct sp_view *v, const char *path,
                         const char *options, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(sp_make_path(v->root, path, true, &at, err));
	if (sp_mnt_new("tmpfs", at, TMPFS_FLAGS, options, err) < 0) {
		sp_err_wrap(err, "%s", path);
		return SP_E_SYS;
	}
	return SP_OK;
}

/*
 * The mask is bound and then made read-only: its owner is the program, which
 * could otherwise write it, and all masks share one inode.
 */
enum sp_rc sp_view_mask_fd(const struct sp_view *v, int at, struct sp_err *err)
{
	struct stat st;

	if (fstat(at, &st) < 0)
		return sp_err_sys(err, "mask");
	if (S_ISLNK(st.st_mode))
		return SP_OK;
	return sp_mnt_bind(S_ISDIR(st.st_mode) ? v->nothing : v->empty, at,
	                   SP_MNT_RO | MOUNT_ATTR_NOEXEC, 0, err);
}

enum sp_rc sp_view_mask(const struct sp_view *v, const char *path,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = view_open(v, path);

	if (at < 0)
		return SP_OK;
	if (sp_view_mask_fd(v, at, err) < 0) {
		sp_err_wrap(err, "mask %s", path);
		return SP_E_SYS;
	}
	return SP_OK;
}

enum sp_rc sp_view_protect_fd(int at, struct sp_err *err)
{
	return sp_mnt_bind(at, at, SP_MNT_RO, 0, err);
}

/* ---- assembly -------------------------------------------------------- */

static enum sp_rc make_base(struct sp_view *v, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int root = -1;

	if (mount("tmpfs", SP_VIEW_BASE, "tmpfs", TMPFS_FLAGS,
	          "mode=755,size=32m,nr_inodes=64k") < 0)
		return sp_err_sys(err, "tmpfs for the new root");
	v->base = open(SP_VIEW_BASE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->base < 0)
		return sp_err_sys(err, SP_VIEW_BASE);
	SP_TRY(sp_make_path(v->base, "new", true, &root, err));
	SP_TRY(sp_mnt_new("tmpfs", root, TMPFS_FLAGS,
	                  "mode=755,size=4m,nr_inodes=64k", err));
	v->root = sp_open_at(v->base, "new", O_PATH | O_DIRECTORY, 0);
	if (v->root < 0)
		return sp_err_sys(err, "new root");
	SP_TRY(sp_make_path(v->base, "nothing", true, &v->nothing, err));
	SP_TRY(sp_make_path(v->base, "empty", false, &v->empty, err));
	if (fchmodat(v->base, "nothing", 0555, 0) < 0 ||
	    fchmodat(v->base, "empty", 0444, 0) < 0)
		return sp_err_sys(err, "masks");
	return SP_OK;
}

static enum sp_rc make_private(const struct sp_view *v, struct sp_err *err)
{
	static const struct {
		const char *path, *options;
	} rows[] = {
		{ "tmp", TMPFS_TMP },
		{ "var/tmp", TMPFS_OTHER },
		{ "run", TMPFS_RUN },
	};
	SP_CLEANUP(sp_fd_close) int at = -1;
	char path[64];

	for (size_t i = 0; i < SP_COUNT(rows); i++)
		SP_TRY(sp_view_tmpfs(v, rows[i].path, rows[i].options, err));
	snprintf(path, sizeof(path), "run/user/%u", (unsigned)v->plan->uid);
	SP_TRY(sp_make_path(v->root, path, true, &at, err));
	if (fchmodat(v->root, path, 0700, 0) < 0)
		return sp_err_sys(err, path);
	sp_fd_close(&at);
	SP_TRY(sp_make_path(v->root, "run/lock", true, &at, err));
	return sp_view_tmpfs(v, v->plan->home, TMPFS_HOME, err);
}

/*
 * Read-only directories come through an overlay like those of the system, so
 * that the sockets in them are dead, also those that are made later. What is
 * id-mapped or has mounts below is bound, and known sockets are covered.
 */
static bool lay_over(const struct sp_view *v, const struct sp_view_path *s,
                     int at)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_RDONLY;
	char options[64];
	struct sp_err err;

	if (s->fd < 0 || (v->plan->disable & SP_DISABLE_OVERLAY) != 0)
		return false;
	snprintf(options, sizeof(options),
	         "lowerdir=/proc/self/fd/%d:" SP_VIEW_NOTHING, s->fd);
	return sp_mnt_new("overlay", at, flags, options, &err) == SP_OK;
}

/* Relative to the directory, or NULL when it is not below it. */
static const char *below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strncmp(path, dir, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + 1;
}

typedef enum sp_rc guard_fn(const struct sp_guard *g, const char *path,
                            struct sp_err *err);

/* In each writable directory that holds the path. */
static enum sp_rc guard_path(const struct sp_view *v, const char *path,
                             guard_fn *run, struct sp_err *err)
{
	for (size_t i = 0; i < v->n_src; i++) {
		const struct sp_view_path *s = &v->src[i];
		const char *rest = below(path, s->path);
		SP_CLEANUP(sp_fd_close) int root = -1;

		if (!s->write || !s->is_dir || rest == NULL)
			continue;
		root = view_open(v, s->path);
		if (root < 0)
			return sp_err_sys(err, s->path);
		SP_TRY(run(&(struct sp_guard){ v, s->path, root }, rest, err));
	}
	return SP_OK;
}

/*
 * The policy in force is read again when it changes: the program must not be
 * able to change it, whatever the file is called and whatever --rw names.
 */
static enum sp_rc guard_policy(const struct sp_view *v, struct sp_err *err)
{
	const char *path = v->plan->policy;

	if (path[0] == '\0')
		return SP_OK;
	for (size_t i = 0; i < v->n_src; i++) {
		SP_CLEANUP(sp_fd_close) int at = -1;

		if (strcmp(v->src[i].path, path) != 0)
			continue;
		at = view_open(v, path);
		if (at < 0)
			return sp_err_sys(err, path);
		SP_TRY(sp_view_protect_fd(at, err));
	}
	return guard_path(v, path, sp_guard_force, err);
}

/* Nobody inside needs what is the keeper's: its socket would take orders. */
static enum sp_rc hide_ours(const struct sp_view *v, struct sp_err *err)
{
	for (size_t i = 0; i < v->plan->hide.n; i++) {
		const char *path = v->plan->hide.v[i];
		SP_CLEANUP(sp_fd_close) int at = view_open(v, path);

		if (at < 0)
			continue;
		sp_fd_close(&at);
		SP_TRY(guard_path(v, path, sp_guard_pin, err));
		SP_TRY(sp_view_mask(v, path, err));
	}
	return SP_OK;
}

static enum sp_rc place_read_only(struct sp_view *v,
                                  const struct sp_view_path *s,
                                  struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	/* What is shown in a writable directory stays where it is. */
	SP_TRY(guard_path(v, s->path, sp_guard_pin, err));
	SP_TRY(sp_make_path(v->root, s->path, s->is_dir, &at, err));
	if (lay_over(v, s, at))
		return SP_OK;
	SP_TRY(sp_mnt_attr(s->tree, true, SP_MNT_RO, 0, err));
	SP_TRY(sp_mnt_attach(s->tree, at, err));
	return s->is_dir ? sp_view_mute(v, s->path, err) : SP_OK;
}

static enum sp_rc place(struct sp_view *v, const struct sp_view_path *s,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	if (!s->write)
		return place_read_only(v, s, err);
	SP_TRY(sp_make_path(v->root, s->path, s->is_dir, &at, err));
	SP_TRY(sp_mnt_attr(s->tree, true, SP_MNT_QUIET, MOUNT_ATTR_RDONLY,
	                   err));
	SP_TRY(sp_mnt_attach(s->tree, at, err));
	return s->is_dir ? sp_view_guard(v, s, err) : SP_OK;
}

/* Shorter paths first: what contains another one must not cover it. */
static void sort_sources(struct sp_view *v)
{
	for (size_t i = 1; i < v->n_src; i++) {
		struct sp_view_path key = v->src[i];
		size_t k = i;

		for (; k > 0 && strlen(v->src[k - 1].path) > strlen(key.path);
		     k--)
			v->src[k] = v->src[k - 1];
		v->src[k] = key;
	}
}

static enum sp_rc place_sources(struct sp_view *v, struct sp_err *err)
{
	sort_sources(v);
	for (size_t i = 0; i < v->n_src; i++)
		if (place(v, &v->src[i], err) < 0) {
			sp_err_wrap(err, "%s", v->src[i].path);
			return SP_E_SYS;
		}
	SP_TRY(guard_policy(v, err));
	return hide_ours(v, err);
}

enum sp_rc sp_view_build(struct sp_view *v, struct sp_err *err)
{
	SP_TRY(make_base(v, err));
	SP_TRY(sp_view_top(v, err));
	SP_TRY(make_private(v, err));
	SP_TRY(sp_view_kernel(v, err));
	return place_sources(v, err);
}

/* ---- /etc and trust -------------------------------------------------- */

/* Below /etc it joins the layer, elsewhere it is bound afterwards. */
static enum sp_rc link_in_layer(const struct sp_view *v,
                                const struct sp_pack_item *it,
                                struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int parent = -1;
	const char *slash = strrchr(it->path, '/');
	char from[64], dir[256];

	snprintf(from, sizeof(from), "trust/%.*s", (int)it->data.n,
	         (const char *)it->data.p);
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - it->path), it->path);
	SP_TRY(sp_make_path(v->base, dir, true, &parent, err));
	if (linkat(v->base, from, parent, slash + 1, 0) < 0 && errno != EEXIST)
		return sp_err_sys(err, it->path);
	return SP_OK;
}

static bool below_etc(const char *path)
{
	return strncmp(path, "/etc/", 5) == 0;
}

static enum sp_rc lay_out(const struct sp_view *v,
                          const struct sp_pack_item *it, struct sp_err *err)
{
	char path[256];

	if (it->kind == SP_PACK_OVER)
		return below_etc(it->path) ? link_in_layer(v, it, err) : SP_OK;
	snprintf(path, sizeof(path), "%s/%s",
	         it->kind == SP_PACK_RUN ? "trust" : "etc", it->path);
	return sp_write_at(v->base, path, it->data, err);
}

static enum sp_rc cover(const struct sp_view *v, const struct sp_pack_item *it,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int src = -1;
	SP_CLEANUP(sp_fd_close) int at = -1;
	char from[64];

	if (it->kind != SP_PACK_OVER || below_etc(it->path))
		return SP_OK;
	snprintf(from, sizeof(from), "trust/%.*s", (int)it->data.n,
	         (const char *)it->data.p);
	src = sp_open_at(v->base, from, 0, RESOLVE_BENEATH);
	at = sp_open_at(v->root, it->path, 0,
	                RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (src < 0 || at < 0)
		return SP_OK; /* not visible inside: nothing to cover */
	return sp_mnt_bind(src, at, SP_MNT_RO, 0, err);
}

typedef enum sp_rc item_fn(const struct sp_view *v,
                           const struct sp_pack_item *it, struct sp_err *err);

static enum sp_rc each_item(const struct sp_view *v, struct sp_str pack,
                            item_fn *run, struct sp_err *err)
{
	struct sp_pack_item it;
	enum sp_rc rc;

	while ((rc = sp_pack_next(&pack, &it)) == SP_OK)
		if (run(v, &it, err) < 0) {
			sp_err_wrap(err, "file %s", it.path);
			return SP_E_SYS;
		}
	if (rc < 0)
		sp_err_set(err, "list of files is malformed");
	return rc;
}

enum sp_rc sp_view_etc(struct sp_view *v, struct sp_str pack,
                       struct sp_err *err)
{
	static const char *const masks[] = { "etc/shadow", "etc/gshadow",
		                             "etc/shadow-", "etc/gshadow-" };
	SP_CLEANUP(sp_fd_close) int trust = -1;
	SP_CLEANUP(sp_fd_close) int layer = -1;
	SP_CLEANUP(sp_fd_close) int run = -1;

	SP_TRY(sp_make_path(v->base, "trust", true, &trust, err));
	SP_TRY(sp_make_path(v->base, "etc", true, &layer, err));
	SP_TRY(each_item(v, pack, lay_out, err));
	SP_TRY(sp_view_show(v, "/etc", SP_VIEW_BASE "/etc", err));
	for (size_t i = 0; i < SP_COUNT(masks); i++)
		SP_TRY(sp_view_mask(v, masks[i], err));
	SP_TRY(sp_make_path(v->root, "run/sallyport", true, &run, err));
	SP_TRY(sp_mnt_bind(trust, run, SP_MNT_RO, 0, err));
	return each_item(v, pack, cover, err);
}

/* ---- entering -------------------------------------------------------- */

/* #syscalls pivot_root umount2 */
enum sp_rc sp_view_enter(struct sp_view *v, struct sp_err *err)
{
	const char *cwd = v->plan->cwd;

	SP_TRY(sp_mnt_attr(v->root, false, MOUNT_ATTR_RDONLY, 0, err));
	/* The old root ends up mounted over the new one, and is taken off. */
	if (fchdir(v->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return sp_err_sys(err, "enter the new root");
	if (chdir(cwd) < 0) {
		sp_err_sys(err, cwd);
		sp_err_wrap(err, "start in");
		return SP_E_SYS;
	}
	return SP_OK;
}
