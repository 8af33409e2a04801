/* SPDX-License-Identifier: Apache-2.0 */
#include "json/text.h"

#include "json/utf8.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/*
 * The high bit of some byte is set if and only if one of the eight is not
 * plain: x - 0x20 borrows below 0x20, and (x ^ c) - 1 where x is c.
 */
static bool all_plain(uint64_t x)
{
	uint64_t quote = x ^ EACH('"'), backslash = x ^ EACH('\\');

	return ((x | (x - EACH(0x20)) | (quote - EACH(1)) |
	         (backslash - EACH(1))) &
	        EACH(0x80)) == 0;
}

size_t sp_json_plain(struct sp_str s)
{
	size_t n = 0;
	uint64_t x;

	while (s.n - n >= sizeof(x)) {
		memcpy(&x, s.p + n, sizeof(x));
		if (!all_plain(x))
			break;
		n += sizeof(x);
	}
	while (n < s.n && is_plain(s.p[n]))
		n++;
	return n;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits: one UTF-16 code unit. */
static enum sp_rc code_unit(struct sp_str *raw, uint32_t *ret)
{
	uint32_t v = 0;

	if (raw->n < 4)
		return SP_E_PROTO;
	for (size_t i = 0; i < 4; i++) {
		int h = hex_value(raw->p[i]);

		if (h < 0)
			return SP_E_PROTO;
		v = v << 4 | (uint32_t)h;
	}
	sp_str_take(raw, 4);
	*ret = v;
	return SP_OK;
}

static enum sp_rc unicode_escape(struct sp_str *raw, uint32_t *ret)
{
	uint32_t high, low;

	SP_TRY(code_unit(raw, &high));
	if (high < 0xd800 || high > 0xdfff) {
		*ret = high;
		return SP_OK;
	}
	if (high > 0xdbff || raw->n < 2 || raw->p[0] != '\\' ||
	    raw->p[1] != 'u')
		return SP_E_PROTO;
	sp_str_take(raw, 2);
	SP_TRY(code_unit(raw, &low));
	if (low < 0xdc00 || low > 0xdfff)
		return SP_E_PROTO;
	*ret = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
	return SP_OK;
}

static enum sp_rc escape(struct sp_str *raw, uint32_t *ret)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meaning[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint8_t c;

	if (raw->n == 0)
		return SP_E_PROTO;
	c = sp_str_take(raw, 1).p[0];
	if (c == 'u')
		return unicode_escape(raw, ret);
	at = c == '\0' ? NULL : strchr(letters, c);
	if (at == NULL)
		return SP_E_PROTO;
	*ret = (uint8_t)meaning[at - letters];
	return SP_OK;
}

enum sp_rc sp_json_text_next(struct sp_str *raw, uint32_t *ret)
{
	uint8_t c = raw->p[0];

	if (c == '\\') {
		sp_str_take(raw, 1);
		return escape(raw, ret);
	}
	if (c < 0x20)
		return SP_E_PROTO;
	return sp_utf8_next(raw, ret) ? SP_OK : SP_E_PROTO;
}

/*
 * A code point above U+FFFF sorts by its first surrogate, that is, before
 * U+E000: the one difference from the order of code points.
 */
static uint32_t sort_key(uint32_t cp)
{
	return cp > 0xffff ? 0xd800 + ((cp - 0x10000) >> 10) : cp;
}

static int compare(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int cmp_decoded(struct sp_str a, struct sp_str b)
{
	while (a.n > 0 && b.n > 0) {
		uint32_t x = 0, y = 0;
		int d;

		/* Both were read before: they cannot fail now. */
		sp_assert(sp_json_text_next(&a, &x) == SP_OK);
		sp_assert(sp_json_text_next(&b, &y) == SP_OK);
		d = compare(sort_key(x), sort_key(y));
		if (d == 0)
			d = compare(x, y); /* same first surrogate */
		if (d != 0)
			return d;
	}
	return (a.n > 0) - (b.n > 0);
}

int sp_json_text_cmp(const struct sp_json_tok *a, const struct sp_json_tok *b)
{
	size_t n = a->raw.n < b->raw.n ? a->raw.n : b->raw.n, i = 0;

	/* Equal beginnings are skipped while they are plain ASCII. */
	while (i < n && a->raw.p[i] == b->raw.p[i] && is_plain(a->raw.p[i]))
		i++;
	if (i < n && is_plain(a->raw.p[i]) && is_plain(b->raw.p[i]))
		return compare(a->raw.p[i], b->raw.p[i]);
	return cmp_decoded((struct sp_str){ a->raw.p + i, a->raw.n - i },
	                   (struct sp_str){ b->raw.p + i, b->raw.n - i });
}
