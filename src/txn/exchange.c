/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/exchange.c - each command of the step table has one function here. A
 * command that ends at once answers from within; the loop in run() keeps that
 * from becoming recursion. Whoever calls into this file must not touch the
 * exchange afterwards: it may be over.
 */
#include "txn/exchange.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "txn/conn.h"

#define REDIAL_MS 33000u /* as for RESOLVE and CONNECT together */

static void run(struct sp_exchange *x, struct sp_todo todo);

struct sp_exchange *sp_exchange_new(struct sp_conn *c,
                                    const struct sp_exchange_ops *ops,
                                    size_t size)
{
	struct sp_exchange *x = sp_alloc(1, size);

	sp_assert(c->x == NULL && size >= sizeof(*x));
	x->ops = ops;
	x->conn = c;
	x->policy = sp_policy_ref(c->gate->policy);
	x->id = ++c->gate->last_txn;
	x->start_us = sp_loop_wall_us();
	x->start_mono_us = sp_loop_mono_us();
	x->key = (struct sp_upkey){
		.host = c->name,
		.port = c->dest.port,
		.tls = c->scheme == SP_SCHEME_HTTPS,
		.tls_name = c->tls_name,
	};
	c->x = x;
	c->noted = true;
	return x;
}

void sp_exchange_set_path(struct sp_exchange *x, struct sp_str path)
{
	x->path_cut = path.n > sizeof(x->path);
	x->path_n = x->path_cut ? sizeof(x->path) : path.n;
	if (x->path_n > 0)
		memcpy(x->path, path.p, x->path_n);
}

void sp_exchange_detail(struct sp_exchange *x, const char *text)
{
	snprintf(x->detail, sizeof(x->detail), "%s", text);
}

void sp_exchange_id(const struct sp_exchange *x, char *buf, size_t cap)
{
	snprintf(buf, cap, "%s-%" PRIu64, x->conn->gate->id, x->id);
}

static struct sp_str text_of(const char *s)
{
	return sp_str(s);
}

/* ---------------------------------------------------------------- records */

static void fill_open(const struct sp_exchange *x, struct sp_rec_open *r)
{
	const struct sp_conn *c = x->conn;

	*r = (struct sp_rec_open){
		.id = x->id,
		.conn = c->id,
		.proto = x->ops->proto,
		.scheme = c->scheme,
		.verdict = SP_VERDICT_ALLOW,
		.observed = x->decision.observed,
		.reason = x->decision.reason,
		.port = x->key.port,
		.addr = x->to.addr,
		.host = x->key.host,
		.start_us = x->start_us,
		.method = text_of(x->method),
		.path = { x->path, x->path_n },
		.path_cut = x->path_cut,
		.rule = text_of(x->decision.rule),
	};
}

/* Denied before anything was opened: the only record of this exchange. */
static void record_denial(struct sp_exchange *x)
{
	struct sp_rec_open r;

	fill_open(x, &r);
	r.verdict = SP_VERDICT_DENY;
	r.final = true;
	r.reason = x->txn.reason;
	r.status = x->status;
	r.detail = text_of(x->detail);
	sp_link_note(x->conn->gate->link, &r);
}

static enum sp_outcome outcome_of(enum sp_reason reason)
{
	switch (sp_reason_status(reason)) {
	case 0:
		return reason == SP_REASON_NONE ? SP_OUT_COMPLETE
		                                : SP_OUT_CLIENT_GONE;
	case 408:
	case 504:
		return SP_OUT_TIMEOUT;
	case 502:
		return SP_OUT_UPSTREAM_ERROR;
	default:
		return SP_OUT_DENIED;
	}
}

static void record_end(struct sp_exchange *x)
{
	struct sp_rec_close r = {
		.id = x->id,
		.outcome = outcome_of(x->txn.reason),
		.reason = x->txn.reason,
		.status = x->status,
		.up = x->n_up,
		.down = x->n_down,
		.us = sp_loop_mono_us() - x->start_mono_us,
		.first_byte_us = x->first_byte_us,
		.addr = x->to.addr,
		.detail = text_of(x->detail),
	};

	sp_link_close_tx(x->conn->gate->link, &r);
}

/* --------------------------------------------------------------- commands */

static void answer(struct sp_exchange *x, enum sp_step_id step,
                   enum sp_reason reason)
{
	run(x, sp_txn_answer(&x->txn, step, reason));
}

static void on_resolved(void *arg, struct sp_dial *d, enum sp_reason reason)
{
	struct sp_exchange *x = arg;

	if (reason == SP_REASON_NONE)
		x->to = *sp_dial_first(d);
	else
		sp_exchange_detail(x, sp_dial_detail(d));
	answer(x, SP_TX_RESOLVE, reason);
}

static void take_upstream(struct sp_exchange *x, struct sp_upstream *u)
{
	x->up = u;
	x->to = u->to;
}

/* A pooled connection was vetted under this very policy (a new one clears the
 * pool), so its address is judged already. */
static void do_resolve(struct sp_exchange *x)
{
	struct sp_gate *g = x->conn->gate;
	struct sp_upstream *u = NULL;

	if (x->ops->proto == SP_PROTO_HTTP)
		u = sp_uppool_take(g->uppool, &x->key);
	if (u != NULL) {
		take_upstream(x, u);
		answer(x, SP_TX_RESOLVE, SP_REASON_NONE);
		return;
	}
	x->dial = sp_dial_new(&g->dialer, &x->key);
	sp_dial_resolve(x->dial, x->policy, on_resolved, x);
}

static void do_open(struct sp_exchange *x)
{
	struct sp_rec_open r;

	fill_open(x, &r);
	if (sp_link_open(x->conn->gate->link, &r, x->conn->ref) < 0) {
		answer(x, SP_TX_RECORD, SP_REASON_AUDIT);
		return;
	}
	x->open_sent = true;
}

static void on_connected(void *arg, struct sp_dial *d, enum sp_reason reason)
{
	struct sp_exchange *x = arg;

	if (reason == SP_REASON_NONE)
		take_upstream(x, sp_dial_take(d));
	else
		sp_exchange_detail(x, sp_dial_detail(d));
	sp_dial_free(d);
	x->dial = NULL;
	answer(x, SP_TX_CONNECT, reason);
}

static void do_connect(struct sp_exchange *x)
{
	if (x->up != NULL)
		answer(x, SP_TX_CONNECT, SP_REASON_NONE);
	else
		sp_dial_connect(x->dial, on_connected, x);
}

static void on_redialed(void *arg, struct sp_dial *d, enum sp_reason reason)
{
	struct sp_exchange *x = arg;

	if (reason != SP_REASON_NONE) {
		sp_exchange_detail(x, sp_dial_detail(d));
		sp_exchange_relayed(x, reason);
		return;
	}
	take_upstream(x, sp_dial_take(d));
	sp_dial_free(d);
	x->dial = NULL;
	x->ops->relay(x);
}

static void on_reresolved(void *arg, struct sp_dial *d, enum sp_reason reason)
{
	if (reason != SP_REASON_NONE)
		on_redialed(arg, d, reason);
	else
		sp_dial_connect(d, on_redialed, arg);
}

void sp_exchange_redial(struct sp_exchange *x)
{
	sp_assert(x->txn.step == SP_TX_RELAY && x->dial == NULL);
	sp_upstream_free(x->up);
	x->up = NULL;
	x->stale = false;
	sp_conn_deadline(x->conn, REDIAL_MS);
	x->dial = sp_dial_new(&x->conn->gate->dialer, &x->key);
	sp_dial_resolve(x->dial, x->policy, on_reresolved, x);
}

static void release(struct sp_exchange *x)
{
	struct sp_conn *c = x->conn;

	sp_timer_del(c->gate->loop, &c->timer);
	c->x = NULL;
	x->ops->fini(x);
	sp_dial_free(x->dial);
	if (x->up != NULL && x->keep_up && !x->stale)
		sp_uppool_put(c->gate->uppool, x->up);
	else if (x->txn.reason != SP_REASON_NONE)
		sp_upstream_abort(x->up); /* an orderly end would be a lie */
	else
		sp_upstream_free(x->up);
	sp_policy_unref(x->policy);
	sp_free(x);
}

static void do_close(struct sp_exchange *x)
{
	if (x->txn.reason != SP_REASON_NONE) {
		x->keep_up = false;
		x->ops->deny(x, x->txn.reason);
	}
	if (x->open_sent)
		record_end(x);
	else
		record_denial(x);
	answer(x, SP_TX_CLOSE, SP_REASON_NONE);
}

static void do_free(struct sp_exchange *x)
{
	const struct sp_exchange_ops *ops = x->ops;
	bool keep = x->txn.reason == SP_REASON_NONE;
	struct sp_conn *c = x->conn;

	release(x);
	ops->finish(c, keep);
}

static void do_match(struct sp_exchange *x)
{
	answer(x, SP_TX_MATCH, x->ops->match(x));
}

static void do_relay(struct sp_exchange *x)
{
	x->ops->relay(x);
}

static void do_nothing(struct sp_exchange *x)
{
	(void)x;
}

static void (*const commands[])(struct sp_exchange *x) = {
	[SP_CMD_NONE] = do_nothing,    [SP_CMD_MATCH] = do_match,
	[SP_CMD_RESOLVE] = do_resolve, [SP_CMD_AUDIT_OPEN] = do_open,
	[SP_CMD_CONNECT] = do_connect, [SP_CMD_RELAY] = do_relay,
	[SP_CMD_CLOSE] = do_close,     [SP_CMD_FREE] = do_free,
};

/* Depth: one frame per step, and steps only move forward. */
static void run(struct sp_exchange *x, struct sp_todo todo)
{
	if (todo.wait_ms > 0 && todo.command != SP_CMD_FREE)
		sp_conn_deadline(x->conn, todo.wait_ms);
	commands[todo.command](x);
}

void sp_exchange_start(struct sp_exchange *x)
{
	run(x, sp_txn_start(&x->txn));
}

void sp_exchange_relayed(struct sp_exchange *x, enum sp_reason reason)
{
	answer(x, SP_TX_RELAY, reason);
}

void sp_exchange_cancel(struct sp_exchange *x, enum sp_reason reason)
{
	run(x, sp_txn_cancel(&x->txn, reason));
}

/* The addresses that it uses, or is about to use. */
static enum sp_reason rejudge_addresses(struct sp_exchange *x,
                                        const struct sp_policy *p)
{
	struct sp_decision v;
	enum sp_reason r;

	if (x->up != NULL) {
		r = sp_upkey_vet(p, &x->key, &x->up->to, &v);
		if (r != SP_REASON_NONE)
			sp_exchange_detail(x, v.rule);
		return r;
	}
	if (x->dial == NULL)
		return SP_REASON_NONE;
	r = sp_dial_rejudge(x->dial, p);
	if (r != SP_REASON_NONE)
		sp_exchange_detail(x, sp_dial_detail(x->dial));
	return r;
}

void sp_exchange_rejudge(struct sp_exchange *x, struct sp_policy *p)
{
	enum sp_reason r = x->ops->rejudge(x, p);

	if (r == SP_REASON_NONE)
		r = rejudge_addresses(x, p);
	if (r != SP_REASON_NONE) {
		sp_exchange_cancel(x, r);
		return;
	}
	sp_policy_unref(x->policy);
	x->policy = sp_policy_ref(p);
	x->stale = x->up != NULL;
}

void sp_exchange_recorded(struct sp_exchange *x, bool ok)
{
	answer(x, SP_TX_RECORD, ok ? SP_REASON_NONE : SP_REASON_AUDIT);
}

void sp_exchange_timeout(struct sp_exchange *x)
{
	sp_exchange_cancel(x, sp_txn_timeout(&x->txn));
}

void sp_exchange_drop(struct sp_exchange *x, enum sp_reason reason)
{
	if (x->txn.step < SP_TX_CLOSE) {
		x->txn.reason = reason;
		if (x->open_sent)
			record_end(x);
		else
			record_denial(x);
	}
	x->keep_up = false;
	release(x);
}
