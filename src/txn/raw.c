/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/raw.c - connections that are relayed as they are: a tcp rule, or TLS to
 * a host that policy splices.
 *
 * Both directions are copied with back-pressure and half-close. In a spliced
 * TLS connection the client may send a second ClientHello (after a
 * HelloRetryRequest); its server name must be the first one's, or the name
 * that was judged would not be the name that is used: see tls/retry.h.
 */
#include "core/alloc.h"
#include "tls/retry.h"
#include "txn/conn.h"

#define IDLE_MS 7200000u /* TCP keep-alive finds dead peers much earlier */

struct raw {
	struct sp_exchange x; /* first */
	bool relaying;
	bool up_full; /* bytes wait for room there */
	bool up_shut, client_shut;
	struct sp_retry retry;
};

static struct raw *raw_of(struct sp_exchange *x)
{
	return (struct raw *)x;
}

static enum sp_reason match(struct sp_exchange *x)
{
	x->decision = x->conn->connect;
	return x->decision.verdict == SP_VERDICT_ALLOW ? SP_REASON_NONE
	                                               : x->decision.reason;
}

/* A connection that a new policy would not let begin ends. */
static enum sp_reason rejudge(struct sp_exchange *x, const struct sp_policy *p)
{
	struct sp_decision v;

	if (x->ops->proto == SP_PROTO_TCP) {
		struct sp_request rq = {
			.host = &x->key.host,
			.port = x->key.port,
			.scheme = SP_SCHEME_TCP,
		};

		sp_policy_request(p, &rq, &v);
		return v.verdict == SP_VERDICT_ALLOW ? SP_REASON_NONE
		                                     : v.reason;
	}
	sp_policy_connect(p, &x->key.host, x->key.port, &v);
	if (v.verdict == SP_VERDICT_ALLOW && v.tls != SP_TLS_SPLICE)
		return SP_REASON_RULE_DENIED;
	return v.verdict == SP_VERDICT_ALLOW ? SP_REASON_NONE : v.reason;
}

static void on_upstream(void *arg)
{
	struct sp_exchange *x = arg;

	sp_conn_kick(x->conn);
}

static void start_relay(struct sp_exchange *x)
{
	x->up->flow.on_ready = on_upstream;
	x->up->flow.arg = x;
	raw_of(x)->relaying = true;
	sp_conn_deadline(x->conn, IDLE_MS);
	sp_conn_kick(x->conn);
}

/* Nothing can be explained here: the client sees a reset. */
static void deny(struct sp_exchange *x, enum sp_reason reason)
{
	(void)reason;
	sp_conn_abort(x->conn);
}

static void finish(struct sp_conn *c, bool keep)
{
	if (keep)
		sp_conn_drain(c);
	else
		sp_conn_abort(c);
}

static void fini(struct sp_exchange *x)
{
	(void)x;
}

static const struct sp_exchange_ops tls_ops = {
	.proto = SP_PROTO_TLS,
	.match = match,
	.rejudge = rejudge,
	.relay = start_relay,
	.deny = deny,
	.finish = finish,
	.fini = fini,
};

static const struct sp_exchange_ops tcp_ops = {
	.proto = SP_PROTO_TCP,
	.match = match,
	.rejudge = rejudge,
	.relay = start_relay,
	.deny = deny,
	.finish = finish,
	.fini = fini,
};

void sp_raw_start(struct sp_conn *c, bool tls)
{
	struct sp_hello h = { 0 };
	struct raw *t = (struct raw *)sp_exchange_new(
		c, tls ? &tls_ops : &tcp_ops, sizeof(*t));

	c->state = SP_CONN_RAW;
	t->x.key.tls = false; /* not by us */
	if (!tls || sp_hello_parse(sp_buf_str(&c->client.plain), &h) != SP_DONE)
		h.wire_n = 0;
	sp_retry_init(&t->retry, &h);
	if (!tls)
		t->retry.state = SP_RETRY_OVER;
	sp_exchange_start(&t->x);
}

static size_t copy(struct sp_buf *from, struct sp_flow *to, size_t n)
{
	size_t room = sp_flow_room(to);
	struct sp_str s = sp_buf_str(from);

	if (n > room)
		n = room;
	if (n == 0)
		return 0;
	sp_flow_send(to, (struct sp_str){ s.p, n });
	sp_buf_consume(from, n);
	return n;
}

static enum sp_reason client_to_server(struct raw *t)
{
	struct sp_conn *c = t->x.conn;
	struct sp_buf *in = &c->client.plain;
	struct sp_flow *up = &t->x.up->flow;
	size_t may, n;

	do {
		if (sp_retry_client(&t->retry, sp_buf_str(in), &may) < 0)
			return SP_REASON_SNI_MISMATCH;
		n = copy(in, up, may);
		sp_retry_passed(&t->retry, n);
		t->x.n_up += n;
	} while (n > 0 && sp_buf_len(in) > 0);
	t->up_full = may > n;
	if (c->client.eof && sp_buf_len(in) == 0 && !t->up_shut) {
		t->up_shut = true;
		sp_flow_shut(up);
	}
	sp_flow_flush(up);
	/* What is held back will never be complete. */
	if (c->client.eof && sp_buf_len(in) > 0 && may == 0)
		return SP_REASON_CLIENT_GONE;
	return SP_REASON_NONE;
}

static void server_to_client(struct raw *t)
{
	struct sp_conn *c = t->x.conn;
	struct sp_flow *up = &t->x.up->flow;
	struct sp_str s = sp_buf_str(&up->plain);

	if (s.n > sp_flow_room(&c->client))
		s.n = sp_flow_room(&c->client);
	sp_retry_server(&t->retry, s);
	t->x.n_down += copy(&up->plain, &c->client, s.n);
	if (up->eof && !up->truncated && sp_buf_len(&up->plain) == 0 &&
	    !t->client_shut) {
		t->client_shut = true;
		sp_flow_shut(&c->client);
	}
	sp_flow_flush(&c->client);
}

/* The server has ended, and the client has got all of it. */
static bool server_is_done(const struct raw *t)
{
	const struct sp_flow *up = &t->x.up->flow;

	return up->eof && sp_buf_len(&up->plain) == 0 &&
	       sp_flow_idle(&t->x.conn->client);
}

/* Is there more to do that no event will tell? */
static bool goes_on(const struct raw *t)
{
	const struct sp_flow *up = &t->x.up->flow, *client = &t->x.conn->client;
	bool room = sp_flow_room(client) > 0;

	return (sp_buf_len(&up->plain) > 0 && sp_flow_idle(client) && room) ||
	       (t->up_full && sp_flow_idle(up) && sp_flow_room(up) > 0) ||
	       (sp_flow_may_have_more(up) && room);
}

static bool relay(struct raw *t)
{
	struct sp_conn *c = t->x.conn;
	struct sp_flow *up = &t->x.up->flow;
	enum sp_reason r;

	sp_flow_fill(up);
	server_to_client(t);
	r = client_to_server(t);
	if (r != SP_REASON_NONE) {
		sp_exchange_relayed(&t->x, r);
		return false;
	}
	if (server_is_done(t) &&
	    (up->truncated || up->gone || (t->up_shut && sp_flow_idle(up)))) {
		sp_exchange_relayed(&t->x, up->truncated
		                                   ? SP_REASON_UPSTREAM_RESET
		                                   : SP_REASON_NONE);
		return false;
	}
	sp_conn_deadline(c, IDLE_MS);
	if (goes_on(t))
		sp_loop_again(c->gate->loop, &c->job);
	return false;
}

bool sp_raw_run(struct sp_conn *c)
{
	struct raw *t = (struct raw *)c->x;

	if (t == NULL)
		return false;
	if (c->client.dead || c->client.gone) {
		sp_exchange_cancel(c->x, SP_REASON_CLIENT_GONE);
		return false;
	}
	return t->relaying && t->x.up != NULL && relay(t);
}
