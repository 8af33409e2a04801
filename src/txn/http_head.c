/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/http_head.c - a request head: is it for the name this connection was
 * opened for, and does the policy allow it? The head toward the server is
 * written at once, because the parsed one lives in scratch of the gate.
 */
#include "txn/http_int.h"

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
enum sp_reason sp_http_judge(struct sp_exchange *x)
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

static void copy_accept(struct sp_http *t, const struct sp_h1_head *h)
{
	struct sp_str a = sp_h1_get(h, "accept");

	t->accept_n = (uint8_t)(a.n < ACCEPT_MAX - 1 ? a.n : ACCEPT_MAX - 1);
	if (t->accept_n > 0)
		memcpy(t->accept, a.p, t->accept_n);
}

/* Is it the name as anybody would write it: case, a final dot, a port? */
static bool is_plain(struct sp_str s, const struct sp_host *name)
{
	if (s.n < name->n ||
	    !sp_str_is_nocase(sp_str_take(&s, name->n), name->text))
		return false;
	if (s.n > 0 && s.p[0] == '.')
		(void)sp_str_take(&s, 1);
	return s.n == 0 || s.p[0] == ':';
}

/*
 * Host as the client wrote it (it was checked), if the server can read it in
 * one way only: who writes it with escapes, or an address in octal, gets it
 * written as we have read it. Else the name.
 */
static struct sp_str host_field(struct sp_http *t, const struct sp_h1_head *h)
{
	const struct sp_conn *c = t->x.conn;
	uint16_t usual = c->scheme == SP_SCHEME_HTTPS ? 443 : 80, port = 0;
	struct sp_str said = h->authority.n > 0 ? h->authority : h->host;
	struct sp_host host = c->name;

	if (said.n > 0 && h->authority.n == 0 &&
	    (is_plain(said, &c->name) || is_plain(said, &c->tls_name)))
		return said;
	/* What cannot be parsed is denied before it is used. */
	if (said.n == 0 || sp_authority_parse(said, &host, &port) < 0)
		host = c->name;
	snprintf(t->host_port, sizeof(t->host_port),
	         c->dest.port == usual ? "%s" : "%s:%u", host.text,
	         (unsigned)c->dest.port);
	return sp_str(t->host_port);
}

/* For the record; what could not be parsed is empty. */
static void set_request(struct sp_exchange *x, const struct sp_h1_head *h)
{
	struct sp_str path = h->path.n > 0 ? h->path : h->target;
	const uint8_t *query = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;

	if (query != NULL) /* it may hold secrets, and is not judged */
		path.n = (size_t)(query - path.p);
	snprintf(x->method, sizeof(x->method), "%.*s", (int)h->method.n,
	         (const char *)h->method.p);
	sp_exchange_set_path(x, path);
}

/* The head could not be parsed: an exchange that only answers. h holds what
 * was read of it. */
static void refuse(struct sp_conn *c, const struct sp_h1_head *h,
                   const struct sp_h1_error *why)
{
	struct sp_http *t =
		(struct sp_http *)sp_exchange_new(c, &sp_http_ops, sizeof(*t));

	set_request(&t->x, h);
	t->client_minor = 1;
	sp_exchange_detail(&t->x, why->rule);
	sp_buf_init(&t->head, 0);
	sp_h1_body_init(&t->req, SP_H1_CLOSE, 0); /* the rest is discarded */
	sp_txn_start(&t->x.txn);
	sp_exchange_cancel(&t->x, why->reason);
}

static void begin_request(struct sp_conn *c, const struct sp_h1_head *h)
{
	struct sp_http *t =
		(struct sp_http *)sp_exchange_new(c, &sp_http_ops, sizeof(*t));
	struct sp_exchange *x = &t->x;

	c->requests++;
	set_request(x, h);
	t->target_path_n = h->path.n;
	t->is_head = sp_str_is(h->method, "HEAD");
	t->client_minor = h->minor;
	t->client_keep = h->keep_alive;
	t->req_trailers = sp_h1_get(h, "trailer").n > 0;
	copy_accept(t, h);
	sp_h1_body_init(&t->req, h->framing, h->length);
	t->req_done = h->framing == SP_H1_NONE ||
	              (h->framing == SP_H1_LENGTH && h->length == 0);
	t->hold = h->expect_continue && !t->req_done;
	sp_buf_init(&t->head, SP_H1_HEAD_MAX + 1024);
	sp_h1_write_request(h, host_field(t, h), t->hold, &t->head);
	sp_assert(sp_buf_ok(&t->head)); /* it grows by a Host at most */
	sp_exchange_start(x);
}

/* A full buffer gets no fuller: behind an empty line, a head that is as long
 * as it may be does not fit. */
static enum sp_rc find_head(const struct sp_buf *in, size_t *scan, size_t *skip,
                            size_t *n, struct sp_h1_error *why)
{
	enum sp_rc rc = sp_h1_find(sp_buf_str(in), scan, skip, n, why);

	if (rc != SP_OK || sp_buf_free_space(in) > 0)
		return rc;
	*why = (struct sp_h1_error){ SP_REASON_HEAD_TOO_LARGE, "head-size",
		                     SP_H1_HEAD_MAX };
	return SP_E_LIMIT;
}

/* The end was not found, so there is no head; but there may be a first line,
 * and the record of an attack should tell where it went. */
static void look_at_line(struct sp_conn *c, struct sp_h1_head *h)
{
	struct sp_str s = sp_buf_str(&c->client.plain);
	struct sp_buf *line = &c->gate->scratch;
	struct sp_h1_error ignored;
	size_t n = 0;

	if (s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n')
		sp_str_take(&s, 2);
	while (n < s.n && s.p[n] != '\r' && s.p[n] != '\n')
		n++;
	sp_buf_reset(line);
	sp_buf_add(line, (struct sp_str){ s.p, n });
	sp_buf_text(line, "\r\n\r\n");
	SP_IGNORE(sp_h1_parse_request(sp_buf_str(line), h, &ignored));
}

/* One empty line is skipped before a request line (RFC 9112, 2.2). */
bool sp_http_take_head(struct sp_conn *c)
{
	struct sp_buf *in = &c->client.plain;
	struct sp_h1_head *h = &c->gate->head;
	struct sp_h1_error why = { 0 };
	size_t skip = 0, n = 0;
	struct sp_str head;
	enum sp_rc rc;

	rc = find_head(in, &c->scan, &skip, &n, &why);
	if (rc == SP_OK)
		return false;
	c->scan = 0;
	c->in_head = false;
	if (rc < 0) {
		look_at_line(c, h);
		refuse(c, h, &why);
		return true;
	}
	head = (struct sp_str){ sp_buf_str(in).p + skip, n };
	if (sp_h1_parse_request(head, h, &why) < 0) {
		refuse(c, h, &why);
		return true;
	}
	begin_request(c, h);
	/* The head's bytes were needed until here (spans). */
	sp_buf_consume(in, skip + n);
	return true;
}

void sp_http_refuse_head(struct sp_conn *c, const struct sp_h1_error *why)
{
	look_at_line(c, &c->gate->head);
	refuse(c, &c->gate->head, why);
}

/* Would the new snapshot let this request begin? */
enum sp_reason sp_http_rejudge(struct sp_exchange *x, const struct sp_policy *p)
{
	struct sp_http *t = sp_http_of(x);
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
