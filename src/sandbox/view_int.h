/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SP_SANDBOX_VIEW_INT_H
#define SP_SANDBOX_VIEW_INT_H

#include "sandbox/hostinfo.h"
#include "sandbox/mnt.h"
#include "sandbox/view.h"

/* The new root is assembled on a tmpfs over this directory, in the private
 * mount namespace only. */
#define SP_VIEW_BASE    "/tmp"
#define SP_VIEW_NOTHING SP_VIEW_BASE "/nothing"

#define TMPFS_FLAGS (MS_NOSUID | MS_NODEV)

/*
 * What a program can write to memory: nobody is killed for the pages of a
 * tmpfs but by chance, so that all of them together must leave room.
 */
#define TMPFS_INODES ",nr_inodes=256k"
#define TMPFS_TMP    "mode=1777,size=20%" TMPFS_INODES
#define TMPFS_OTHER  "mode=1777,size=10%" TMPFS_INODES /* /var/tmp, /dev/shm */
#define TMPFS_RUN    "mode=755,size=64m,nr_inodes=64k"
#define TMPFS_HOME   "mode=700,size=15%" TMPFS_INODES

/* A path of the new root, links followed but never out of it. < 0: errno. */
static inline int view_open(const struct sp_view *v, const char *path)
{
	return sp_open_at(v->root, path, 0, RESOLVE_IN_ROOT);
}

/* Makes the directory and mounts a tmpfs on it. */
SP_MUST enum sp_rc sp_view_tmpfs(const struct sp_view *v, const char *path,
                                 const char *options, struct sp_err *err);
/* Covers what `at` stands on with an empty file or directory, read-only. */
SP_MUST enum sp_rc sp_view_mask_fd(const struct sp_view *v, int at,
                                   struct sp_err *err);
/* The same by path; absent ones are left alone. */
SP_MUST enum sp_rc sp_view_mask(const struct sp_view *v, const char *path,
                                struct sp_err *err);
/* Makes what `at` stands on a read-only mount of itself. */
SP_MUST enum sp_rc sp_view_protect_fd(int at, struct sp_err *err);

/* top.c: the listed directories; one path, with a layer over it or "" */
SP_MUST enum sp_rc sp_view_top(struct sp_view *v, struct sp_err *err);
SP_MUST enum sp_rc sp_view_show(struct sp_view *v, const char *path,
                                const char *layer, struct sp_err *err);
/* kernelfs.c: /sys, /dev, /proc */
SP_MUST enum sp_rc sp_view_kernel(const struct sp_view *v, struct sp_err *err);
/* project.c: sockets that the kernel knows below a directory are masked */
SP_MUST enum sp_rc sp_view_mute(struct sp_view *v, const char *dir,
                                struct sp_err *err);
/* project.c: guards and masks below a writable source */
SP_MUST enum sp_rc sp_view_guard(struct sp_view *v,
                                 const struct sp_view_path *s,
                                 struct sp_err *err);

#endif
