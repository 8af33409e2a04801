/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire.h"

/* Room for n more bytes, or NULL and a poisoned writer. */
static uint8_t *room(struct sp_wire *w, size_t n)
{
	uint8_t *p = w->p + w->n;

	if (w->bad || n > w->cap - w->n) {
		w->bad = true;
		return NULL;
	}
	w->n += n;
	return p;
}

static void put_be(struct sp_wire *w, uint64_t v, size_t width)
{
	uint8_t *p = room(w, width);

	for (size_t i = 0; p != NULL && i < width; i++)
		p[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

void sp_put_u8(struct sp_wire *w, uint8_t v)
{
	put_be(w, v, 1);
}

void sp_put_u16(struct sp_wire *w, uint16_t v)
{
	put_be(w, v, 2);
}

void sp_put_u64(struct sp_wire *w, uint64_t v)
{
	put_be(w, v, 8);
}

void sp_put_u32(struct sp_wire *w, uint32_t v)
{
	put_be(w, v, 4);
}

void sp_put_str(struct sp_wire *w, struct sp_str s)
{
	uint8_t *p;

	if (s.n > UINT16_MAX) {
		w->bad = true;
		return;
	}
	put_be(w, s.n, 2);
	p = room(w, s.n);
	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
}

static enum sp_rc get_be(struct sp_str *in, size_t width, uint64_t *ret)
{
	struct sp_str f;
	uint64_t v = 0;

	if (in->n < width)
		return SP_E_PROTO;
	f = sp_str_take(in, width);
	for (size_t i = 0; i < width; i++)
		v = v << 8 | f.p[i];
	*ret = v;
	return SP_OK;
}

enum sp_rc sp_get_u8(struct sp_str *in, uint8_t *ret)
{
	uint64_t v;

	SP_TRY(get_be(in, 1, &v));
	*ret = (uint8_t)v;
	return SP_OK;
}

enum sp_rc sp_get_u16(struct sp_str *in, uint16_t *ret)
{
	uint64_t v;

	SP_TRY(get_be(in, 2, &v));
	*ret = (uint16_t)v;
	return SP_OK;
}

enum sp_rc sp_get_u64(struct sp_str *in, uint64_t *ret)
{
	return get_be(in, 8, ret);
}

enum sp_rc sp_get_u32(struct sp_str *in, uint32_t *ret)
{
	uint64_t v;

	SP_TRY(get_be(in, 4, &v));
	*ret = (uint32_t)v;
	return SP_OK;
}

enum sp_rc sp_get_str(struct sp_str *in, size_t max, struct sp_str *ret)
{
	uint64_t n;

	SP_TRY(get_be(in, 2, &n));
	if (n > max)
		return SP_E_LIMIT;
	if (n > in->n)
		return SP_E_PROTO;
	*ret = sp_str_take(in, n);
	return SP_OK;
}

enum sp_rc sp_get_end(const struct sp_str *in)
{
	return in->n == 0 ? SP_OK : SP_E_PROTO;
}
