/* SPDX-License-Identifier: Apache-2.0 */
#include "json/utf8.h"

/* Length of the sequence, and the range of its second byte (RFC 3629, 4). */
struct lead {
	uint8_t first, last; /* of the leading byte */
	uint8_t more;        /* bytes that must follow */
	uint8_t low, high;   /* of the next byte */
};

/* clang-format off */
static const struct lead leads[] = {
	{ 0xc2, 0xdf, 1, 0x80, 0xbf },
	{ 0xe0, 0xe0, 2, 0xa0, 0xbf }, /* below: overlong */
	{ 0xe1, 0xec, 2, 0x80, 0xbf },
	{ 0xed, 0xed, 2, 0x80, 0x9f }, /* above: surrogates */
	{ 0xee, 0xef, 2, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x90, 0xbf }, /* below: overlong */
	{ 0xf1, 0xf3, 3, 0x80, 0xbf },
	{ 0xf4, 0xf4, 3, 0x80, 0x8f }, /* above: beyond U+10FFFF */
};
/* clang-format on */

static const struct lead *lead_of(uint8_t c)
{
	for (size_t i = 0; i < SP_COUNT(leads); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	return NULL;
}

static bool bad(struct sp_str *in, size_t n, uint32_t *ret)
{
	sp_str_take(in, n);
	*ret = SP_UTF8_REPLACEMENT;
	return false;
}

bool sp_utf8_next(struct sp_str *in, uint32_t *ret)
{
	const struct lead *l;
	uint8_t low, high;
	uint32_t cp;

	sp_assert(in->n > 0);
	cp = in->p[0];
	if (cp < 0x80) {
		sp_str_take(in, 1);
		*ret = cp;
		return true;
	}
	l = lead_of((uint8_t)cp);
	if (l == NULL)
		return bad(in, 1, ret);
	cp &= 0x3fu >> l->more;
	low = l->low;
	high = l->high;
	for (size_t i = 1; i <= l->more; i++) {
		if (i == in->n || in->p[i] < low || in->p[i] > high)
			return bad(in, i, ret);
		cp = cp << 6 | (in->p[i] & 0x3fu);
		low = 0x80;
		high = 0xbf;
	}
	sp_str_take(in, l->more + 1u);
	*ret = cp;
	return true;
}

bool sp_utf8_valid(struct sp_str s)
{
	uint32_t cp;

	while (s.n > 0) {
		size_t n = 0;

		while (n < s.n && s.p[n] < 0x80)
			n++;
		sp_str_take(&s, n);
		if (s.n > 0 && !sp_utf8_next(&s, &cp))
			return false;
	}
	return true;
}

size_t sp_utf8_put(uint32_t cp, uint8_t ret[4])
{
	size_t more = cp < 0x80 ? 0 : cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
	static const uint8_t mark[] = { 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = more; i > 0; i--) {
		ret[i] = (uint8_t)(0x80 | (cp & 0x3f));
		cp >>= 6;
	}
	ret[0] = (uint8_t)(mark[more] | cp);
	return more + 1;
}
