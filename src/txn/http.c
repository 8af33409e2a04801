/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/http.c - HTTP/1 requests on one client connection, strictly one at a
 * time.
 *
 *	client.plain --head--> judge --> resolve, record, connect
 *	client.plain --body--> up.flow      (chunked anew, or by length)
 *	client.flow  <--body-- up.plain     (chunked anew, by length, or close)
 *
 * Bytes move only while the receiving side has room, so a slow reader holds
 * the sender back through TCP and no body is ever buffered whole.
 */
#include "core/alloc.h"
#include "http/body.h"
#include "http/deny.h"
#include "txn/conn.h"

#define HEAD_MS       30000u  /* a request head, once begun */
#define KEEP_ALIVE_MS 75000u  /* between requests */
#define SILENCE_MS    600000u /* within a body, before an answer: models think */
#define CONTINUE_MS   1000u   /* until we say 100 ourselves */
#define INTERIM_MAX   32u
#define ACCEPT_MAX    256u
/* Chunk framing around one piece: sizes of both lines, and some. */
#define CHUNK_ROOM 32u

struct http {
	struct sp_exchange x; /* first */
	struct sp_buf head;   /* toward the server; kept for a second try */
	struct sp_h1_body req, resp;
	bool relaying;
	bool req_done, req_moved; /* moved: body bytes have left */
	bool hold;                /* waits for 100 Continue */
	bool resp_started, resp_done;
	bool up_keep, client_keep;
	bool retried;
	bool is_head;
	uint8_t client_minor;
	enum sp_h1_framing out; /* how the response is framed for the client */
	unsigned interim;
	size_t scan;
	uint64_t asked_us;    /* the head was sent */
	size_t target_path_n; /* path bytes in head, behind "METHOD " */
	uint8_t accept_n;
	char accept[ACCEPT_MAX];
	char host_port[SP_HOST_MAX + 16];
};

static struct http *http_of(struct sp_exchange *x)
{
	return (struct http *)x;
}

/* ---------------------------------------------------------------- judging */

static bool same_port(const struct sp_conn *c, uint16_t port)
{
	return port == 0 || port == c->dest.port;
}

/* Does this authority name what the connection was opened for? */
static enum sp_reason check_authority(const struct sp_conn *c,
                                      struct sp_str authority)
{
	struct sp_host host;
	uint16_t port;

	if (sp_authority_parse(authority, &host, &port) < 0)
		return SP_REASON_BAD_HOST;
	if (!same_port(c, port))
		return SP_REASON_HOST_MISMATCH;
	/* A bare address whose client sent an SNI may use that name. */
	if (sp_host_eq(&host, &c->name) || sp_host_eq(&host, &c->tls_name))
		return SP_REASON_NONE;
	return SP_REASON_HOST_MISMATCH;
}

/* RFC 9112, 3.2: and one name per connection. */
static enum sp_reason check_names(const struct sp_conn *c,
                                  const struct sp_h1_head *h)
{
	enum sp_reason r;

	if (!h->has_host)
		return h->minor == 0 && h->authority.n == 0
		               ? SP_REASON_NONE
		               : SP_REASON_BAD_HOST;
	r = check_authority(c, h->host);
	if (r != SP_REASON_NONE || h->authority.n == 0)
		return r;
	if (h->absolute_https != (c->scheme == SP_SCHEME_HTTPS))
		return SP_REASON_HOST_MISMATCH;
	return check_authority(c, h->authority);
}

static bool refused_method(struct sp_str m)
{
	return sp_str_is(m, "TRACE") || sp_str_is(m, "TRACK") ||
	       sp_str_is(m, "CONNECT");
}

/* Runs while gate->head still holds this request. */
static enum sp_reason judge(struct sp_exchange *x)
{
	const struct sp_h1_head *h = &x->conn->gate->head;
	const struct sp_conn *c = x->conn;
	struct sp_request rq = {
		.host = &c->name,
		.port = c->dest.port,
		.scheme = c->scheme,
		.method = h->method,
		.path = h->path,
	};
	enum sp_reason r;

	/* A connection that was denied as such gets that reason, not one
	 * about the details of its request. */
	if (c->connect.verdict != SP_VERDICT_ALLOW) {
		x->decision = c->connect;
		return c->connect.reason;
	}
	r = check_names(c, h);
	if (r == SP_REASON_NONE && refused_method(h->method))
		r = SP_REASON_METHOD_REFUSED;
	if (r == SP_REASON_NONE && h->upgrade)
		r = SP_REASON_UPGRADE;
	if (r != SP_REASON_NONE)
		return r;
	sp_policy_request(x->policy, &rq, &x->decision);
	if (x->decision.verdict != SP_VERDICT_ALLOW)
		return x->decision.reason;
	return SP_REASON_NONE;
}

/* ------------------------------------------------------------ the request */

static void copy_accept(struct http *t, const struct sp_h1_head *h)
{
	struct sp_str a = sp_h1_get(h, "accept");

	t->accept_n = (uint8_t)(a.n < ACCEPT_MAX - 1 ? a.n : ACCEPT_MAX - 1);
	if (t->accept_n > 0)
		memcpy(t->accept, a.p, t->accept_n);
}

/* Host as the client wrote it (it was checked), else the name. */
static struct sp_str host_field(struct http *t, const struct sp_h1_head *h)
{
	const struct sp_conn *c = t->x.conn;
	bool usual = c->dest.port == (c->scheme == SP_SCHEME_HTTPS ? 443 : 80);

	if (h->has_host && h->authority.n == 0)
		return h->host;
	snprintf(t->host_port, sizeof(t->host_port), usual ? "%s" : "%s:%u",
	         c->name.text, (unsigned)c->dest.port);
	return sp_str(t->host_port);
}

static const struct sp_exchange_ops http_ops;

/* The head could not be parsed: an exchange that only answers. */
static void refuse_head(struct sp_conn *c, const struct sp_h1_error *why)
{
	struct http *t =
		(struct http *)sp_exchange_new(c, &http_ops, sizeof(*t));

	t->client_minor = 1;
	sp_exchange_detail(&t->x, why->rule);
	sp_buf_init(&t->head, 0);
	sp_h1_body_init(&t->req, SP_H1_CLOSE, 0); /* the rest is discarded */
	sp_txn_start(&t->x.txn);
	sp_exchange_cancel(&t->x, why->reason);
}

static void begin_request(struct sp_conn *c, const struct sp_h1_head *h)
{
	struct http *t =
		(struct http *)sp_exchange_new(c, &http_ops, sizeof(*t));
	struct sp_exchange *x = &t->x;

	c->requests++;
	snprintf(x->method, sizeof(x->method), "%.*s", (int)h->method.n,
	         (const char *)h->method.p);
	sp_exchange_set_path(x, h->path);
	t->target_path_n = h->path.n;
	t->is_head = sp_str_is(h->method, "HEAD");
	t->client_minor = h->minor;
	t->client_keep = h->keep_alive;
	copy_accept(t, h);
	sp_h1_body_init(&t->req, h->framing, h->length);
	t->req_done = h->framing == SP_H1_NONE ||
	              (h->framing == SP_H1_LENGTH && h->length == 0);
	t->hold = h->expect_continue && !t->req_done;
	sp_buf_init(&t->head, SP_H1_HEAD_MAX + 1024);
	sp_h1_write_request(h, host_field(t, h), t->hold, &t->head);
	sp_exchange_start(x);
}

/* One empty line is skipped before a request line (RFC 9112, 2.2). */
static bool take_head(struct sp_conn *c)
{
	struct sp_buf *in = &c->client.plain;
	struct sp_h1_head *h = &c->gate->head;
	struct sp_h1_error why = { 0 };
	size_t skip = 0, n = 0;
	struct sp_str head;
	enum sp_rc rc;

	rc = sp_h1_find(sp_buf_str(in), &c->scan, &skip, &n, &why);
	if (rc == SP_OK)
		return false;
	c->scan = 0;
	c->in_head = false;
	if (rc > 0) {
		head = (struct sp_str){ sp_buf_str(in).p + skip, n };
		rc = sp_h1_parse_request(head, h, &why);
	}
	if (rc < 0) {
		refuse_head(c, &why);
		return true;
	}
	begin_request(c, h);
	/* The head's bytes were needed until here (spans). */
	sp_buf_consume(in, skip + n);
	return true;
}

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

/* The end of a chunked body, with the trailers that may pass. */
static enum sp_rc put_last(struct sp_gate *g, struct sp_flow *to,
                           const struct sp_h1_body *b)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf trailers;
	struct sp_h1_error why;

	sp_buf_init(&trailers, 2 * SP_CHUNKED_META_MAX);
	if (sp_buf_len(&b->trailers) > 0)
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
};

/*
 * SP_OK nothing more can be moved now; SP_DONE the body is complete; < 0
 * malformed.
 */
static enum sp_rc move(const struct mover *m)
{
	for (;;) {
		struct sp_str all = sp_buf_str(m->in), in = all, piece;
		size_t room = sp_flow_room(m->to);
		enum sp_rc rc;

		if (in.n == 0 || room <= CHUNK_ROOM)
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

static enum sp_reason move_request(struct http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	uint64_t before = x->n_up;
	struct mover m = { c->gate, &c->client.plain, &x->up->flow,
		           &t->req, t->req.framing,   &x->n_up };
	enum sp_rc rc;

	if (t->hold && sp_buf_len(&c->client.plain) > 0)
		t->hold = false; /* the client did not wait */
	if (t->req_done || t->hold)
		return SP_REASON_NONE;
	rc = move(&m);
	t->req_moved |= x->n_up > before;
	if (rc == SP_DONE && t->req.framing == SP_H1_CHUNKED)
		rc = put_last(c->gate, m.to, &t->req);
	if (rc < 0)
		return SP_REASON_BAD_REQUEST;
	t->req_done = t->req.done;
	if (!t->req_done && c->client.eof && sp_buf_len(m.in) == 0)
		return SP_REASON_CLIENT_GONE;
	return SP_REASON_NONE;
}

/* ------------------------------------------------------------ the response */

static bool may_retry(const struct http *t)
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

static void choose_framing(struct http *t, const struct sp_h1_head *h)
{
	t->out = h->framing;
	if (h->framing == SP_H1_CHUNKED || h->framing == SP_H1_CLOSE)
		t->out = t->client_minor == 0 ? SP_H1_CLOSE : SP_H1_CHUNKED;
	if (t->out == SP_H1_CLOSE)
		t->client_keep = false;
	t->up_keep = h->keep_alive && h->framing != SP_H1_CLOSE;
}

static void start_response(struct http *t, const struct sp_h1_head *h)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	struct sp_h1_reply how;

	choose_framing(t, h);
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
static enum sp_reason interim(struct http *t, const struct sp_h1_head *h)
{
	struct sp_conn *c = t->x.conn;
	struct sp_h1_reply how = { SP_H1_NONE, 1, false };

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
	sp_h1_write_response(h, &how, &c->gate->scratch);
	sp_flow_send(&c->client, sp_buf_str(&c->gate->scratch));
	return SP_REASON_NONE;
}

/* NONE and !resp_started: more bytes are needed. */
static enum sp_reason read_response_head(struct http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_buf *in = &x->up->flow.plain;

	while (!t->resp_started) {
		struct sp_h1_head *h = &x->conn->gate->head;
		struct sp_h1_error why = { 0 };
		size_t skip = 0, n = 0;
		enum sp_reason r = SP_REASON_NONE;
		struct sp_str s = sp_buf_str(in);
		enum sp_rc rc = sp_h1_find(s, &t->scan, &skip, &n, &why);

		if (rc == SP_OK)
			return r;
		t->scan = 0;
		if (rc > 0 && skip > 0)
			rc = SP_E_PROTO;
		if (rc > 0)
			rc = sp_h1_parse_response((struct sp_str){ s.p, n },
			                          sp_str(x->method), h, &why);
		if (rc < 0) {
			sp_exchange_detail(x, why.rule != NULL ? why.rule
			                                       : "head");
			return SP_REASON_UPSTREAM_PROTOCOL;
		}
		if (h->status < 200)
			r = interim(t, h);
		else if (sp_flow_room(&x->conn->client) < SP_FLOW_HIGH / 2 &&
		         n > SP_FLOW_HIGH / 4)
			return r; /* a large head waits for room */
		else
			start_response(t, h);
		sp_buf_consume(in, n);
		if (r != SP_REASON_NONE)
			return r;
	}
	return SP_REASON_NONE;
}

/* The server has ended: is that the end of the body, too? */
static enum sp_reason end_of_upstream(struct http *t)
{
	struct sp_flow *up = &t->x.up->flow;

	if (!up->eof || sp_buf_len(&up->plain) > 0)
		return SP_REASON_NONE;
	if (!t->resp_started)
		return SP_REASON_UPSTREAM_RESET;
	if (t->resp.framing == SP_H1_CLOSE && !up->truncated) {
		t->resp_done = true;
		return SP_REASON_NONE;
	}
	return SP_REASON_UPSTREAM_TRUNCATED;
}

static enum sp_reason move_response(struct http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	struct mover m = { c->gate, &x->up->flow.plain, &c->client, &t->resp,
		           t->out,  &x->n_down };
	enum sp_reason r = SP_REASON_NONE;
	enum sp_rc rc;

	if (!t->resp_started)
		r = read_response_head(t);
	if (r != SP_REASON_NONE)
		return r;
	if (t->resp_started && !t->resp_done) {
		rc = move(&m);
		if (rc < 0)
			return SP_REASON_UPSTREAM_PROTOCOL;
		t->resp_done = rc == SP_DONE;
	}
	if (!t->resp_done)
		r = end_of_upstream(t);
	if (r == SP_REASON_NONE && t->resp_done && t->out == SP_H1_CHUNKED &&
	    put_last(c->gate, &c->client, &t->resp) < 0)
		return SP_REASON_UPSTREAM_PROTOCOL;
	return r;
}

/* ---------------------------------------------------------------- relaying */

static void relay_deadline(struct http *t)
{
	sp_conn_deadline(t->x.conn, t->hold ? CONTINUE_MS : SILENCE_MS);
}

static void on_upstream(void *arg)
{
	struct sp_exchange *x = arg;

	sp_conn_kick(x->conn);
}

/* ops->relay: the first time, and again after a redial. */
static void start_relay(struct sp_exchange *x)
{
	struct http *t = http_of(x);

	x->up->flow.on_ready = on_upstream;
	x->up->flow.arg = x;
	t->relaying = true;
	t->scan = 0;
	sp_flow_send(&x->up->flow, sp_buf_str(&t->head));
	relay_deadline(t);
	sp_conn_kick(x->conn);
}

static void end_relay(struct http *t, enum sp_reason reason)
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

/* Returns true when the exchange is over. */
static bool relay(struct http *t)
{
	struct sp_exchange *x = &t->x;
	struct sp_conn *c = x->conn;
	struct sp_flow *up = &x->up->flow;
	uint64_t before = up->received + up->sent + c->client.sent;
	enum sp_reason r;

	sp_flow_fill(up);
	r = move_request(t);
	if (r == SP_REASON_NONE)
		r = move_response(t);
	sp_flow_flush(up);
	if (r == SP_REASON_UPSTREAM_RESET && may_retry(t)) {
		t->retried = true;
		t->relaying = false;
		sp_exchange_redial(x);
		return true;
	}
	if (r != SP_REASON_NONE || t->resp_done) {
		end_relay(t, r);
		return true;
	}
	sp_flow_flush(&c->client);
	if (up->received + up->sent + c->client.sent != before)
		relay_deadline(t);
	if (sp_flow_may_have_more(up) && sp_flow_room(&c->client) > 0)
		sp_loop_again(c->gate->loop, &c->job);
	return false;
}

/* ------------------------------------------------------------ ops, the state
 */

/* A response that began cannot become another one: cut it, visibly. */
static void deny(struct sp_exchange *x, enum sp_reason reason)
{
	struct http *t = http_of(x);
	struct sp_conn *c = x->conn;
	char id[48];
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
	struct http *t = http_of(x);

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

/* Would the new snapshot let this request begin? */
static enum sp_reason rejudge(struct sp_exchange *x, const struct sp_policy *p)
{
	struct http *t = http_of(x);
	size_t method_n = strlen(x->method);
	struct sp_decision v;
	struct sp_request rq = {
		.host = &x->key.host,
		.port = x->key.port,
		.scheme = x->conn->scheme,
		.method = sp_str(x->method),
		.path = sp_buf_str(&t->head),
	};

	sp_str_take(&rq.path, method_n + 1);
	rq.path.n = t->target_path_n;
	sp_policy_request(p, &rq, &v);
	return v.verdict == SP_VERDICT_ALLOW ? SP_REASON_NONE : v.reason;
}

static const struct sp_exchange_ops http_ops = {
	.proto = SP_PROTO_HTTP,
	.rejudge = rejudge,
	.match = judge,
	.relay = start_relay,
	.deny = deny,
	.finish = finish,
	.fini = fini,
};

static bool next_request(struct sp_conn *c)
{
	size_t n = sp_buf_len(&c->client.plain);

	if (n > 0 && take_head(c))
		return true;
	if (c->client.eof) {
		c->over = true;
		return false;
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
static bool say_continue(struct http *t)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!t->relaying || !t->hold)
		return false;
	t->hold = false;
	sp_flow_send(&t->x.conn->client, sp_str(text));
	relay_deadline(t);
	sp_conn_kick(t->x.conn);
	return true;
}

void sp_http_timeout(struct sp_conn *c)
{
	struct http *t = (struct http *)c->x;

	if (t == NULL) { /* between requests, or within a head */
		if (sp_buf_len(&c->client.plain) > 0) {
			struct sp_h1_error why = { SP_REASON_HEAD_TIMEOUT,
				                   "head", 0 };

			refuse_head(c, &why);
		} else {
			sp_conn_drain(c);
		}
		return;
	}
	if (say_continue(t))
		return;
	if (t->relaying && !t->req_done && !t->resp_started)
		sp_exchange_cancel(c->x, SP_REASON_BODY_TIMEOUT);
	else if (t->relaying && !t->resp_started)
		sp_exchange_cancel(c->x, SP_REASON_UPSTREAM_TIMEOUT);
	else
		sp_exchange_timeout(c->x);
}

bool sp_http_run(struct sp_conn *c)
{
	struct http *t = (struct http *)c->x;

	if (t == NULL)
		return next_request(c);
	if (c->client.dead) {
		sp_exchange_cancel(c->x, SP_REASON_CLIENT_GONE);
		return false;
	}
	return t->relaying && t->x.up != NULL && relay(t);
}
