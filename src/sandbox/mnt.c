/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/mnt.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/fd.h"
#include "sandbox/sealed.h"

/* #syscalls openat2 */
int sp_open_at(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (flags == 0 ? O_PATH : flags) | O_CLOEXEC,
		.resolve = resolve,
	};

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* #syscalls open_tree */
enum sp_rc sp_mnt_clone(int fd, bool recursive, int *ret, struct sp_err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int tree = open_tree(fd, "", flags | (recursive ? AT_RECURSIVE : 0));

	if (tree < 0)
		return sp_err_sys(err, "open_tree");
	*ret = tree;
	return SP_OK;
}

/* #syscalls mount_setattr */
enum sp_rc sp_mnt_attr(int fd, bool recursive, uint64_t set, uint64_t clear,
                       struct sp_err *err)
{
	struct mount_attr a = { .attr_set = set, .attr_clr = clear };
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	if (mount_setattr(fd, "", flags, &a, sizeof(a)) < 0)
		return sp_err_sys(err, "mount_setattr");
	return SP_OK;
}

/* #syscalls move_mount */
enum sp_rc sp_mnt_attach(int tree, int at, struct sp_err *err)
{
	if (move_mount(tree, "", at, "",
	               MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return sp_err_sys(err, "move_mount");
	return SP_OK;
}

enum sp_rc sp_mnt_bind(int src, int at, uint64_t set, uint64_t clear,
                       struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int tree = -1;

	SP_TRY(sp_mnt_clone(src, true, &tree, err));
	SP_TRY(sp_mnt_attr(tree, true, set, clear, err));
	return sp_mnt_attach(tree, at, err);
}

/* #syscalls mount */
enum sp_rc sp_mnt_new(const char *type, int at, unsigned long flags,
                      const char *options, struct sp_err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	if (mount(type, path, type, flags, options) < 0) {
		sp_err_sys(err, type);
		sp_err_wrap(err, "mount");
		return SP_E_SYS;
	}
	return SP_OK;
}

static int make_one(int dir, const char *name, bool is_dir)
{
	SP_CLEANUP(sp_fd_close) int fd = -1;

	if (is_dir)
		return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -1 : 0;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 && errno != EEXIST ? -1 : 0;
}

/* One component: what is there, else what we make. */
static int step(int dir, const char *name, bool is_dir)
{
	const uint64_t no_links = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	int fd = sp_open_at(dir, name, 0, no_links);

	if (fd >= 0 || errno != ENOENT || make_one(dir, name, is_dir) < 0)
		return fd;
	return sp_open_at(dir, name, 0, no_links);
}

enum sp_rc sp_make_path(int dir, const char *path, bool is_dir, int *ret,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int at = sp_open_at(dir, ".", O_PATH | O_DIRECTORY, 0);
	const char *rest = path;
	char name[NAME_MAX + 1];

	while (at >= 0) {
		size_t n;
		int next;

		rest += strspn(rest, "/");
		n = strcspn(rest, "/");
		if (n == 0)
			break;
		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			return sp_err_sys(err, path);
		}
		memcpy(name, rest, n);
		name[n] = '\0';
		rest += n;
		next = step(at, name, is_dir || rest[strspn(rest, "/")] != 0);
		sp_fd_close(&at);
		at = next;
	}
	if (at < 0)
		return sp_err_sys(err, path);
	*ret = sp_fd_steal(&at);
	return SP_OK;
}

enum sp_rc sp_write_at(int dir, const char *path, struct sp_str data,
                       struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int parent = -1;
	SP_CLEANUP(sp_fd_close) int fd = -1;
	const char *slash = strrchr(path, '/');
	char head[PATH_MAX];
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	if (n >= sizeof(head)) {
		errno = ENAMETOOLONG;
		return sp_err_sys(err, path);
	}
	memcpy(head, path, n);
	head[n] = '\0';
	SP_TRY(sp_make_path(dir, head, true, &parent, err));
	fd = openat(parent, slash == NULL ? path : slash + 1,
	            O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	            0644);
	if (fd < 0 || sp_write_all(fd, data) < 0)
		return sp_err_sys(err, path);
	return SP_OK;
}
