/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/kernelfs.c - /sys, /dev and /proc of a sandbox.
 *
 * Files of /proc/sys look at the kernel uid, not at capabilities: they are
 * read-only whatever the program is.
 */
#include <errno.h>
#include <sys/stat.h>

#include "core/fd.h"
#include "sandbox/view_int.h"

/* A new instance, or the host's where the kernel refuses (a container whose
 * own is masked). */
static enum sp_rc fresh_or_bound(const struct sp_view *v, const char *type,
                                 const char *name, struct sp_err *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	SP_CLEANUP(sp_fd_close) int at = -1;
	SP_CLEANUP(sp_fd_close) int src = -1;
	char path[16];

	SP_TRY(sp_make_path(v->root, name, true, &at, err));
	if (sp_mnt_new(type, at, flags, NULL, err) == SP_OK)
		return SP_OK;
	snprintf(path, sizeof(path), "/%s", name);
	src = open(path, O_PATH | O_CLOEXEC);
	if (src < 0)
		return sp_err_sys(err, path);
	return sp_mnt_bind(src, at, SP_MNT_QUIET | MOUNT_ATTR_NOEXEC, 0, err);
}

static enum sp_rc make_sys(const struct sp_view *v, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(fresh_or_bound(v, "sysfs", "sys", err));
	at = view_open(v, "sys");
	if (at < 0)
		return sp_err_sys(err, "/sys");
	return sp_mnt_attr(at, true, SP_MNT_RO, 0, err);
}

/* Device nodes cannot be made in a user namespace: bind the host's. */
static enum sp_rc bind_node(const struct sp_view *v, const char *name,
                            struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int src = -1;
	SP_CLEANUP(sp_fd_close) int at = -1;
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s", name);
	src = open(path, O_PATH | O_CLOEXEC);
	if (src < 0)
		return sp_err_sys(err, path);
	SP_TRY(sp_make_path(v->root, path, false, &at, err));
	return sp_mnt_bind(src, at, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0,
	                   err);
}

static enum sp_rc make_links(const struct sp_view *v, struct sp_err *err)
{
	static const struct {
		const char *target, *path;
	} links[] = {
		{ "pts/ptmx", "dev/ptmx" },
		{ "/proc/self/fd", "dev/fd" },
		{ "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" },
		{ "/proc/self/fd/2", "dev/stderr" },
	};

	for (size_t i = 0; i < SP_COUNT(links); i++)
		if (symlinkat(links[i].target, v->root, links[i].path) < 0)
			return sp_err_sys(err, links[i].path);
	return SP_OK;
}

static enum sp_rc make_dev(const struct sp_view *v, struct sp_err *err)
{
	static const char *const nodes[] = { "null",   "zero",    "full",
		                             "random", "urandom", "tty" };
	SP_CLEANUP(sp_fd_close) int pts = -1;
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(sp_view_tmpfs(v, "dev", "mode=755,size=1m,nr_inodes=1k", err));
	for (size_t i = 0; i < SP_COUNT(nodes); i++)
		SP_TRY(bind_node(v, nodes[i], err));
	SP_TRY(sp_view_tmpfs(v, "dev/shm", TMPFS_OTHER, err));
	SP_TRY(sp_make_path(v->root, "dev/pts", true, &pts, err));
	SP_TRY(sp_mnt_new("devpts", pts, MS_NOSUID | MS_NOEXEC,
	                  "newinstance,ptmxmode=0666,mode=620", err));
	SP_TRY(make_links(v, err));
	at = view_open(v, "dev");
	if (at < 0)
		return sp_err_sys(err, "/dev");
	/* Not recursive: pts and shm stay writable. */
	return sp_mnt_attr(at, false, MOUNT_ATTR_RDONLY, 0, err);
}

static enum sp_rc make_proc(const struct sp_view *v, struct sp_err *err)
{
	static const char *const fixed[] = { "proc/sys", "proc/irq", "proc/fs",
		                             "proc/pressure", "proc/bus" };
	static const char *const masks[] = {
		"proc/kcore",       "proc/keys",          "proc/key-users",
		"proc/timer_list",  "proc/sysrq-trigger", "proc/kmsg",
		"proc/kallsyms",    "proc/config.gz",     "proc/scsi",
		"proc/acpi",        "sys/firmware",       "sys/kernel/security",
		"sys/kernel/debug", "sys/kernel/tracing",
	};

	SP_TRY(fresh_or_bound(v, "proc", "proc", err));
	for (size_t i = 0; i < SP_COUNT(fixed); i++) {
		SP_CLEANUP(sp_fd_close) int at = view_open(v, fixed[i]);

		if (at >= 0)
			SP_TRY(sp_view_protect_fd(at, err));
	}
	for (size_t i = 0; i < SP_COUNT(masks); i++)
		SP_TRY(sp_view_mask(v, masks[i], err));
	return SP_OK;
}

enum sp_rc sp_view_kernel(const struct sp_view *v, struct sp_err *err)
{
	SP_TRY(make_sys(v, err));
	SP_TRY(make_dev(v, err));
	return make_proc(v, err);
}
