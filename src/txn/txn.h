/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/txn.h - one exchange between a sandbox and an upstream server.
 *
 * Role        Decides the order. It gives out one command at a time and is
 *             told how the command ended; sockets, timers, the resolver and
 *             the keeper are on the other side of this interface, so every
 *             order of events can be tested without one of them.
 * Ownership   A value inside the exchange it serves.
 * Limits      Every wait has a deadline, and every deadline is a denial.
 * Invariants  Nothing is resolved before match agreed. The open record is
 *             acknowledged before connect. Every transaction gets exactly one
 *             closing record (the only one if it was denied before RECORD).
 *             Steps only move forward, so a transaction ends.
 */
#ifndef SP_TXN_TXN_H
#define SP_TXN_TXN_H

#include "policy/reason.h"

/* The order is the life of a request. */
enum sp_step_id {
	SP_TX_MATCH,
	SP_TX_RESOLVE,
	SP_TX_RECORD,
	SP_TX_CONNECT,
	SP_TX_RELAY,
	SP_TX_CLOSE,
	SP_TX_END,
};

#define SP_TX_STEPS (SP_TX_END + 1)

/* What the outside has to do next. */
enum sp_command {
	SP_CMD_NONE, /* the answer was late or doubled: nothing changes */
	SP_CMD_MATCH,
	SP_CMD_RESOLVE,    /* choose and pin permitted addresses */
	SP_CMD_AUDIT_OPEN, /* done: the keeper has it */
	SP_CMD_CONNECT,    /* done: upstream certificate verified */
	SP_CMD_RELAY,      /* both bodies */
	SP_CMD_CLOSE, /* answer if nothing was answered, write the record */
	SP_CMD_FREE,  /* over; keep the connection alive or close it */
};

struct sp_txn {
	enum sp_step_id step;
	enum sp_reason reason; /* why it failed; NONE while it has not */
};

/* The caller keeps step and hands it back with the answer. */
struct sp_todo {
	enum sp_command command;
	enum sp_step_id step;
	uint32_t wait_ms; /* arm this deadline; 0: the body timeouts hold */
};

struct sp_todo sp_txn_start(struct sp_txn *t);

/*
 * The command given for step has ended: well (SP_REASON_NONE) or badly.
 * Answers for any other step than the current one are ignored.
 */
struct sp_todo sp_txn_answer(struct sp_txn *t, enum sp_step_id step,
                             enum sp_reason reason);

/* The peer went away, or the policy was revoked, whatever we waited for. */
struct sp_todo sp_txn_cancel(struct sp_txn *t, enum sp_reason reason);

/* What a deadline that passes in this step means. */
enum sp_reason sp_txn_timeout(const struct sp_txn *t);
const char *sp_txn_step_name(const struct sp_txn *t);

#endif
