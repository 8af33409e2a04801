/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1_fields.c - what the fields of a head mean to a proxy.
 *
 * Role        The table of special fields, and the decisions that need all of
 *             them: how the body is framed, whether the connection persists,
 *             which fields are hop-by-hop (RFC 9110, 7.6.1).
 * Strictness  A second Host, Content-Length or Transfer-Encoding is refused
 *             even when it says the same. So is a Connection field that names
 *             what must reach the server: it would make us drop a field that
 *             policy has judged.
 */
#include "http/h1_int.h"

struct fields {
	struct sp_h1_cursor *c;
	struct sp_h1_head *h;
	struct sp_h1_field *f; /* the one at hand */
	bool *drop;            /* of f */
	bool coding, expect;
	/* from Connection */
	bool close, keep_alive, upgrade;
	size_t n_named;
	struct sp_str named[SP_H1_NAMED_MAX];
};

static enum sp_rc fail(const struct fields *s, enum sp_reason reason,
                       const char *rule)
{
	return sp_h1_fail(s->c, reason, rule,
	                  (size_t)(s->f->name.p - s->c->text.p));
}

static enum sp_rc bad(const struct fields *s, const char *rule)
{
	return fail(s, SP_REASON_BAD_REQUEST, rule);
}

static enum sp_rc on_host(struct fields *s)
{
	if (s->c->response)
		return SP_OK;
	if (s->h->has_host)
		return fail(s, SP_REASON_BAD_HOST, "host-twice");
	if (s->f->value.n == 0)
		return fail(s, SP_REASON_BAD_HOST, "host-empty");
	if (!sp_h1_all(s->f->value, SP_H1_AUTHORITY))
		return fail(s, SP_REASON_BAD_HOST, "host-byte");
	s->h->host = s->f->value;
	s->h->has_host = true;
	return SP_OK;
}

/* 1*DIGIT up to 2^63-1: what a signed parser behind us holds as well. */
static enum sp_rc on_length(struct fields *s)
{
	const struct sp_str v = s->f->value;
	uint64_t n = 0;

	if (s->h->has_length)
		return bad(s, "content-length-twice");
	if (v.n == 0)
		return bad(s, "content-length");
	for (size_t i = 0; i < v.n; i++) {
		if (!sp_h1_is(v.p[i], SP_H1_DIGIT))
			return bad(s, "content-length");
		if (n > (INT64_MAX - (v.p[i] - (uint64_t)'0')) / 10)
			return bad(s, "content-length-range");
		n = n * 10 + (v.p[i] - (uint64_t)'0');
	}
	s->h->has_length = true;
	s->h->length = n;
	return SP_OK;
}

static bool contains_nocase(struct sp_str s, const char *lower)
{
	for (size_t n = strlen(lower); s.n >= n; s.p++, s.n--)
		if (sp_str_is_nocase((struct sp_str){ s.p, n }, lower))
			return true;
	return false;
}

/*
 * Anything but the one word "chunked" is refused. A list of honest codings
 * without the word, or with it once and at the end, is one we do not speak
 * (501); everything else is an attempt at being read in two ways (400).
 */
static enum sp_rc on_coding(struct fields *s)
{
	struct sp_str list = s->f->value, e = { 0 };
	bool chunked = false, other = false;

	if (s->coding)
		return bad(s, "transfer-encoding-twice");
	s->coding = true;
	if (sp_str_is_nocase(s->f->value, "chunked"))
		return SP_OK;
	while (sp_h1_next_element(&list, &e)) {
		if (chunked || !sp_h1_all(e, SP_H1_TCHAR))
			return bad(s, "transfer-encoding");
		chunked = sp_str_is_nocase(e, "chunked");
		if (!chunked && contains_nocase(e, "chunk"))
			return bad(s, "transfer-encoding");
		other |= !chunked;
	}
	if (!other)
		return bad(s, "transfer-encoding");
	return fail(s, SP_REASON_NOT_IMPLEMENTED, "transfer-coding");
}

/*
 * Some gateways turn '-' and '_' into the same character, and then read a
 * framing field that everybody before them has ignored.
 */
static enum sp_rc on_disguised(struct fields *s)
{
	return bad(s, "disguised-framing");
}

static enum sp_rc on_expect(struct fields *s)
{
	if (s->c->response)
		return SP_OK;
	if (s->expect || !sp_str_is_nocase(s->f->value, "100-continue"))
		return fail(s, SP_REASON_EXPECTATION, "expect");
	s->expect = true;
	return SP_OK;
}

static enum sp_rc on_te(struct fields *s)
{
	struct sp_str list = s->f->value, e = { 0 };

	*s->drop = true;
	if (s->c->response || s->h->te_trailers)
		return SP_OK;
	while (sp_h1_next_element(&list, &e)) {
		if (!sp_str_is_nocase(e, "trailers"))
			continue;
		s->h->te_trailers = true;
		s->f->value = sp_str("trailers");
		*s->drop = false;
	}
	return SP_OK;
}

/* "h2c" is a request to translate: it goes on without the field. */
static enum sp_rc on_upgrade(struct fields *s)
{
	struct sp_str list = s->f->value, e = { 0 };

	*s->drop = true;
	if (s->c->response)
		return SP_OK;
	while (sp_h1_next_element(&list, &e)) {
		for (size_t i = 0; i < e.n; i++)
			if (!sp_h1_is(e.p[i], SP_H1_TCHAR) && e.p[i] != '/')
				return bad(s, "upgrade");
		if (s->h->upgrade_to.n == 0 && !sp_str_is_nocase(e, "h2c"))
			s->h->upgrade_to = e;
	}
	return SP_OK;
}

static enum sp_rc on_alt_svc(struct fields *s)
{
	*s->drop = s->c->response && !sp_str_is_nocase(s->f->value, "clear");
	return SP_OK;
}

static enum sp_rc on_hop(struct fields *s)
{
	*s->drop = true;
	return SP_OK;
}

/* Fields that a Connection field may not make disappear. */
static const char *const unnameable[] = {
	"host",   "content-length",   "transfer-encoding", "authorization",
	"cookie", "content-encoding", "content-type",      "expect",
};

static enum sp_rc on_named(struct fields *s, struct sp_str name)
{
	enum sp_h1_kind kind = sp_h1_kind(name);

	for (size_t i = 0; i < SP_COUNT(unnameable); i++)
		if (sp_str_is_nocase(name, unnameable[i]))
			return bad(s, "connection-names-field");
	/* The others have rows that say what becomes of them. */
	if (kind != SP_H1_K_PLAIN && kind != SP_H1_K_ALT_SVC)
		return SP_OK;
	if (s->n_named == SP_H1_NAMED_MAX)
		return fail(s, SP_REASON_HEAD_TOO_LARGE, "connection-list");
	s->named[s->n_named++] = name;
	return SP_OK;
}

/* One element of a Connection field. */
static enum sp_rc on_option(struct fields *s, struct sp_str e)
{
	const struct {
		const char *name;
		bool *flag;
	} options[] = {
		{ "close", &s->close },
		{ "keep-alive", &s->keep_alive },
		{ "upgrade", &s->upgrade },
	};

	if (!sp_h1_all(e, SP_H1_TCHAR))
		return s->c->response ? SP_OK : bad(s, "connection-token");
	for (size_t i = 0; i < SP_COUNT(options); i++) {
		if (!sp_str_is_nocase(e, options[i].name))
			continue;
		*options[i].flag = true;
		return SP_OK;
	}
	return on_named(s, e);
}

static enum sp_rc on_connection(struct fields *s)
{
	struct sp_str list = s->f->value, e = { 0 };

	*s->drop = true;
	while (sp_h1_next_element(&list, &e))
		SP_TRY(on_option(s, e));
	return SP_OK;
}

/* clang-format off */
/* name, kind, what to do with it */
#define FIELD_LIST(X) \
	X("te", TE, on_te) \
	X("host", HOST, on_host) \
	X("expect", EXPECT, on_expect) \
	X("upgrade", UPGRADE, on_upgrade) \
	X("alt-svc", ALT_SVC, on_alt_svc) \
	X("connection", CONNECTION, on_connection) \
	X("keep-alive", HOP, on_hop) \
	X("content-length", LENGTH, on_length) \
	X("content_length", DISGUISED, on_disguised) \
	X("http2-settings", HOP, on_hop) \
	X("transfer-encoding", CODING, on_coding) \
	X("transfer_encoding", DISGUISED, on_disguised)
/* clang-format on */

struct row {
	const char *name;
	size_t n;
	enum sp_h1_kind kind;
	enum sp_rc (*on)(struct fields *s);
};

static const struct row rows[] = {
#define X(name, kind, on) { name, sizeof(name) - 1, SP_H1_K_##kind, on },
	FIELD_LIST(X)
#undef X
};

static const struct row proxy_row = { "proxy-", 6, SP_H1_K_HOP, on_hop };

/* Most fields mean nothing to us; one bit per length says so at once. */
#define X(name, kind, on) | UINT32_C(1) << (sizeof(name) - 1)
static const uint32_t special_lengths = 0 FIELD_LIST(X);
#undef X

static const struct row *find_row(struct sp_str name)
{
	uint8_t first = sp_lower(name.p[0]);

	if (name.n >= proxy_row.n && first == 'p' &&
	    sp_str_is_nocase((struct sp_str){ name.p, proxy_row.n },
	                     proxy_row.name))
		return &proxy_row;
	if (name.n > 31 || (special_lengths >> name.n & 1) == 0)
		return NULL;
	for (size_t i = 0; i < SP_COUNT(rows); i++)
		if (rows[i].n == name.n && (uint8_t)rows[i].name[0] == first &&
		    sp_str_is_nocase(name, rows[i].name))
			return &rows[i];
	return NULL;
}

enum sp_h1_kind sp_h1_kind(struct sp_str name)
{
	const struct row *row = name.n > 0 ? find_row(name) : NULL;

	return row != NULL ? row->kind : SP_H1_K_PLAIN;
}

static enum sp_rc next_field(struct fields *s)
{
	struct sp_h1_head *h = s->h;
	const struct row *row;

	if (h->n_fields == SP_H1_FIELDS_MAX)
		return sp_h1_fail(s->c, SP_REASON_HEAD_TOO_LARGE, "field-count",
		                  s->c->at);
	s->f = &h->field[h->n_fields];
	s->drop = &h->drop[h->n_fields];
	SP_TRY(sp_h1_line(s->c, s->f));
	*s->drop = false;
	h->n_fields++;
	row = find_row(s->f->name);
	return row != NULL ? row->on(s) : SP_OK;
}

static void drop_named(struct fields *s)
{
	for (size_t k = 0; k < s->n_named; k++)
		for (size_t i = 0; i < s->h->n_fields; i++)
			if (sp_h1_same_name(s->h->field[i].name, s->named[k]))
				s->h->drop[i] = true;
}

/* What needs all fields: framing, persistence, upgrade. */
static enum sp_rc conclude(struct fields *s)
{
	struct sp_h1_head *h = s->h;

	if (s->coding && h->has_length)
		return sp_h1_fail(s->c, SP_REASON_BAD_REQUEST, "te-and-cl", 0);
	if (s->coding && h->minor == 0)
		return sp_h1_fail(s->c, SP_REASON_BAD_REQUEST, "te-in-1.0", 0);
	if (s->coding)
		h->framing = SP_H1_CHUNKED;
	else if (h->has_length)
		h->framing = SP_H1_LENGTH;
	h->keep_alive = !s->close && (h->minor > 0 || s->keep_alive);
	h->upgrade = s->upgrade && h->minor > 0 && h->upgrade_to.n > 0;
	/* RFC 9110, 10.1.1: not from HTTP/1.0, and nothing to wait for */
	h->expect_continue =
		s->expect && h->minor > 0 && (s->coding || h->length > 0);
	drop_named(s);
	return SP_OK;
}

enum sp_rc sp_h1_fields(struct sp_h1_cursor *c, struct sp_h1_head *h)
{
	struct fields s;

	s.c = c;
	s.h = h;
	s.f = NULL;
	s.coding = s.expect = false;
	s.close = s.keep_alive = s.upgrade = false;
	s.n_named = 0;
	while (c->text.p[c->at] != '\r')
		SP_TRY(next_field(&s));
	SP_TRY(sp_h1_line_end(c, c->at));
	c->at += 2;
	if (c->at != c->text.n)
		return sp_h1_fail(c, SP_REASON_BAD_REQUEST, "head-end", c->at);
	return conclude(&s);
}
