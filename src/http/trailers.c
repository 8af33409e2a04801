/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/trailers.c - what of a trailer section may go on.
 *
 * A trailer is never merged into the head, but others do merge: so whatever
 * frames, routes, authenticates, describes or conditions the message is taken
 * out (RFC 9110, 6.5.1).
 */
#include "http/h1_int.h"

static const char *const dropped[] = {
	/* framing and routing are known by kind: see sp_h1_kind() */
	"trailer", "forwarded", "via", "max-forwards", "x-http-method-override",
	"x-method-override", "x-http-method", "x-original-url", "x-rewrite-url",
	/* authentication */
	"authorization", "cookie", "set-cookie", "www-authenticate",
	"authentication-info", "x-api-key",
	/* content */
	"content-encoding", "content-type", "content-range", "content-location",
	"content-language", "content-disposition", "range",
	/* control data */
	"age", "cache-control", "pragma", "date", "expires", "location",
	"retry-after", "vary", "warning"
};

/* conditions; what gateways tell servers about clients; browsers' guards */
static const char *const dropped_prefixes[] = { "if-", "x-forwarded-", "sec-",
	                                        "access-control-" };

static bool may_pass(struct sp_str name)
{
	if (sp_h1_kind(name) != SP_H1_K_PLAIN)
		return false;
	for (size_t i = 0; i < SP_COUNT(dropped); i++)
		if (sp_str_is_nocase(name, dropped[i]))
			return false;
	for (size_t i = 0; i < SP_COUNT(dropped_prefixes); i++) {
		size_t n = strlen(dropped_prefixes[i]);

		if (name.n >= n &&
		    sp_str_is_nocase((struct sp_str){ name.p, n },
		                     dropped_prefixes[i]))
			return false;
	}
	return true;
}

static void add(struct sp_buf *out, const struct sp_h1_field *f)
{
	sp_buf_add(out, f->name);
	sp_buf_text(out, ": ");
	sp_buf_add(out, f->value);
	sp_buf_text(out, "\r\n");
}

/* All lines up to the empty one; out is NULL for a look without effect. */
static enum sp_rc filter(struct sp_h1_cursor *c, struct sp_buf *out)
{
	size_t count = 0;

	c->at = 0;
	while (c->text.p[c->at] != '\r') {
		struct sp_h1_field f;

		if (count++ == SP_H1_FIELDS_MAX)
			return sp_h1_fail(c, SP_REASON_HEAD_TOO_LARGE,
			                  "field-count", c->at);
		SP_TRY(sp_h1_line(c, &f));
		if (out != NULL && may_pass(f.name))
			add(out, &f);
	}
	if (c->at != c->text.n - 2)
		return sp_h1_fail(c, SP_REASON_BAD_REQUEST, "trailer-end",
		                  c->at);
	return SP_OK;
}

/* Either nothing but the empty line, or it follows a line. */
static bool ends_well(struct sp_str t)
{
	if (t.n == 2)
		return memcmp(t.p, "\r\n", 2) == 0;
	return t.n >= 4 && memcmp(t.p + t.n - 4, "\r\n\r\n", 4) == 0;
}

enum sp_rc sp_h1_filter_trailers(struct sp_str block, struct sp_buf *out,
                                 struct sp_h1_error *why)
{
	struct sp_h1_cursor c = { .text = block, .why = why };

	if (!ends_well(block))
		return sp_h1_fail(&c, SP_REASON_BAD_REQUEST, "trailer-end",
		                  block.n);
	SP_TRY(filter(&c, NULL));
	SP_TRY(filter(&c, out));
	sp_buf_text(out, "\r\n");
	return SP_OK;
}
