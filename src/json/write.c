/* SPDX-License-Identifier: Apache-2.0 */
#include "json/write.h"

#include "json/text.h"
#include "json/utf8.h"

/* Escapes with a letter (RFC 8785, 3.2.2.2); other controls are \u00xx. */
static uint8_t short_escape(uint32_t c)
{
	static const uint8_t letter[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
		['\f'] = 'f', ['\r'] = 'r',
	};

	if (c == '"' || c == '\\')
		return (uint8_t)c;
	return c < 0x20 ? letter[c] : 0;
}

/* One byte or sequence that cannot simply be copied. */
static uint8_t *put_special(uint8_t *p, struct sp_str *s)
{
	static const uint8_t unit[] = { '\\', 'u', '0', '0' };
	static const char hex[] = "0123456789abcdef";
	uint32_t cp;
	uint8_t letter;

	/* What was not UTF-8 arrives here as the replacement character. */
	sp_utf8_next(s, &cp);
	letter = short_escape(cp);
	if (letter != 0) {
		*p++ = '\\';
		*p++ = letter;
	} else if (cp < 0x20) {
		memcpy(p, unit, sizeof(unit));
		p[4] = (uint8_t)hex[cp >> 4];
		p[5] = (uint8_t)hex[cp & 15];
		p += 6;
	} else {
		p += sp_utf8_put(cp, p);
	}
	return p;
}

void sp_json_put_text(struct sp_buf *b, struct sp_str s)
{
	/* A control byte becomes six; an invalid byte becomes three. */
	uint8_t *start = sp_buf_room(b, 6 * s.n + 2), *p = start;

	if (p == NULL)
		return;
	*p++ = '"';
	while (s.n > 0) {
		size_t n = sp_json_plain(s);

		if (n > 0)
			memcpy(p, s.p, n);
		p += n;
		sp_str_take(&s, n);
		if (s.n > 0)
			p = put_special(p, &s);
	}
	*p++ = '"';
	sp_buf_commit(b, (size_t)(p - start));
}

void sp_json_put_u64(struct sp_buf *b, uint64_t v)
{
	sp_buf_u64(b, v < SP_JSON_INT_MAX ? v : SP_JSON_INT_MAX);
}

static struct sp_json_member *insert(struct sp_json_object *o, const char *key)
{
	unsigned at = o->n;

	sp_assert(o->n < SP_JSON_MEMBERS_MAX);
	while (at > 0) {
		int d = strcmp(o->m[at - 1].key, key);

		sp_assert(d != 0);
		if (d < 0)
			break;
		o->m[at] = o->m[at - 1];
		at--;
	}
	o->n++;
	o->m[at].key = key;
	return &o->m[at];
}

void sp_json_add_text(struct sp_json_object *o, const char *key,
                      struct sp_str text)
{
	struct sp_json_member *m = insert(o, key);

	m->kind = SP_JSON_M_TEXT;
	m->text = text;
	if (!sp_utf8_valid(text))
		o->replaced = true;
}

void sp_json_add_u64(struct sp_json_object *o, const char *key, uint64_t v)
{
	struct sp_json_member *m = insert(o, key);

	m->kind = SP_JSON_M_U64;
	m->num = v;
}

void sp_json_add_flag(struct sp_json_object *o, const char *key, bool set)
{
	if (set)
		insert(o, key)->kind = SP_JSON_M_TRUE;
}

static void put_member(struct sp_buf *b, const struct sp_json_member *m,
                       bool first)
{
	size_t n = strlen(m->key);
	uint8_t *p = sp_buf_room(b, n + 4);

	if (p == NULL)
		return;
	*p++ = first ? '{' : ',';
	*p++ = '"';
	memcpy(p, m->key, n);
	p[n] = '"';
	p[n + 1] = ':';
	sp_buf_commit(b, n + 4);
	switch (m->kind) {
	case SP_JSON_M_TEXT:
		sp_json_put_text(b, m->text);
		return;
	case SP_JSON_M_U64:
		sp_json_put_u64(b, m->num);
		return;
	case SP_JSON_M_TRUE:
		sp_buf_text(b, "true");
		return;
	}
}

void sp_json_put_merged(struct sp_buf *b, const struct sp_json_object *x,
                        const struct sp_json_object *y)
{
	unsigned i = 0, k = 0;

	while (i < x->n || k < y->n) {
		int d = i == x->n   ? 1
		        : k == y->n ? -1
		                    : strcmp(x->m[i].key, y->m[k].key);
		bool first = i + k == 0;

		sp_assert(d != 0);
		put_member(b, d < 0 ? &x->m[i++] : &y->m[k++], first);
	}
	sp_buf_text(b, x->n + y->n == 0 ? "{}" : "}");
}
