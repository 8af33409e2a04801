/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/ns.h - namespaces, identities and giving up power.
 *
 * Role        Two nested user namespaces. U1 owns the network, the mounts and
 *             all else; init is its root. The program lives in U2 below it,
 *             under its own uid, and nobody in U2 has a capability over what
 *             U1 owns.
 * Contract    The kernel uid of the sandbox is never 0: sysctl files look at
 *             it, not at capabilities.
 */
#ifndef SP_SANDBOX_NS_H
#define SP_SANDBOX_NS_H

#include <sys/types.h>

#include "core/err.h"

struct sp_ids {
	uint32_t uid;
	uint32_t gid;
};

/*
 * A child in new user, network, mount, pid, uts, ipc and cgroup namespaces.
 * 0 in the child, its pid in the parent (with a pidfd), < 0: errno is set.
 */
SP_MUST pid_t sp_ns_clone(int *ret_pidfd);

/* One uid and one gid of `pid`: inside `in`, outside `out`. 0: myself. */
SP_MUST enum sp_rc sp_ns_map(pid_t pid, struct sp_ids in, struct sp_ids out,
                             struct sp_err *err);
/* Init, once the launcher (as root) has mapped it: become root of U1. */
SP_MUST enum sp_rc sp_ns_become_root(struct sp_err *err);
/* The next user namespace is the last one below U1. */
SP_MUST enum sp_rc sp_ns_limit_nesting(struct sp_err *err);
/* U2, mapped to ids, without any capability; no way back. */
SP_MUST enum sp_rc sp_ns_give_up(struct sp_ids ids, struct sp_err *err);
/* A user namespace that maps one owner to ids, for id-mapped mounts. Root. */
SP_MUST enum sp_rc sp_ns_idmap(struct sp_ids owner, struct sp_ids ids,
                               int *ret_fd, struct sp_err *err);

/* What new processes and files of the program may use; 0: no limit. */
struct sp_limits {
	uint64_t memory; /* bytes of private writable memory per process */
	uint64_t cpu_s;
	uint64_t pids; /* counts all processes of the uid in this sandbox */
	uint64_t files;
	uint64_t fsize;
};

SP_MUST enum sp_rc sp_limits_apply(const struct sp_limits *l,
                                   struct sp_err *err);

#endif
