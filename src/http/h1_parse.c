/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1_parse.c - start lines, and heads as a whole.
 *
 * Strictness  Exactly one space between the parts of a request line; HTTP/1.0
 *             or 1.1; TRACE and TRACK are never relayed, CONNECT only where a
 *             proxy was asked for. A status line may lack its reason.
 */
#include "http/h1_int.h"

#define VERSION_LEN 8u /* of "HTTP/1.1" */

static enum sp_rc bad(const struct sp_h1_cursor *c, const char *rule, size_t at)
{
	return sp_h1_fail(c, SP_REASON_BAD_REQUEST, rule, at);
}

/* Everything but the fields, which n_fields says are not there yet. */
static void clear(struct sp_h1_head *h)
{
	memset(h, 0, offsetof(struct sp_h1_head, field));
}

/* Loops over the text rely on how it ends. */
static enum sp_rc check_end(const struct sp_h1_cursor *c)
{
	const struct sp_str t = c->text;

	if (t.n > SP_H1_HEAD_MAX)
		return sp_h1_fail(c, SP_REASON_HEAD_TOO_LARGE, "head-size",
		                  SP_H1_HEAD_MAX);
	if (t.n < 4 || memcmp(t.p + t.n - 4, "\r\n\r\n", 4) != 0)
		return bad(c, "head-end", t.n);
	return SP_OK;
}

/* "HTTP/1.0" or "HTTP/1.1" at the cursor. */
static enum sp_rc version(struct sp_h1_cursor *c, uint8_t *ret_minor)
{
	const uint8_t *p = c->text.p + c->at;
	size_t left = c->text.n - c->at;

	if (left < VERSION_LEN || memcmp(p, "HTTP/", 5) != 0 ||
	    !sp_h1_is(p[5], SP_H1_DIGIT) || p[6] != '.' ||
	    !sp_h1_is(p[7], SP_H1_DIGIT))
		return bad(c, "version", c->at);
	if (p[5] != '1' || p[7] > '1')
		return sp_h1_fail(c, SP_REASON_VERSION, "version", c->at);
	*ret_minor = p[7] - '0';
	c->at += VERSION_LEN;
	return SP_OK;
}

/* A run of bytes of one class, and the space behind it. */
static enum sp_rc word(struct sp_h1_cursor *c, unsigned kind, const char *rule,
                       struct sp_str *ret)
{
	const uint8_t *p = c->text.p;
	size_t end = c->at;

	while (sp_h1_is(p[end], kind))
		end++;
	*ret = (struct sp_str){ p + c->at, end - c->at };
	if (ret->n == 0 || p[end] != ' ')
		return bad(c, rule, end);
	c->at = end + 1;
	return SP_OK;
}

static void split_query(struct sp_h1_head *h, struct sp_str rest)
{
	const uint8_t *q = memchr(rest.p, '?', rest.n);

	h->path = sp_str_take(&rest, q != NULL ? (size_t)(q - rest.p) : rest.n);
	h->query = rest;
}

static bool has_prefix(struct sp_str s, const char *lower)
{
	size_t n = strlen(lower);

	return s.n >= n && sp_str_is_nocase((struct sp_str){ s.p, n }, lower);
}

/* http://authority[/path][?query] (RFC 9112, 3.2.2) */
static bool absolute_form(struct sp_h1_head *h)
{
	struct sp_str rest = h->target;
	size_t n = 0;

	h->absolute_https = has_prefix(rest, "https://");
	if (!h->absolute_https && !has_prefix(rest, "http://"))
		return false;
	(void)sp_str_take(&rest, h->absolute_https ? 8 : 7); /* the scheme */
	while (n < rest.n && sp_h1_is(rest.p[n], SP_H1_AUTHORITY))
		n++;
	if (n == 0 || (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?'))
		return false;
	h->authority = sp_str_take(&rest, n);
	split_query(h, rest);
	if (h->path.n > 0)
		return true;
	/* RFC 9112, 3.2.4: OPTIONS of a bare authority is "OPTIONS *" */
	h->path = sp_str(
		h->query.n == 0 && sp_str_is(h->method, "OPTIONS") ? "*" : "/");
	return true;
}

static bool target_form(struct sp_h1_head *h)
{
	if (h->target.p[0] == '/') {
		split_query(h, h->target);
		return true;
	}
	if (sp_str_is(h->target, "*")) {
		h->path = h->target;
		return sp_str_is(h->method, "OPTIONS");
	}
	return absolute_form(h);
}

/* host:port and nothing else (RFC 9112, 3.2.3) */
static bool authority_form(struct sp_h1_head *h)
{
	struct sp_str t = h->target;
	const uint8_t *colon = memrchr(t.p, ':', t.n);
	size_t host;

	if (colon == NULL || !sp_h1_all(t, SP_H1_AUTHORITY))
		return false;
	host = (size_t)(colon - t.p);
	if (host == 0 || host + 1 == t.n)
		return false;
	h->authority = t;
	return sp_h1_all((struct sp_str){ colon + 1, t.n - host - 1 },
	                 SP_H1_DIGIT);
}

/* The server would answer with the fields it got, those we add included. */
static bool never_relayed(struct sp_str method)
{
	return sp_str_is_nocase(method, "trace") ||
	       sp_str_is_nocase(method, "track");
}

static enum sp_rc request_line(struct sp_h1_cursor *c, struct sp_h1_head *h,
                               bool connect)
{
	SP_TRY(word(c, SP_H1_TCHAR, "method", &h->method));
	if (h->method.n > SP_H1_METHOD_MAX)
		return bad(c, "method-size", SP_H1_METHOD_MAX);
	SP_TRY(word(c, SP_H1_TARGET, "target", &h->target));
	if (h->target.n > SP_H1_TARGET_MAX)
		return sp_h1_fail(c, SP_REASON_URI_TOO_LONG, "target-size",
		                  h->method.n + 1);
	SP_TRY(version(c, &h->minor));
	SP_TRY(sp_h1_line_end(c, c->at));
	c->at += 2;
	if (never_relayed(h->method) ||
	    sp_str_is_nocase(h->method, "connect") != connect)
		return sp_h1_fail(c, SP_REASON_METHOD_REFUSED, "method", 0);
	if (connect ? !authority_form(h) : !target_form(h))
		return bad(c, "target-form", h->method.n + 1);
	return SP_OK;
}

static enum sp_rc parse_request(struct sp_str head, bool connect,
                                struct sp_h1_head *ret, struct sp_h1_error *why)
{
	struct sp_h1_cursor c = { .text = head, .why = why };

	clear(ret);
	SP_TRY(check_end(&c));
	SP_TRY(request_line(&c, ret, connect));
	SP_TRY(sp_h1_fields(&c, ret));
	if (!ret->has_host && ret->minor > 0)
		return sp_h1_fail(&c, SP_REASON_BAD_HOST, "host-missing", 0);
	return SP_OK;
}

enum sp_rc sp_h1_parse_request(struct sp_str head, struct sp_h1_head *ret,
                               struct sp_h1_error *why)
{
	return parse_request(head, false, ret, why);
}

enum sp_rc sp_h1_parse_connect(struct sp_str head, struct sp_h1_head *ret,
                               struct sp_h1_error *why)
{
	struct sp_h1_cursor c = { .text = head, .why = why };

	SP_TRY(parse_request(head, true, ret, why));
	if (ret->framing != SP_H1_NONE)
		return bad(&c, "connect-with-body", 0);
	return SP_OK;
}

static enum sp_rc status_line(struct sp_h1_cursor *c, struct sp_h1_head *h)
{
	const uint8_t *p;
	size_t end;

	SP_TRY(version(c, &h->minor));
	/* The text ends with CR LF CR LF, and the digits stop at a CR. */
	p = c->text.p + c->at;
	if (p[0] != ' ' || !sp_h1_is(p[1], SP_H1_DIGIT) || p[1] == '0' ||
	    !sp_h1_is(p[2], SP_H1_DIGIT) || !sp_h1_is(p[3], SP_H1_DIGIT))
		return bad(c, "status", c->at);
	h->status =
		(uint16_t)((p[1] - '0') * 100 + (p[2] - '0') * 10 + p[3] - '0');
	c->at += 4;
	end = sp_h1_find_ctl(c->text.p, c->at, c->text.n);
	SP_TRY(sp_h1_line_end(c, end));
	if (end > c->at && c->text.p[c->at] != ' ')
		return bad(c, "status", c->at);
	if (end > c->at)
		h->reason = (struct sp_str){ c->text.p + c->at + 1,
			                     end - c->at - 1 };
	c->at = end + 2;
	return SP_OK;
}

static bool never_has_body(const struct sp_h1_head *h, struct sp_str method)
{
	return h->status < 200 || h->status == 204 || h->status == 304 ||
	       sp_str_is(method, "HEAD") ||
	       (sp_str_is(method, "CONNECT") && h->status < 300);
}

/* RFC 9112, 6.3. What does not end by itself ends with the connection. */
static enum sp_rc response_body(struct sp_h1_cursor *c, struct sp_str method,
                                struct sp_h1_head *h)
{
	if (h->status == 101) /* nobody asked: Upgrade is never sent */
		return bad(c, "unasked-101", 0);
	if (never_has_body(h, method)) {
		h->framing = SP_H1_NONE;
		return SP_OK;
	}
	if (h->status == 205) {
		if (h->framing == SP_H1_CHUNKED || h->length > 0)
			return bad(c, "body-in-205", 0);
		h->keep_alive &= h->has_length;
		h->framing = SP_H1_NONE;
		return SP_OK;
	}
	if (h->framing == SP_H1_NONE) {
		h->framing = SP_H1_CLOSE;
		h->keep_alive = false;
	}
	return SP_OK;
}

enum sp_rc sp_h1_parse_response(struct sp_str head, struct sp_str method,
                                struct sp_h1_head *ret, struct sp_h1_error *why)
{
	struct sp_h1_cursor c = { .text = head, .response = true, .why = why };

	clear(ret);
	SP_TRY(check_end(&c));
	SP_TRY(status_line(&c, ret));
	SP_TRY(sp_h1_fields(&c, ret));
	return response_body(&c, method, ret);
}

struct sp_str sp_h1_get(const struct sp_h1_head *h, const char *lower)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (sp_str_is_nocase(h->field[i].name, lower))
			return h->field[i].value;
	return (struct sp_str){ 0 };
}
