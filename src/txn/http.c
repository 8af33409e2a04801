/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/http.c - HTTP/1 requests on one client connection, strictly one at a
 * time: the state of the connection, its timeouts, and what a denial says.
 */
#include "txn/http_int.h"

/* What to do, with the very line of the policy where there is one. */
static void write_hint(const struct sp_exchange *x, enum sp_reason reason,
                       char *hint, size_t cap)
{
	char line[SP_POLICY_FIX_MAX] = "";
	struct sp_request rq = {
		.host = &x->key.host,
		.port = x->key.port,
		.scheme = x->conn->scheme,
		.method = sp_str(x->method),
		.path = { x->path, x->path_n },
	};
	struct sp_decision d = x->decision;

	d.reason = reason;
	sp_policy_fix(x->policy, &rq, &d, line);
	snprintf(hint, cap, line[0] != '\0' ? "%s; the line: %s" : "%s%s",
	         sp_reason_hint(reason), line);
}

/* A response that began cannot become another one: cut it, visibly. */
static void deny(struct sp_exchange *x, enum sp_reason reason)
{
	struct sp_http *t = sp_http_of(x);
	struct sp_conn *c = x->conn;
	char id[48], hint[SP_POLICY_FIX_MAX + 160];
	struct sp_denial d = {
		.reason = reason,
		.detail = sp_str(x->detail),
		.host = sp_host_str(&x->key.host),
		.port = x->key.port,
		.method = sp_str(x->method),
		.path = { x->path, x->path_n },
		.accept = { (const uint8_t *)t->accept, t->accept_n },
		.rule = sp_str(x->decision.rule),
		.close = true,
		.client_minor = t->client_minor,
	};

	if (t->resp_started || sp_reason_status(reason) == 0) {
		t->client_keep = false;
		sp_conn_abort(c);
		return;
	}
	sp_exchange_id(x, id, sizeof(id));
	write_hint(x, reason, hint, sizeof(hint));
	d.hint = sp_str(hint);
	d.id = sp_str(id);
	d.close = !t->client_keep || !t->req_done;
	t->client_keep = !d.close;
	x->status = sp_reason_status(reason);
	sp_buf_reset(&c->gate->scratch);
	sp_denial_write(&d, &c->gate->scratch);
	sp_flow_send(&c->client, sp_buf_str(&c->gate->scratch));
}

static void fini(struct sp_exchange *x)
{
	struct sp_http *t = sp_http_of(x);

	x->conn->scan = 0;
	/* finish() has no exchange any more: leave it a note. */
	if (!t->client_keep)
		sp_conn_drain(x->conn);
	sp_buf_fini(&t->head);
	sp_h1_body_fini(&t->req);
	sp_h1_body_fini(&t->resp);
}

static void finish(struct sp_conn *c, bool keep)
{
	(void)keep;
	sp_flow_flush(&c->client);
	if (c->state == SP_CONN_HTTP)
		sp_conn_deadline(c, KEEP_ALIVE_MS);
	sp_conn_kick(c);
}

const struct sp_exchange_ops sp_http_ops = {
	.proto = SP_PROTO_HTTP,
	.rejudge = sp_http_rejudge,
	.match = sp_http_judge,
	.relay = sp_http_start_relay,
	.deny = deny,
	.finish = finish,
	.fini = fini,
};

/*
 * A client that sends requests and reads no answers waits, and so does
 * everybody while the keeper cannot keep up: sp_gate_relieved() comes then.
 */
static bool may_answer(struct sp_conn *c)
{
	if (sp_flow_room(&c->client) < SP_HTTP_ROOM)
		sp_flow_flush(&c->client); /* or there will be an event */
	return sp_flow_room(&c->client) >= SP_HTTP_ROOM &&
	       sp_link_healthy(c->gate->link);
}

static bool next_request(struct sp_conn *c)
{
	size_t n = sp_buf_len(&c->client.plain);

	if (c->client.dead || c->client.gone) {
		c->over = true;
		return false;
	}
	if (n > 0 && !may_answer(c))
		return false;
	if (n > 0 && sp_http_take_head(c))
		return true;
	if (c->client.eof) {
		sp_conn_drain(c); /* it may still read */
		return true;
	}
	if (n == 0) {
		sp_flow_shrink(&c->client);
	} else if (!c->in_head) { /* not again for each byte: slow senders */
		c->in_head = true;
		sp_conn_deadline(c, HEAD_MS);
	}
	return false;
}

/* The deadline of CONTINUE_MS has passed: the server will not say it. */
static bool say_continue(struct sp_http *t)
{
	struct sp_buf *b = &t->x.conn->gate->scratch;

	if (!t->relaying || !t->hold)
		return false;
	t->hold = false;
	sp_buf_reset(b);
	sp_h1_write_continue(b);
	sp_flow_send(&t->x.conn->client, sp_buf_str(b));
	sp_http_relay_deadline(t);
	sp_conn_kick(t->x.conn);
	return true;
}

void sp_http_timeout(struct sp_conn *c)
{
	struct sp_http *t = (struct sp_http *)c->x;

	if (t == NULL) { /* between requests, or within a head */
		if (!may_answer(c)) {
			sp_conn_abort(c); /* it has not read for so long */
		} else if (sp_buf_len(&c->client.plain) > 0) {
			struct sp_h1_error why = { SP_REASON_HEAD_TIMEOUT,
				                   "head", 0 };

			sp_http_refuse_head(c, &why);
		} else {
			sp_conn_drain(c);
		}
		return;
	}
	if (say_continue(t))
		return;
	if (t->x.txn.step == SP_TX_RELAY && !t->relaying)
		sp_exchange_cancel(c->x, SP_REASON_CONNECT_TIMEOUT);
	else if (t->relaying && !t->req_done && !t->up_full && !t->resp_started)
		sp_exchange_cancel(c->x, SP_REASON_BODY_TIMEOUT);
	else if (t->relaying && !t->resp_started)
		sp_exchange_cancel(c->x, SP_REASON_UPSTREAM_TIMEOUT);
	else
		sp_exchange_timeout(c->x);
}

bool sp_http_run(struct sp_conn *c)
{
	struct sp_http *t = (struct sp_http *)c->x;

	if (t == NULL)
		return next_request(c);
	if (c->client.dead || c->client.gone) {
		sp_exchange_cancel(c->x, SP_REASON_CLIENT_GONE);
		return false;
	}
	return t->relaying && t->x.up != NULL && sp_http_relay(t);
}
