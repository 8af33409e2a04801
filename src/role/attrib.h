/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/attrib.h - which process made this connection?
 *
 * Role        A sock_diag socket that was made in the sandbox's network
 *             namespace goes on asking about that namespace. Both ends of an
 *             accepted connection give the inode of the client's socket; the
 *             inode leads to a process through /proc/PID/fd. Evidence for
 *             people, not a policy boundary: processes of one sandbox can
 *             trace each other.
 * Limits      SP_ATTRIB_PROCS processes and SP_ATTRIB_LINKS descriptors are
 *             looked at per question, because the sandbox decides how many
 *             there are. What is not found within that is unknown.
 * Failure     Unknown (pid 0). Never a reason to deny.
 */
#ifndef SP_ROLE_ATTRIB_H
#define SP_ROLE_ATTRIB_H

#include <sys/types.h>

#include "name/addr.h"

#define SP_ATTRIB_PROCS    512u
#define SP_ATTRIB_LINKS    2048u
#define SP_ATTRIB_COMM_MAX 16u

struct sp_attrib_end {
	struct sp_addr addr;
	uint16_t port;
};

struct sp_attrib_proc {
	pid_t pid; /* 0: unknown */
	char comm[SP_ATTRIB_COMM_MAX + 1];
};

/* The socket that client holds for a connection to dest, or SP_E_STATE. */
SP_MUST enum sp_rc sp_attrib_inode(int diag, const struct sp_attrib_end *client,
                                   const struct sp_attrib_end *dest,
                                   uint32_t *ret);
/* Among root and its descendants; hint (may be 0) is looked at first. */
void sp_attrib_find(pid_t root, pid_t hint, uint32_t inode,
                    struct sp_attrib_proc *ret);

/* ---- what was found, by connection ------------------------------------- */

#define SP_ATTRIB_CONNS 1024u /* power of two; newer ones displace older */

struct sp_attrib_conn {
	uint64_t conn;
	struct sp_attrib_proc proc;
};

struct sp_attrib_table {
	struct sp_attrib_conn *conn; /* made when first used */
	pid_t last;
};

void sp_attrib_put(struct sp_attrib_table *t, uint64_t conn,
                   const struct sp_attrib_proc *p);
/* NULL when it is not (or no longer) known. */
const struct sp_attrib_proc *sp_attrib_get(const struct sp_attrib_table *t,
                                           uint64_t conn);
void sp_attrib_fini(struct sp_attrib_table *t);

#endif
