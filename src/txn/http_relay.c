/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/http_relay.c - both bodies of an exchange, and the response head.
 */
#include "txn/http_int.h"

/* ------------------------------------------------------------ moving bytes */

/* A piece of a body into a flow, framed as out says. */
static void put_piece(struct sp_gate *g, struct sp_flow *to,
                      enum sp_h1_framing out, struct sp_str piece)
{
	struct sp_buf *b = &g->scratch;

	if (out != SP_H1_CHUNKED) {
		sp_flow_send(to, piece);
		return;
	}
	sp_buf_reset(b);
	sp_h1_chunk_begin(b, piece.n);
	sp_flow_send(to, sp_buf_str(b));
	sp_flow_send(to, piece);
	sp_buf_reset(b);
	sp_h1_chunk_end(b);
	sp_flow_send(to, sp_buf_str(b));
}

/* The end of a chunked body, with the trailers that may pass: those that were
 * announced (RFC 9110, 6.6.2). */
static enum sp_rc put_last(struct sp_gate *g, struct sp_flow *to,
                           const struct sp_h1_body *b, bool announced)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf trailers;
	struct sp_h1_error why;

	sp_buf_init(&trailers, 2 * SP_CHUNKED_META_MAX);
	if (announced && sp_buf_len(&b->trailers) > 0)
		SP_TRY(sp_h1_filter_trailers(sp_buf_str(&b->trailers),
		                             &trailers, &why));
	sp_buf_reset(&g->scratch);
	sp_h1_chunk_last(&g->scratch, sp_buf_str(&trailers));
	sp_flow_send(to, sp_buf_str(&g->scratch));
	return SP_OK;
}

struct mover {
	struct sp_gate *gate;
	struct sp_buf *in;
	struct sp_flow *to;
	struct sp_h1_body *body;
	enum sp_h1_framing out;
	uint64_t *count;
	bool full; /* stopped for lack of room, not of bytes */
};

/*
 * SP_OK nothing more can be moved now; SP_DONE the body is complete; < 0
 * malformed.
 */
static enum sp_rc move(struct mover *m)
{
	for (;;) {
		struct sp_str all = sp_buf_str(m->in), in = all, piece;
		size_t room = sp_flow_room(m->to);
		enum sp_rc rc;

		m->full = in.n > 0 && room <= CHUNK_ROOM;
		if (in.n == 0 || m->full)
			return SP_OK;
		if (in.n > room - CHUNK_ROOM)
			in.n = room - CHUNK_ROOM;
		all.n = in.n;
		rc = sp_h1_body_feed(m->body, &in, &piece);
		if (rc < 0)
			return rc;
		if (piece.n > 0)
			put_piece(m->gate, m->to, m->out, piece);
		*m->count += piece.n;
		sp_buf_consume(m->in, all.n - in.n);
		if (rc == SP_DONE)
			return SP_DONE;
	}
}

static enum sp_reason move_request(struct sp_http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	uint64_t before = x->n_up;
	struct mover m = {
		.gate = c->gate,
		.in = &c->client.plain,
		.to = &x->up->flow,
		.body = &t->req,
		.out = t->req.framing,
		.count = &x->n_up,
	};
	enum sp_rc rc;

	if (t->hold && sp_buf_len(&c->client.plain) > 0)
		t->hold = false; /* the client did not wait */
	if (t->req_done || t->hold)
		return SP_REASON_NONE;
	rc = move(&m);
	/* The end of an empty chunked body has left, too. */
	t->req_moved |= x->n_up > before || rc == SP_DONE;
	t->up_full = m.full;
	if (rc == SP_DONE && t->req.framing == SP_H1_CHUNKED)
		rc = put_last(c->gate, m.to, &t->req, t->req_trailers);
	if (rc < 0)
		return SP_REASON_BAD_REQUEST;
	t->req_done = t->req.done;
	if (!t->req_done && c->client.eof && sp_buf_len(m.in) == 0)
		return SP_REASON_CLIENT_GONE;
	return SP_REASON_NONE;
}

/* ------------------------------------------------------------ the response */

static bool may_retry(const struct sp_http *t)
{
	static const char *const idempotent[] = { "GET", "HEAD", "OPTIONS",
		                                  "PUT", "DELETE" };

	if (!t->x.up->reused || t->retried || t->resp_started ||
	    t->interim > 0 || t->req_moved)
		return false;
	if (!t->req_done)
		return true; /* a body is due and no byte of it has left */
	for (size_t i = 0; i < SP_COUNT(idempotent); i++)
		if (strcmp(t->x.method, idempotent[i]) == 0)
			return true;
	return false;
}

static void choose_framing(struct sp_http *t, const struct sp_h1_head *h)
{
	t->out = h->framing;
	if (h->framing == SP_H1_CHUNKED || h->framing == SP_H1_CLOSE)
		t->out = t->client_minor == 0 ? SP_H1_CLOSE : SP_H1_CHUNKED;
	if (t->out == SP_H1_CLOSE)
		t->client_keep = false;
	t->up_keep = h->keep_alive && h->framing != SP_H1_CLOSE;
}

static void start_response(struct sp_http *t, const struct sp_h1_head *h)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	struct sp_h1_reply how;

	choose_framing(t, h);
	t->resp_trailers = sp_h1_get(h, "trailer").n > 0;
	/* Without the end of the request there is no next one. */
	if (!t->req_done)
		t->client_keep = false;
	how = (struct sp_h1_reply){
		.framing = t->out,
		.client_minor = t->client_minor,
		.close = !t->client_keep,
	};
	sp_buf_reset(&c->gate->scratch);
	sp_h1_write_response(h, &how, &c->gate->scratch);
	sp_flow_send(&c->client, sp_buf_str(&c->gate->scratch));
	x->status = h->status;
	x->first_byte_us = sp_loop_mono_us() - x->start_mono_us;
	t->resp_started = true;
	t->hold = false;
	sp_h1_body_init(&t->resp, h->framing, h->length);
	t->resp_done = h->framing == SP_H1_NONE ||
	               (h->framing == SP_H1_LENGTH && h->length == 0);
}

/* 100 only if it was expected, 103 always; the others say nothing that a
 * client must know (RFC 9110, 15.2). */
static enum sp_reason interim(struct sp_http *t, const struct sp_h1_head *h)
{
	struct sp_conn *c = t->x.conn;

	if (h->status == 101 || ++t->interim > INTERIM_MAX)
		return SP_REASON_UPSTREAM_PROTOCOL;
	if (h->status == 100 && !t->hold)
		return SP_REASON_NONE;
	if (h->status == 100)
		t->hold = false;
	else if (h->status != 103)
		return SP_REASON_NONE;
	if (t->client_minor == 0)
		return SP_REASON_NONE;
	sp_buf_reset(&c->gate->scratch);
	sp_h1_write_interim(h, &c->gate->scratch);
	sp_flow_send(&c->client, sp_buf_str(&c->gate->scratch));
	return SP_REASON_NONE;
}

/* NONE and !resp_started: more bytes are needed. */
static enum sp_reason read_response_head(struct sp_http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_buf *in = &x->up->flow.plain;

	while (!t->resp_started) {
		struct sp_h1_head *h = &x->conn->gate->head;
		struct sp_h1_error why = { 0 };
		size_t n = 0;
		enum sp_reason r = SP_REASON_NONE;
		struct sp_str s = sp_buf_str(in);
		enum sp_rc rc = sp_h1_find_response(s, &t->scan, &n, &why);

		if (rc == SP_OK)
			return r;
		t->scan = 0;
		if (rc > 0)
			rc = sp_h1_parse_response((struct sp_str){ s.p, n },
			                          sp_str(x->method), h, &why);
		if (rc < 0) {
			sp_exchange_detail(x, why.rule != NULL ? why.rule
			                                       : "head");
			return SP_REASON_UPSTREAM_PROTOCOL;
		}
		t->client_full = sp_flow_room(&x->conn->client) < SP_HTTP_ROOM;
		if (t->client_full)
			return r; /* it waits; see goes_on() */
		if (h->status < 200)
			r = interim(t, h);
		else
			start_response(t, h);
		sp_buf_consume(in, n);
		if (r != SP_REASON_NONE)
			return r;
	}
	return SP_REASON_NONE;
}

/* The server has ended: is that the end of the body, too? */
static enum sp_reason end_of_upstream(struct sp_http *t)
{
	struct sp_flow *up = &t->x.up->flow;

	if ((!up->eof && !up->dead) || t->client_full)
		return SP_REASON_NONE;
	if (!t->resp_started)
		return sp_buf_len(&up->plain) > 0 ? SP_REASON_UPSTREAM_TRUNCATED
		                                  : SP_REASON_UPSTREAM_RESET;
	if (t->resp.framing == SP_H1_CLOSE && !up->truncated) {
		t->resp_done = true;
		return SP_REASON_NONE;
	}
	return SP_REASON_UPSTREAM_TRUNCATED;
}

static enum sp_reason move_response(struct sp_http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	struct mover m = {
		.gate = c->gate,
		.in = &x->up->flow.plain,
		.to = &c->client,
		.body = &t->resp,
		.count = &x->n_down,
	};
	enum sp_reason r = SP_REASON_NONE;
	enum sp_rc rc;

	if (!t->resp_started)
		r = read_response_head(t);
	if (r != SP_REASON_NONE)
		return r;
	if (t->resp_started && !t->resp_done) {
		m.out = t->out; /* known since the head */
		rc = move(&m);
		if (rc < 0)
			return SP_REASON_UPSTREAM_PROTOCOL;
		t->resp_done = rc == SP_DONE;
		t->client_full = m.full;
	}
	if (!t->resp_done)
		r = end_of_upstream(t);
	if (r == SP_REASON_NONE && t->resp_done && t->out == SP_H1_CHUNKED &&
	    put_last(c->gate, &c->client, &t->resp, t->resp_trailers) < 0)
		return SP_REASON_UPSTREAM_PROTOCOL;
	return r;
}

/* ---------------------------------------------------------------- relaying */

void sp_http_relay_deadline(struct sp_http *t)
{
	sp_conn_deadline(t->x.conn, t->hold ? CONTINUE_MS : SILENCE_MS);
}

static void on_upstream(void *arg)
{
	struct sp_exchange *x = arg;

	sp_conn_kick(x->conn);
}

void sp_http_start_relay(struct sp_exchange *x)
{
	struct sp_http *t = sp_http_of(x);

	x->up->flow.on_ready = on_upstream;
	x->up->flow.arg = x;
	t->relaying = true;
	t->asked = false;
	t->up_full = t->client_full = false;
	t->scan = 0;
	sp_flow_send(&x->up->flow, sp_buf_str(&t->head));
	sp_http_relay_deadline(t);
	sp_conn_kick(x->conn);
}

static void end_relay(struct sp_http *t, enum sp_reason reason)
{
	struct sp_exchange *x = &t->x;
	struct sp_flow *up = &x->up->flow;

	/* Bytes behind a complete response belong to no request of ours. */
	x->keep_up = reason == SP_REASON_NONE && t->up_keep && t->req_done &&
	             !up->eof && !up->dead && sp_flow_idle(up) &&
	             sp_buf_len(&up->plain) == 0;
	if (!t->req_done)
		t->client_keep = false;
	sp_exchange_relayed(x, reason);
}

/*
 * Is there more to do that no event will tell? What waited for room can go on
 * when all was written; a buffer that was full has room now.
 */
static bool goes_on(const struct sp_http *t)
{
	const struct sp_flow *up = &t->x.up->flow, *client = &t->x.conn->client;

	return (t->up_full && sp_flow_idle(up) && sp_flow_room(up) > 0) ||
	       (t->client_full && sp_flow_idle(client) &&
	        sp_flow_room(client) > 0) ||
	       (sp_flow_may_have_more(up) && sp_flow_room(client) > 0);
}

/*
 * A kept connection that has ended, or on which the server has spoken without
 * being asked. As long as nothing of the request has left, another connection
 * is as good for any request; and what was said is an answer to nobody.
 */
static bool is_stale(struct sp_http *t)
{
	const struct sp_flow *up = &t->x.up->flow;
	bool first = !t->asked;

	t->asked = true;
	return first && t->x.up->reused && !t->retried &&
	       (up->eof || up->dead || up->gone || sp_buf_len(&up->plain) > 0);
}

static bool retry(struct sp_http *t)
{
	t->retried = true;
	t->relaying = false;
	sp_exchange_redial(&t->x);
	return true;
}

bool sp_http_relay(struct sp_http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	struct sp_flow *up = &x->up->flow;
	uint64_t before = up->received + up->sent + c->client.sent;
	enum sp_reason r;

	sp_flow_fill(up);
	if (is_stale(t))
		return retry(t);
	r = move_request(t);
	if (r == SP_REASON_NONE)
		r = move_response(t);
	sp_flow_flush(up);
	if (r == SP_REASON_UPSTREAM_RESET && may_retry(t))
		return retry(t);
	if (r != SP_REASON_NONE || t->resp_done) {
		end_relay(t, r);
		return true;
	}
	sp_flow_flush(&c->client);
	if (up->received + up->sent + c->client.sent != before)
		sp_http_relay_deadline(t);
	if (goes_on(t))
		sp_loop_again(c->gate->loop, &c->job);
	return false;
}
