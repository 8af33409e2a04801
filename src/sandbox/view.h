/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/view.h - the file system that the program sees.
 *
 * Role        Assembles a new root on a tmpfs in the private mount namespace;
 *             nothing is created on the host. System directories come through
 *             read-only overlays, because a unix socket seen through one is
 *             another inode than the bound one, and connect() finds nobody; a
 *             read-only bind does not stop connect().
 * Order       idmap (launcher as root), sources (init, still able to open
 *             what the user can), build, etc, enter.
 * Ownership   The caller's struct; descriptors are closed on exec.
 * Limits      SP_SOURCES_MAX paths of the user, SP_SCAN_* of project.h.
 * Strictness  No symbolic link below the project or the user's paths is
 *             followed: they may be hostile from the second run on.
 */
#ifndef SP_SANDBOX_VIEW_H
#define SP_SANDBOX_VIEW_H

#include "sandbox/plan.h"

#define SP_SOURCES_MAX 96u

/* A path of the host that appears at the same place inside. */
struct sp_view_path {
	const char *path;
	int tree; /* detached mount; -1 */
	int fd;   /* a directory that an overlay may show; -1 */
	bool is_dir;
	bool write;
};

struct sp_view {
	const struct sp_plan *plan;
	struct sp_str sockets;  /* /proc/net/unix of the host */
	struct sp_words mounts; /* mount points of the host */
	struct sp_view_path src[SP_SOURCES_MAX];
	size_t n_src;
	int base;    /* tmpfs that holds what follows, and the /etc layer */
	int root;    /* the new root */
	int empty;   /* a file */
	int nothing; /* a directory */
};

/* Names of the sources; to be called once. SP_E_LIMIT: too many. */
SP_MUST enum sp_rc sp_view_init(struct sp_view *v, const struct sp_plan *p,
                                struct sp_err *err);
/* Launcher as root: sources owned by others, mapped to the sandbox's ids. */
SP_MUST enum sp_rc sp_view_idmap(struct sp_view *v, struct sp_err *err);
/* Init: the other sources. Must run in init's own mount namespace. */
SP_MUST enum sp_rc sp_view_sources(struct sp_view *v, struct sp_err *err);
/* Everything but /etc. */
SP_MUST enum sp_rc sp_view_build(struct sp_view *v, struct sp_err *err);
/* /etc, /run/sallyport and replaced files, from a pack. */
SP_MUST enum sp_rc sp_view_etc(struct sp_view *v, struct sp_str pack,
                               struct sp_err *err);
/* The new root becomes the root. */
SP_MUST enum sp_rc sp_view_enter(struct sp_view *v, struct sp_err *err);

/* Names in a project that programs outside act upon; NULL ends the list. */
extern const char *const sp_guarded[];

#endif
