/* SPDX-License-Identifier: Apache-2.0 */
#include "json/text.h"
#include "json/write.h"

#define MEMBERS_MAX (SP_JSON_TOKENS_MAX / 2)

static void put_value(const struct sp_json *j, uint16_t at, struct sp_buf *out);

static void put_text(const struct sp_json_tok *t, struct sp_buf *out)
{
	struct sp_buf plain;

	/* Read strictly and without escapes: this is the shortest form. */
	if (!t->escaped) {
		sp_buf_byte(out, '"');
		sp_buf_add(out, t->raw);
		sp_buf_byte(out, '"');
		return;
	}
	/* Resolved text is never longer than its escaped form. */
	sp_buf_init(&plain, t->raw.n);
	sp_json_text(t, &plain);
	sp_json_put_text(out, sp_buf_str(&plain));
	sp_buf_fini(&plain);
}

static void put_array(const struct sp_json *j, uint16_t at, struct sp_buf *out)
{
	uint16_t end = j->tok[at].next, k = (uint16_t)(at + 1);

	for (sp_buf_byte(out, '['); k < end; k = j->tok[k].next) {
		if (k > at + 1)
			sp_buf_byte(out, ',');
		put_value(j, k, out);
	}
	sp_buf_byte(out, ']');
}

/* Insertion sort: the input is mostly sorted already. */
static unsigned sort_keys(const struct sp_json *j, uint16_t at,
                          uint16_t ret[MEMBERS_MAX])
{
	const struct sp_json_tok *t = j->tok;
	unsigned n = 0, i;

	for (uint16_t k = (uint16_t)(at + 1); k < t[at].next;
	     k = t[k + 1].next) {
		for (i = n++; i > 0; i--) {
			if (sp_json_text_cmp(&t[ret[i - 1]], &t[k]) < 0)
				break;
			ret[i] = ret[i - 1];
		}
		ret[i] = k;
	}
	return n;
}

static void put_object(const struct sp_json *j, uint16_t at, struct sp_buf *out)
{
	uint16_t key[MEMBERS_MAX];
	unsigned n = sort_keys(j, at, key);

	sp_buf_byte(out, '{');
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			sp_buf_byte(out, ',');
		put_text(&j->tok[key[i]], out);
		sp_buf_byte(out, ':');
		put_value(j, (uint16_t)(key[i] + 1), out);
	}
	sp_buf_byte(out, '}');
}

/* Recursion is bounded: the reader went no deeper than SP_JSON_DEPTH_MAX. */
static void put_value(const struct sp_json *j, uint16_t at, struct sp_buf *out)
{
	const struct sp_json_tok *t = &j->tok[at];

	switch (t->type) {
	case SP_JSON_NULL:
	case SP_JSON_FALSE:
	case SP_JSON_TRUE:
	case SP_JSON_INT: /* read strictly: one way to write each */
		sp_buf_add(out, t->raw);
		return;
	case SP_JSON_TEXT:
		put_text(t, out);
		return;
	case SP_JSON_ARRAY:
		put_array(j, at, out);
		return;
	case SP_JSON_OBJECT:
		put_object(j, at, out);
		return;
	}
}

void sp_json_canon(const struct sp_json *j, struct sp_buf *out)
{
	put_value(j, 0, out);
}

static bool text_is_canon(const struct sp_json_tok *t)
{
	struct sp_buf b;
	struct sp_str s;
	bool same;

	sp_buf_init(&b, 6 * t->raw.n + 2);
	put_text(t, &b);
	s = sp_buf_str(&b);
	same = s.n == t->raw.n + 2 && memcmp(s.p + 1, t->raw.p, t->raw.n) == 0;
	sp_buf_fini(&b);
	return same;
}

/*
 * Numbers and words can only be written in one way, and so can strings without
 * escapes: what remains are blanks, order, and the choice of escapes.
 */
bool sp_json_is_canon(const struct sp_json *j)
{
	if (j->loose)
		return false;
	for (uint16_t i = 0; i < j->n; i++)
		if (j->tok[i].type == SP_JSON_TEXT && j->tok[i].escaped &&
		    !text_is_canon(&j->tok[i]))
			return false;
	return true;
}
