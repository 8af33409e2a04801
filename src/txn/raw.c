/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/raw.c - connections that are relayed as they are: a tcp rule, or TLS to
 * a host that policy splices.
 *
 * Both directions are copied with back-pressure and half-close. In a spliced
 * TLS connection the client may send a second ClientHello (after a
 * HelloRetryRequest); its server name must be the first one's, or the name
 * that was judged would not be the name that is used.
 */
#include "core/alloc.h"
#include "txn/conn.h"

#define IDLE_MS 7200000u /* TCP keep-alive finds dead peers much earlier */

struct raw {
	struct sp_exchange x; /* first */
	bool relaying;
	bool watch_hello;  /* plaintext handshake records may still come */
	size_t hello_left; /* bytes of the first hello not yet passed on */
	struct sp_host sni;
	bool has_sni;
	bool up_shut, client_shut;
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
	struct raw *t = (struct raw *)sp_exchange_new(
		c, tls ? &tls_ops : &tcp_ops, sizeof(*t));

	c->state = SP_CONN_RAW;
	t->x.key.tls = false; /* not by us */
	t->watch_hello = tls;
	t->hello_left = sp_buf_len(&c->client.plain);
	t->sni = c->tls_name;
	sp_exchange_start(&t->x);
}

/*
 * The records behind the first hello, while they are plaintext: another
 * handshake record must be a hello for the same name. True: go on.
 */
static bool same_name_again(struct raw *t, struct sp_str in)
{
	struct sp_hello h;
	enum sp_rc rc;

	if (in.n == 0 || !t->watch_hello)
		return true;
	if (in.p[0] != 0x16) { /* change cipher spec, alert, data: encrypted
		                * or nothing that carries a name */
		t->watch_hello = false;
		return true;
	}
	rc = sp_hello_parse(in, &h);
	if (rc == SP_OK)
		return true; /* decided when it is whole: see pass() */
	t->watch_hello = false;
	/* TLS 1.2: ClientKeyExchange is a plaintext handshake record, too. */
	if (rc < 0)
		return in.n > 5 && in.p[5] != 0x01;
	return !h.has_sni || sp_host_eq(&h.sni, &t->sni);
}

/* How many bytes of the client may go on now. */
static size_t pass(struct raw *t, struct sp_str in)
{
	struct sp_hello h;

	if (t->hello_left > 0)
		return t->hello_left < in.n ? t->hello_left : in.n;
	if (t->watch_hello && in.n > 0 && in.p[0] == 0x16 &&
	    sp_hello_parse(in, &h) == SP_OK)
		return 0;
	return in.n;
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

static bool client_to_server(struct raw *t)
{
	struct sp_conn *c = t->x.conn;
	struct sp_buf *in = &c->client.plain;
	struct sp_flow *up = &t->x.up->flow;
	size_t n;

	if (t->hello_left == 0 && !same_name_again(t, sp_buf_str(in)))
		return false;
	n = copy(in, up, pass(t, sp_buf_str(in)));
	t->hello_left -= n < t->hello_left ? n : t->hello_left;
	t->x.n_up += n;
	if (c->client.eof && sp_buf_len(in) == 0 && !t->up_shut) {
		t->up_shut = true;
		sp_flow_shut(up);
	}
	sp_flow_flush(up);
	return true;
}

static void server_to_client(struct raw *t)
{
	struct sp_conn *c = t->x.conn;
	struct sp_flow *up = &t->x.up->flow;

	t->x.n_down += copy(&up->plain, &c->client, sp_buf_len(&up->plain));
	if (up->eof && sp_buf_len(&up->plain) == 0 && !t->client_shut) {
		t->client_shut = true;
		sp_flow_shut(&c->client);
	}
	sp_flow_flush(&c->client);
}

/* Is there more to do that no event will tell? */
static bool goes_on(const struct raw *t)
{
	const struct sp_flow *up = &t->x.up->flow, *client = &t->x.conn->client;

	if (sp_buf_len(&up->plain) > 0 && sp_flow_idle(client))
		return true;
	if (t->hello_left == 0 && !t->watch_hello &&
	    sp_buf_len(&client->plain) > 0 && sp_flow_idle(up))
		return true;
	return sp_flow_may_have_more(up) && sp_flow_room(client) > 0;
}

bool sp_raw_run(struct sp_conn *c)
{
	struct raw *t = (struct raw *)c->x;
	struct sp_flow *up;

	if (c->client.dead) {
		sp_exchange_cancel(c->x, SP_REASON_CLIENT_GONE);
		return false;
	}
	if (!t->relaying || t->x.up == NULL)
		return false;
	up = &t->x.up->flow;
	sp_flow_fill(up);
	if (!client_to_server(t)) {
		sp_exchange_relayed(&t->x, SP_REASON_SNI_MISMATCH);
		return false;
	}
	server_to_client(t);
	if (t->client_shut && up->truncated) {
		sp_exchange_relayed(&t->x, SP_REASON_UPSTREAM_RESET);
		return false;
	}
	if (t->client_shut && (t->up_shut || up->dead)) {
		if (sp_flow_idle(&c->client) && sp_flow_idle(up))
			sp_exchange_relayed(&t->x, SP_REASON_NONE);
		return false;
	}
	sp_conn_deadline(c, IDLE_MS);
	if (goes_on(t))
		sp_loop_again(c->gate->loop, &c->job);
	return false;
}
