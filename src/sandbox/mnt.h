/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/mnt.h - mounts by descriptor.
 *
 * Role        Everything is opened once, by a walk that does not leave its
 *             root and follows no link it should not, and then mounted or
 *             mounted upon by that descriptor. Paths are never looked up
 *             twice, so nobody can change them in between.
 * Ownership   Returned descriptors belong to the caller.
 */
#ifndef SP_SANDBOX_MNT_H
#define SP_SANDBOX_MNT_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include "core/err.h"

#define SP_MNT_QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define SP_MNT_RO    (MOUNT_ATTR_RDONLY | SP_MNT_QUIET)

/* openat2(): an O_PATH descriptor by default. < 0 and errno. */
SP_MUST int sp_open_at(int dir, const char *path, uint64_t flags,
                       uint64_t resolve);

/* A detached copy of the mount (and those below it) that fd stands on. */
SP_MUST enum sp_rc sp_mnt_clone(int fd, bool recursive, int *ret,
                                struct sp_err *err);
SP_MUST enum sp_rc sp_mnt_attr(int fd, bool recursive, uint64_t set,
                               uint64_t clear, struct sp_err *err);
/* Attach a detached mount where `at` stands. */
SP_MUST enum sp_rc sp_mnt_attach(int tree, int at, struct sp_err *err);
/* clone, attr and attach in one: src shows up at `at`. */
SP_MUST enum sp_rc sp_mnt_bind(int src, int at, uint64_t set, uint64_t clear,
                               struct sp_err *err);
/* A new file system where `at` stands. */
SP_MUST enum sp_rc sp_mnt_new(const char *type, int at, unsigned long flags,
                              const char *options, struct sp_err *err);
/* The directory (or empty file) at a path below dir, made where missing. No
 * symbolic link is followed. */
SP_MUST enum sp_rc sp_make_path(int dir, const char *path, bool is_dir,
                                int *ret, struct sp_err *err);
SP_MUST enum sp_rc sp_write_at(int dir, const char *path, struct sp_str data,
                               struct sp_err *err);

#endif
