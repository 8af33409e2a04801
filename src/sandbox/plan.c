/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/plan.h"

#include "core/alloc.h"
#include "ipc/wire.h"

#define MAGIC UINT32_C(0x53505031) /* SPP1 */

void sp_words_add(struct sp_words *t, const char *text)
{
	if (t->n > SP_PLAN_LIST_MAX)
		return;
	t->v = sp_realloc(t->v, (t->n + 2) * sizeof(*t->v));
	t->v[t->n++] = text;
	t->v[t->n] = NULL;
}

void sp_words_fini(struct sp_words *t)
{
	sp_free(t->v);
	*t = (struct sp_words){ 0 };
}

void sp_words_copy(struct sp_words *t, struct sp_str text)
{
	char *copy = sp_strdup(text);

	if (t->n > SP_PLAN_LIST_MAX)
		sp_free(copy);
	else
		sp_words_add(t, copy);
}

void sp_words_free(struct sp_words *t)
{
	for (size_t i = 0; i < t->n; i++) {
		union {
			const char *in;
			void *out;
		} u = { .in = t->v[i] };

		sp_free(u.out);
	}
	sp_words_fini(t);
}

void sp_plan_fini(struct sp_plan *p)
{
#define X(name) sp_words_fini(&p->name);
	SP_PLAN_LISTS(X)
#undef X
}

static void put_number(struct sp_buf *b, uint64_t v, size_t width)
{
	for (size_t i = width; i-- > 0;)
		sp_buf_byte(b, (uint8_t)(v >> (8 * i)));
}

static void put_text(struct sp_buf *b, const char *text)
{
	size_t n = text == NULL ? 1 : strlen(text) + 1;

	if (n > UINT32_MAX) {
		b->bad = true;
		return;
	}
	put_number(b, n, 4);
	sp_buf_add(b, (struct sp_str){ text == NULL ? (const uint8_t *)""
	                                            : (const uint8_t *)text,
	                               n });
}

static void put_list(struct sp_buf *b, const struct sp_words *t)
{
	if (t->n > SP_PLAN_LIST_MAX) {
		b->bad = true;
		return;
	}
	put_number(b, t->n, 4);
	for (size_t i = 0; i < t->n; i++)
		put_text(b, t->v[i]);
}

enum sp_rc sp_plan_encode(const struct sp_plan *p, struct sp_buf *out)
{
	put_number(out, MAGIC, 4);
#define X(name) put_number(out, p->name, 8);
	SP_PLAN_NUMBERS(X)
#undef X
#define X(name) put_text(out, p->name);
	SP_PLAN_TEXTS(X)
#undef X
#define X(name) put_list(out, &p->name);
	SP_PLAN_LISTS(X)
#undef X
	return sp_buf_ok(out) ? SP_OK : SP_E_LIMIT;
}

static enum sp_rc get_text(struct sp_str *in, const char **ret)
{
	struct sp_str s;
	uint32_t n;

	SP_TRY(sp_get_u32(in, &n));
	if (n == 0 || n > in->n)
		return SP_E_PROTO;
	s = sp_str_take(in, n);
	if (memchr(s.p, '\0', n) != s.p + n - 1)
		return SP_E_PROTO;
	*ret = (const char *)s.p;
	return SP_OK;
}

static enum sp_rc get_list(struct sp_str *in, struct sp_words *ret)
{
	uint32_t n;

	SP_TRY(sp_get_u32(in, &n));
	if (n > SP_PLAN_LIST_MAX)
		return SP_E_LIMIT;
	for (uint32_t i = 0; i < n; i++) {
		const char *text;

		SP_TRY(get_text(in, &text));
		sp_words_add(ret, text);
	}
	return SP_OK;
}

static enum sp_rc decode(struct sp_str in, struct sp_plan *p)
{
	uint32_t magic;

	SP_TRY(sp_get_u32(&in, &magic));
	if (magic != MAGIC)
		return SP_E_PROTO;
#define X(name) SP_TRY(sp_get_u64(&in, &p->name));
	SP_PLAN_NUMBERS(X)
#undef X
#define X(name) SP_TRY(get_text(&in, &p->name));
	SP_PLAN_TEXTS(X)
#undef X
#define X(name) SP_TRY(get_list(&in, &p->name));
	SP_PLAN_LISTS(X)
#undef X
	return sp_get_end(&in);
}

enum sp_rc sp_plan_decode(struct sp_str in, struct sp_plan *ret)
{
	struct sp_plan p = { 0 };
	enum sp_rc rc = in.n > SP_PLAN_MAX ? SP_E_LIMIT : decode(in, &p);

	if (rc < 0) {
		sp_plan_fini(&p);
		p = (struct sp_plan){ 0 };
	}
	*ret = p;
	return rc;
}
