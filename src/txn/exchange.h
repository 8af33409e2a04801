/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/exchange.h - drives a struct sp_txn: resolve, record, connect, close.
 *
 * Role        The outside of txn.h that HTTP requests and raw connections have
 *             in common. What differs is in struct sp_exchange_ops.
 * Ownership   Made by and belonging to a connection; it frees itself (and
 *             c->x becomes NULL) before ops->finish runs.
 */
#ifndef SP_TXN_EXCHANGE_H
#define SP_TXN_EXCHANGE_H

#include "audit/record.h"
#include "net/dial.h"
#include "txn/txn.h"

struct sp_conn;
struct sp_exchange;

struct sp_exchange_ops {
	enum sp_rec_proto proto;
	/* Judge; fills in x->decision. */
	enum sp_reason (*match)(struct sp_exchange *x);
	/* Does p allow it, too? Changes nothing. */
	enum sp_reason (*rejudge)(struct sp_exchange *x,
	                          const struct sp_policy *p);
	/* x->up is there: begin to relay. */
	void (*relay)(struct sp_exchange *x);
	/* It failed: answer, if anything can be answered. */
	void (*deny)(struct sp_exchange *x, enum sp_reason reason);
	/* It is over, recorded and freed. keep: it ended well. */
	void (*finish)(struct sp_conn *c, bool keep);
	/* What belongs to the kind. */
	void (*fini)(struct sp_exchange *x);
};

struct sp_exchange {
	const struct sp_exchange_ops *ops;
	struct sp_conn *conn;
	struct sp_txn txn;
	struct sp_policy *policy; /* the snapshot that judged it last */
	struct sp_decision decision;
	struct sp_upkey key;
	struct sp_endpoint to;
	struct sp_dial *dial;
	struct sp_upstream *up;
	bool keep_up;   /* back to the pool at the end */
	bool stale;     /* ... but not: it was vetted by an older policy */
	bool open_sent; /* the keeper has an opening record: close it */
	uint64_t id, start_us, start_mono_us, first_byte_us;
	uint16_t status;
	uint64_t n_up, n_down; /* body bytes relayed */
	char method[SP_REC_METHOD_MAX + 1];
	size_t path_n;
	bool path_cut;
	uint8_t path[SP_REC_PATH_MAX];
	char detail[SP_REC_DETAIL_MAX];
};

/* size: of the kind's struct, which begins with struct sp_exchange. */
struct sp_exchange *sp_exchange_new(struct sp_conn *c,
                                    const struct sp_exchange_ops *ops,
                                    size_t size);
void sp_exchange_set_path(struct sp_exchange *x, struct sp_str path);
void sp_exchange_detail(struct sp_exchange *x, const char *text);
/* x may be gone after each of these. */
void sp_exchange_start(struct sp_exchange *x);
/* The relay has ended, well or not. */
void sp_exchange_relayed(struct sp_exchange *x, enum sp_reason reason);
void sp_exchange_cancel(struct sp_exchange *x, enum sp_reason reason);
/* p is the policy now: what it does not allow ends, the rest goes on under
 * it. */
void sp_exchange_rejudge(struct sp_exchange *x, struct sp_policy *p);
void sp_exchange_recorded(struct sp_exchange *x, bool ok);
void sp_exchange_timeout(struct sp_exchange *x);
/* A pooled connection died before it answered: another one, without a new
 * record. ops->relay runs again, or the exchange fails. */
void sp_exchange_redial(struct sp_exchange *x);
/* The connection ends: release without an answer, with a record. */
void sp_exchange_drop(struct sp_exchange *x, enum sp_reason reason);

/* "<sandbox>-<number>", as in the record. */
void sp_exchange_id(const struct sp_exchange *x, char *buf, size_t cap);

#endif
