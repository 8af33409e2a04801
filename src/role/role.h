/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/role.h - one binary, several trust levels.
 *
 * Role        A role is started by executing our own image again. That means
 *             fresh address-space randomization and no inherited heap: what
 *             the parent ever held in memory does not exist in the process
 *             that reads hostile bytes.
 * Contract    A role starts with an empty environment, its channel as
 *             descriptor 3, descriptors given to it explicitly from 4 on, and
 *             nothing else open above 2. It shows its stages in order: early,
 *             hello, its own files, seal, run.
 * Ownership   sp_child holds our end of the channel and the pidfd until
 *             sp_child_close().
 * Failure     A role that cannot take its place exits with a code from
 *             sysexits.h; whoever started it denies what it had open.
 */
#ifndef SP_ROLE_ROLE_H
#define SP_ROLE_ROLE_H

#include <sys/types.h>

#include "core/err.h"

#define SP_ROLE_CHANNEL 3
#define SP_ROLE_FDS_MAX 16u /* descriptors given besides the channel */
#define SP_ROLE_FLAG    "--role="

struct sp_role {
	const char *name;
	unsigned bit; /* enum sp_role_bit */
	int (*main)(void);
};

/* Whom a child becomes before it executes anything. */
struct sp_identity {
	bool change; /* only root can */
	uid_t uid;
	gid_t gid;
};

struct sp_child {
	pid_t pid; /* 0: none */
	int sock;  /* our end of its channel */
	int pidfd;
};

/* NULL when there is no such role. */
const struct sp_role *sp_role_find(const char *name);

/* Called by main() for --role=NAME; returns the exit code. */
int sp_role_enter(const char *name);

/*
 * Start a role as a child. name may be any that sp_role_find() knows; as may
 * be NULL (same identity).
 */
SP_MUST enum sp_rc sp_role_spawn(const char *name, const struct sp_identity *as,
                                 struct sp_child *ret, struct sp_err *err);
/* Closes both descriptors. Twice is harmless; does not wait. */
void sp_child_close(struct sp_child *c);

/*
 * Become a role in this very process: channel moves to descriptor 3 and fd[i]
 * to 4 + i. The environment and everything else is gone. Returns only when it
 * failed.
 */
enum sp_rc sp_role_exec(const char *name, int channel, const int *fd, size_t n,
                        struct sp_err *err);

/* ---- stages shared by the roles ---------------------------------------- */

/*
 * Name, no dumps, umask; closes all above the channel and n_fds given ones.
 * A role that is a child of the keeper also dies with it (pdeath).
 */
SP_MUST enum sp_rc sp_stage_early(const char *name, size_t n_fds, bool pdeath);
/* HELLO with our version on the channel. */
SP_MUST enum sp_rc sp_stage_hello(unsigned bit);

struct sp_seal_list;
extern const struct sp_seal_list sp_seal_keeper;
extern const struct sp_seal_list sp_seal_proxy;

/*
 * Last: no core files, no new privileges, and the role's system calls only
 * (list NULL: no filter, for roles that start foreign programs).
 */
SP_MUST enum sp_rc sp_stage_seal(const struct sp_seal_list *list,
                                 struct sp_err *err);

int sp_keeper_main(void);
int sp_launcher_main(void);
int sp_proxy_main(void);

#endif
