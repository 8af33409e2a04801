/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/txn.c - the steps as a table, and the one function that moves on.
 *
 * No step calls another: a step ends well and the table names the next one, or
 * it ends badly, and every failure leaves through the same door (CLOSE).
 *
 * Answers name the step they belong to. Without that, the second copy of the
 * keeper's answer to RECORD would pass for an answer to a later step, and a
 * record that was never written would count as written.
 */
#include "txn/txn.h"

static const struct step {
	const char *name; /* in traces */
	enum sp_command ask;
	uint32_t wait_ms;
	enum sp_reason late; /* what it means when the deadline passes */
	enum sp_step_id next;
} steps[SP_TX_STEPS] = {
	[SP_TX_MATCH] = {
		.name = "match",
		.ask = SP_CMD_MATCH,
		.wait_ms = 1000, /* decides at once; the handler waits here */
		.late = SP_REASON_INTERNAL,
		.next = SP_TX_RESOLVE,
	},
	[SP_TX_RESOLVE] = {
		.name = "resolve",
		.ask = SP_CMD_RESOLVE,
		.wait_ms = 8000, /* two tries of 3 s, and some */
		.late = SP_REASON_DNS_TIMEOUT,
		.next = SP_TX_RECORD,
	},
	[SP_TX_RECORD] = {
		.name = "record",
		.ask = SP_CMD_AUDIT_OPEN,
		.wait_ms = 2000,
		.late = SP_REASON_AUDIT,
		.next = SP_TX_CONNECT,
	},
	[SP_TX_CONNECT] = {
		.name = "connect",
		.ask = SP_CMD_CONNECT,
		.wait_ms = 25000, /* the dialer has its own: 15 s and 10 s */
		.late = SP_REASON_CONNECT_TIMEOUT,
		.next = SP_TX_RELAY,
	},
	[SP_TX_RELAY] = {
		.name = "relay",
		.ask = SP_CMD_RELAY,
		.wait_ms = 0, /* head and silence timeouts are the relay's */
		.late = SP_REASON_IDLE_TIMEOUT,
		.next = SP_TX_CLOSE,
	},
	[SP_TX_CLOSE] = {
		.name = "close",
		.ask = SP_CMD_CLOSE,
		.wait_ms = 5000,
		.late = SP_REASON_INTERNAL,
		.next = SP_TX_END,
	},
	[SP_TX_END] = {
		.name = "end",
		.ask = SP_CMD_FREE,
	},
};

static struct sp_todo todo(const struct sp_txn *t, enum sp_command c)
{
	return (struct sp_todo){
		.command = c,
		.step = t->step,
		.wait_ms = c == SP_CMD_NONE ? 0 : steps[t->step].wait_ms,
	};
}

static struct sp_todo enter(struct sp_txn *t, enum sp_step_id step)
{
	sp_assert(step > t->step);
	t->step = step;
	return todo(t, steps[step].ask);
}

struct sp_todo sp_txn_start(struct sp_txn *t)
{
	*t = (struct sp_txn){ .step = SP_TX_MATCH };
	return todo(t, steps[SP_TX_MATCH].ask);
}

struct sp_todo sp_txn_cancel(struct sp_txn *t, enum sp_reason reason)
{
	sp_assert(reason != SP_REASON_NONE);
	if (t->step >= SP_TX_CLOSE)
		return todo(t, SP_CMD_NONE);
	t->reason = reason;
	return enter(t, SP_TX_CLOSE);
}

struct sp_todo sp_txn_answer(struct sp_txn *t, enum sp_step_id step,
                             enum sp_reason reason)
{
	if (step != t->step || step == SP_TX_END)
		return todo(t, SP_CMD_NONE);
	if (reason != SP_REASON_NONE && step < SP_TX_CLOSE)
		return sp_txn_cancel(t, reason);
	return enter(t, steps[step].next);
}

enum sp_reason sp_txn_timeout(const struct sp_txn *t)
{
	return steps[t->step].late;
}

const char *sp_txn_step_name(const struct sp_txn *t)
{
	return steps[t->step].name;
}
