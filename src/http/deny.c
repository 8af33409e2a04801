/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/deny.c - the answer to a denied or failed request.
 *
 * Everything here that came from the network goes through text(): cut at
 * SP_DENIAL_TEXT_MAX, valid UTF-8, no control bytes. Header fields hold only
 * texts of our own tables.
 */
#include "http/deny.h"

/* The body: some dozen members of bounded text, at most six bytes a byte. */
#define BODY_MAX (16u * 1024 + 8u * 6 * SP_DENIAL_TEXT_MAX)

static const struct {
	uint16_t status;
	const char *title, *extra; /* extra: header lines */
} statuses[] = {
	{ 400, "Bad Request", "" },
	{ 403, "Forbidden", "" },
	/* RFC 9110, 15.5.6 demands the field */
	{ 405, "Method Not Allowed",
	  "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" },
	{ 408, "Request Timeout", "" },
	{ 414, "URI Too Long", "" },
	{ 417, "Expectation Failed", "" },
	{ 421, "Misdirected Request", "" },
	{ 431, "Request Header Fields Too Large", "" },
	{ 501, "Not Implemented", "" },
	{ 502, "Bad Gateway", "" },
	{ 503, "Service Unavailable", "Retry-After: 1\r\n" },
	{ 504, "Gateway Timeout", "" },
	{ 505, "HTTP Version Not Supported", "" },
};

static size_t status_row(uint16_t status)
{
	size_t i = 0;

	while (i < SP_COUNT(statuses) && statuses[i].status != status)
		i++;
	sp_assert(i < SP_COUNT(statuses)); /* a test walks all reasons */
	return i;
}

/*
 * Length of the well-formed UTF-8 sequence at the start of s, or 0 (Unicode
 * 15, table 3-7): the second byte has a narrower range behind four of the
 * lead bytes, which excludes over-long forms, surrogates and the far end.
 */
static size_t utf8_len(struct sp_str s)
{
	uint8_t c = s.p[0], low = 0x80, high = 0xbf;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c > 0xf4 || (c >= 0x80 && c < 0xc2) || n > s.n)
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		if (s.p[i] < low || s.p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

/* One character that stands for itself, or what stands for it in JSON. */
static void json_char(struct sp_buf *out, struct sp_str c)
{
	if (c.p[0] == '"' || c.p[0] == '\\')
		sp_buf_byte(out, '\\');
	if (c.p[0] < 0x20 || c.p[0] == 0x7f)
		sp_buf_printf(out, "\\u%04x", c.p[0]);
	else
		sp_buf_add(out, c);
}

static void plain_char(struct sp_buf *out, struct sp_str c)
{
	if (c.p[0] < 0x20 || c.p[0] == 0x7f)
		sp_buf_byte(out, '?');
	else
		sp_buf_add(out, c);
}

static void text(struct sp_buf *out, struct sp_str s, bool json)
{
	bool cut = s.n > SP_DENIAL_TEXT_MAX;

	if (cut)
		s.n = SP_DENIAL_TEXT_MAX;
	while (s.n > 0) {
		size_t n = utf8_len(s);
		struct sp_str c = sp_str_take(&s, n > 0 ? n : 1);

		if (n == 0)
			sp_buf_text(out, json ? "\\ufffd" : "\xef\xbf\xbd");
		else if (json)
			json_char(out, c);
		else
			plain_char(out, c);
	}
	if (cut)
		sp_buf_text(out, "...");
}

static void member(struct sp_buf *out, const char *name, struct sp_str value)
{
	sp_buf_printf(out, ",\"%s\":\"", name);
	text(out, value, true);
	sp_buf_byte(out, '"');
}

static struct sp_str hint_of(const struct sp_denial *d)
{
	return d->hint.n > 0 ? d->hint : sp_str(sp_reason_hint(d->reason));
}

/* For programs that show one sentence: what happened, to what, what to do. */
static void message(struct sp_buf *out, const struct sp_denial *d, bool json)
{
	struct sp_str hint = hint_of(d);

	sp_buf_text(out, "sallyport: ");
	sp_buf_text(out, sp_reason_text(d->reason));
	if (d->host.n > 0) {
		sp_buf_text(out, " (");
		text(out, d->host, json);
		sp_buf_printf(out, ":%u)", d->port);
	}
	if (d->detail.n > 0) {
		sp_buf_text(out, " [");
		text(out, d->detail, json);
		sp_buf_byte(out, ']');
	}
	if (hint.n > 0) {
		sp_buf_text(out, " Hint: ");
		text(out, hint, json);
		sp_buf_byte(out, '.');
	}
}

/* A judgement, or something that did not work? */
static bool is_denied(uint16_t status)
{
	return status == 403 || status == 405 || status == 421;
}

static bool is_retryable(uint16_t status)
{
	return status == 408 || status == 503 || status == 504;
}

static void json_body(struct sp_buf *out, const struct sp_denial *d)
{
	const char *code = sp_reason_code(d->reason);
	uint16_t status = sp_reason_status(d->reason);
	const char *what = sp_reason_text(d->reason);

	sp_buf_printf(out, "{\"type\":\"urn:sallyport:reason:%s\"", code);
	member(out, "title", sp_str(what));
	sp_buf_printf(out, ",\"status\":%u", status);
	member(out, "detail", d->detail.n > 0 ? d->detail : sp_str(what));
	member(out, "code", sp_str(code));
	member(out, "host", d->host);
	if (d->port != 0)
		sp_buf_printf(out, ",\"port\":%u", d->port);
	member(out, "method", d->method);
	member(out, "path", d->path);
	member(out, "rule", d->rule);
	member(out, "request_id", d->id);
	sp_buf_printf(out, ",\"retryable\":%s",
	              is_retryable(status) ? "true" : "false");
	member(out, "hint", hint_of(d));
	sp_buf_printf(out, ",\"error\":{\"type\":\"%s\",\"code\":\"%s\"",
	              is_denied(status) ? "sallyport_denied"
	                                : "sallyport_error",
	              code);
	sp_buf_text(out, ",\"message\":\"");
	message(out, d, true);
	sp_buf_text(out, "\"}}\n");
}

static void line(struct sp_buf *out, const char *label, struct sp_str value)
{
	if (value.n == 0)
		return;
	sp_buf_text(out, label);
	text(out, value, false);
	sp_buf_byte(out, '\n');
}

static void text_body(struct sp_buf *out, const struct sp_denial *d)
{
	message(out, d, false);
	sp_buf_byte(out, '\n');
	line(out, "code: ", sp_str(sp_reason_code(d->reason)));
	line(out, "method: ", d->method);
	line(out, "path: ", d->path);
	line(out, "rule: ", d->rule);
	line(out, "request: ", d->id);
}

static bool names(struct sp_str accept, const char *lower)
{
	for (size_t n = strlen(lower); accept.n >= n; accept.p++, accept.n--)
		if (sp_str_is_nocase((struct sp_str){ accept.p, n }, lower))
			return true;
	return false;
}

/* Text for who names text and not JSON: browsers, and people with curl. */
static bool wants_text(struct sp_str accept)
{
	return names(accept, "text/") && !names(accept, "json");
}

static void head(struct sp_buf *out, const struct sp_denial *d, bool as_text,
                 size_t body_len)
{
	uint16_t status = sp_reason_status(d->reason);
	size_t row = status_row(status);

	sp_buf_printf(out, "HTTP/1.1 %u %s\r\n", status, statuses[row].title);
	sp_buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
	              as_text ? "text/plain; charset=utf-8"
	                      : "application/problem+json",
	              body_len);
	sp_buf_printf(out,
	              "Cache-Control: no-store\r\nX-Sallyport-Reason: %s\r\n",
	              sp_reason_code(d->reason));
	sp_buf_text(out, statuses[row].extra);
	if (d->close)
		sp_buf_text(out, "Connection: close\r\n");
	else if (d->client_minor == 0)
		sp_buf_text(out, "Connection: keep-alive\r\n");
	sp_buf_text(out, "\r\n");
}

void sp_denial_write(const struct sp_denial *d, struct sp_buf *out)
{
	bool as_text = wants_text(d->accept);
	struct sp_buf body;

	if (sp_reason_status(d->reason) == 0)
		return;
	sp_buf_init(&body, BODY_MAX);
	if (as_text)
		text_body(&body, d);
	else
		json_body(&body, d);
	sp_assert(sp_buf_ok(&body));
	head(out, d, as_text, sp_buf_len(&body));
	if (!sp_str_is(d->method, "HEAD"))
		sp_buf_add(out, sp_buf_str(&body));
	sp_buf_fini(&body);
}
