/* SPDX-License-Identifier: Apache-2.0 */
#include "json/read.h"

#include "json/text.h"
#include "json/utf8.h"
#include "json/write.h"

#define INT_DIGITS_MAX 16u /* of 2^53 - 1 */

struct reader {
	struct sp_str in; /* what is left */
	struct sp_json *j;
};

static enum sp_rc value(struct reader *r, unsigned depth);

static int peek(const struct reader *r)
{
	return r->in.n > 0 ? r->in.p[0] : -1;
}

static bool accept_byte(struct reader *r, uint8_t c)
{
	if (peek(r) != c)
		return false;
	sp_str_take(&r->in, 1);
	return true;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void blanks(struct reader *r)
{
	while (is_blank(peek(r))) {
		sp_str_take(&r->in, 1);
		r->j->loose = true;
	}
}

static enum sp_rc new_tok(struct reader *r, enum sp_json_type type,
                          struct sp_json_tok **ret)
{
	struct sp_json *j = r->j;

	if (j->n == SP_JSON_TOKENS_MAX)
		return SP_E_LIMIT;
	*ret = &j->tok[j->n++];
	**ret = (struct sp_json_tok){ .type = type,
		                      .next = j->n,
		                      .raw = { r->in.p, 0 } };
	return SP_OK;
}

static enum sp_rc string(struct reader *r)
{
	struct sp_json_tok *t;

	if (!accept_byte(r, '"'))
		return SP_E_PROTO;
	SP_TRY(new_tok(r, SP_JSON_TEXT, &t));
	for (;;) {
		uint32_t cp;

		sp_str_take(&r->in, sp_json_plain(r->in));
		if (r->in.n == 0)
			return SP_E_PROTO;
		if (r->in.p[0] == '"')
			break;
		if (r->in.p[0] == '\\')
			t->escaped = true;
		SP_TRY(sp_json_text_next(&r->in, &cp));
	}
	t->raw.n = (size_t)(r->in.p - t->raw.p);
	sp_str_take(&r->in, 1);
	return SP_OK;
}

static bool digits(struct reader *r, size_t *ret_n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	while (r->in.n > 0 && r->in.p[0] >= '0' && r->in.p[0] <= '9') {
		if (n++ < INT_DIGITS_MAX)
			v = v * 10 + (r->in.p[0] - '0');
		sp_str_take(&r->in, 1);
	}
	*ret_n = n;
	*ret = v;
	return n > 0;
}

static enum sp_rc integer(struct reader *r)
{
	struct sp_json_tok *t;
	bool negative, zero;
	uint64_t v;
	size_t n;
	int c;

	SP_TRY(new_tok(r, SP_JSON_INT, &t));
	negative = accept_byte(r, '-');
	zero = peek(r) == '0';
	if (!digits(r, &n, &v) || (zero && (n > 1 || negative)))
		return SP_E_PROTO;
	c = peek(r);
	if (c == '.' || c == 'e' || c == 'E')
		return SP_E_PROTO;
	if (n > INT_DIGITS_MAX || v > SP_JSON_INT_MAX)
		return SP_E_LIMIT;
	t->raw.n = (size_t)(r->in.p - t->raw.p);
	t->num = negative ? -(int64_t)v : (int64_t)v;
	return SP_OK;
}

static enum sp_rc word(struct reader *r)
{
	static const struct {
		const char *text;
		enum sp_json_type type;
	} words[] = {
		{ "true", SP_JSON_TRUE },
		{ "false", SP_JSON_FALSE },
		{ "null", SP_JSON_NULL },
	};
	struct sp_json_tok *t;

	for (size_t i = 0; i < SP_COUNT(words); i++) {
		size_t n = strlen(words[i].text);

		if (r->in.n < n || memcmp(r->in.p, words[i].text, n) != 0)
			continue;
		SP_TRY(new_tok(r, words[i].type, &t));
		t->raw = sp_str_take(&r->in, n);
		return SP_OK;
	}
	return SP_E_PROTO;
}

/*
 * Keys in canonical order, the usual case, are proved different by comparing
 * neighbors; else each is compared with all before it (at most 95: tokens).
 */
static bool has_duplicates(struct sp_json *j, uint16_t obj)
{
	uint16_t first = (uint16_t)(obj + 1), last = first, k, i;
	const struct sp_json_tok *t = j->tok;
	bool sorted = true;

	for (k = first; k < j->n; k = t[k + 1].next) {
		if (k != first && sp_json_text_cmp(&t[last], &t[k]) >= 0)
			sorted = false;
		last = k;
	}
	if (sorted)
		return false;
	j->loose = true;
	for (k = first; k < j->n; k = t[k + 1].next)
		for (i = first; i < k; i = t[i + 1].next)
			if (sp_json_text_cmp(&t[i], &t[k]) == 0)
				return true;
	return false;
}

static enum sp_rc member(struct reader *r, unsigned depth)
{
	blanks(r);
	SP_TRY(string(r));
	blanks(r);
	if (!accept_byte(r, ':'))
		return SP_E_PROTO;
	return value(r, depth);
}

/* The inside of an array or object, and its closing bracket. */
static enum sp_rc elements(struct reader *r, unsigned depth, uint8_t close,
                           uint16_t *ret_n)
{
	bool is_object = close == '}';

	*ret_n = 0;
	sp_str_take(&r->in, 1);
	blanks(r);
	if (accept_byte(r, close))
		return SP_OK;
	do {
		SP_TRY(is_object ? member(r, depth) : value(r, depth));
		++*ret_n;
	} while (accept_byte(r, ','));
	return accept_byte(r, close) ? SP_OK : SP_E_PROTO;
}

static enum sp_rc container(struct reader *r, unsigned depth)
{
	bool is_object = peek(r) == '{';
	uint16_t index = r->j->n;
	struct sp_json_tok *t;

	SP_TRY(new_tok(r, is_object ? SP_JSON_OBJECT : SP_JSON_ARRAY, &t));
	SP_TRY(elements(r, depth, is_object ? '}' : ']', &t->n));
	t->next = r->j->n;
	t->raw.n = (size_t)(r->in.p - t->raw.p);
	return is_object && has_duplicates(r->j, index) ? SP_E_PROTO : SP_OK;
}

static enum sp_rc by_first_byte(struct reader *r, unsigned depth)
{
	int c = peek(r);

	if (c == '{' || c == '[') {
		if (depth == SP_JSON_DEPTH_MAX)
			return SP_E_LIMIT;
		return container(r, depth + 1);
	}
	if (c == '"')
		return string(r);
	if (c == '-' || (c >= '0' && c <= '9'))
		return integer(r);
	return word(r);
}

/* Recursion ends at SP_JSON_DEPTH_MAX. */
static enum sp_rc value(struct reader *r, unsigned depth)
{
	blanks(r);
	SP_TRY(by_first_byte(r, depth));
	blanks(r);
	return SP_OK;
}

enum sp_rc sp_json_read(struct sp_str in, struct sp_json *ret)
{
	struct reader r = { in, ret };
	enum sp_rc rc;

	ret->n = 0;
	ret->loose = false;
	rc = value(&r, 0);
	if (rc == SP_OK && r.in.n > 0)
		rc = SP_E_PROTO;
	ret->at = in.n - r.in.n;
	return rc;
}

bool sp_json_text_is(const struct sp_json_tok *t, const char *ascii)
{
	struct sp_str raw = t->raw;
	uint32_t cp;

	if (t->type != SP_JSON_TEXT)
		return false;
	if (!t->escaped)
		return sp_str_is(raw, ascii);
	for (; raw.n > 0; ascii++)
		if (sp_json_text_next(&raw, &cp) < 0 ||
		    cp != (unsigned char)*ascii)
			return false;
	return *ascii == '\0';
}

const struct sp_json_tok *sp_json_member(const struct sp_json *j, uint16_t obj,
                                         const char *key)
{
	const struct sp_json_tok *t = j->tok;

	if (t[obj].type != SP_JSON_OBJECT)
		return NULL;
	for (uint16_t k = (uint16_t)(obj + 1); k < t[obj].next;
	     k = t[k + 1].next)
		if (sp_json_text_is(&t[k], key))
			return &t[k + 1];
	return NULL;
}

void sp_json_text(const struct sp_json_tok *t, struct sp_buf *b)
{
	struct sp_str raw = t->raw;
	uint8_t utf8[4] = { 0 };
	uint32_t cp;

	if (!t->escaped) {
		sp_buf_add(b, raw);
		return;
	}
	while (raw.n > 0 && sp_json_text_next(&raw, &cp) == SP_OK)
		sp_buf_add(b, (struct sp_str){ utf8, sp_utf8_put(cp, utf8) });
}
