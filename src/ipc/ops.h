/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/ops.h - what each role may ask for.
 *
 * Role        One table per receiving role: who may send an operation, how
 *             long it may be, how many descriptors come with it, how often.
 *             A peer that asks for more is compromised: SP_E_STATE tells the
 *             caller to kill it and to deny what it had open, not to answer.
 * Limits      The table is the limit; handlers see only what passed it.
 */
#ifndef SP_IPC_OPS_H
#define SP_IPC_OPS_H

#include "ipc/chan.h"

/* Type, name in traces. The numbers are part of doc/PROTOCOL.ipc. */
#define SP_IPC_LIST(X)                                                         \
	X(HELLO, "hello")                                                      \
	/* launcher to keeper, and its answers */                              \
	X(RUN, "run")                                                          \
	X(RUN_OK, "run-ok")                                                    \
	X(FAIL, "fail")                                                        \
	X(LISTENERS, "listeners")                                              \
	X(POLICY, "policy")                                                    \
	X(POLICY_OK, "policy-ok")                                              \
	X(ENDED, "ended")                                                      \
	X(KILL, "kill")                                                        \
	X(NOTICE, "notice")                                                    \
	/* keeper and proxy */                                                 \
	X(CONFIG, "config")                                                    \
	X(READY, "ready")                                                      \
	X(MINT, "mint")                                                        \
	X(LEAF, "leaf")                                                        \
	X(AUDIT, "audit")                                                      \
	X(ACK, "ack")                                                          \
	X(STOP, "stop")                                                        \
	/* operator's questions */                                             \
	X(PS, "ps")                                                            \
	X(PS_ROW, "ps-row")                                                    \
	X(DONE, "done")                                                        \
	/* who starts a keeper, and that keeper */                             \
	X(START, "start")

enum sp_ipc_type {
#define X(id, name) SP_IPC_##id,
	SP_IPC_LIST(X)
#undef X
};

#define SP_IPC_TYPES   SP_LIST_COUNT(SP_IPC_LIST)
#define SP_IPC_VERSION 1u

enum sp_role_bit {
	SP_R_KEEPER = 1 << 0,
	SP_R_PROXY = 1 << 1,
	SP_R_INIT = 1 << 2,
	SP_R_LAUNCHER = 1 << 3,
	SP_R_CLIENT = 1 << 4,  /* ps, kill, policy */
	SP_R_STARTER = 1 << 5, /* whoever starts a keeper */
	SP_R_GUEST = 1 << 6,   /* connected, has not said HELLO */
};

struct sp_peer {
	unsigned role; /* one sp_role_bit, set by who spawned it */
	int sock;
	uint32_t used; /* bit per type: operations already used once */
	void *owner;   /* the receiving role's own state */
};

struct sp_op {
	unsigned from; /* sp_role_bits allowed to send it */
	uint32_t max;  /* longest body accepted */
	uint8_t fds;   /* descriptors that must come with it */
	uint8_t more;  /* and how many more may */
	bool once;     /* a second one is a violation */
	enum sp_rc (*run)(struct sp_peer *p, struct sp_packet *m);
};

const char *sp_ipc_name(unsigned type);

/* SP_DONE from a handler ends the conversation. ops has SP_IPC_TYPES rows. */
SP_MUST enum sp_rc sp_ops_dispatch(const struct sp_op *ops, struct sp_peer *p,
                                   struct sp_packet *m);

#endif
