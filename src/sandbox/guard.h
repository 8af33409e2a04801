/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/guard.h - mounts on what lies below a writable directory.
 *
 * Role        A guard makes a file or directory read-only, a mask hides what
 *             is in it. Both would be worth little if the directory above
 *             could be renamed and made anew: so every directory between the
 *             writable one and what is guarded is pinned, that is bound onto
 *             itself. A mount point can neither be renamed nor removed.
 * Cost        rename() and link() out of a pinned directory are EXDEV.
 * Strictness  Links are followed as long as they stay below the root: what a
 *             name leads to is guarded. The link itself cannot be.
 */
#ifndef SP_SANDBOX_GUARD_H
#define SP_SANDBOX_GUARD_H

#include "sandbox/view_int.h"

/* Does not own its root. */
struct sp_guard {
	const struct sp_view *v;
	const char *path; /* of the root, as the user knows it */
	int root;         /* the directory as mounted in the view */
};

/* Paths are relative to the root. What is absent, or leads out of the root,
 * is left alone; what the user named with --rw as well. */
SP_MUST enum sp_rc sp_guard_protect(const struct sp_guard *g, const char *path,
                                    struct sp_err *err);
/* Regular files and sockets only. */
SP_MUST enum sp_rc sp_guard_mask(const struct sp_guard *g, const char *path,
                                 struct sp_err *err);
/* Even if it was named with --rw. */
SP_MUST enum sp_rc sp_guard_force(const struct sp_guard *g, const char *path,
                                  struct sp_err *err);
/* The directories above path. */
SP_MUST enum sp_rc sp_guard_pin(const struct sp_guard *g, const char *path,
                                struct sp_err *err);

#endif
