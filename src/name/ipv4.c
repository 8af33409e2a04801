/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/ipv4.c - the spellings of IPv4 that resolvers accept (WHATWG URL, IPv4
 * parser; the same as inet_aton). 127.1, 0x7f000001 and 017700000001 are all
 * 127.0.0.1, and must be judged as that.
 */
#include "name/host_int.h"

#define PARTS_MAX 4u

static bool is_hex_prefix(struct sp_str s)
{
	return s.n >= 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X');
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Saturates: what is above 32 bits is out of range, however far. */
static enum sp_rc parse_number(struct sp_str s, uint64_t *ret)
{
	unsigned base = 10;
	uint64_t v = 0;

	if (s.n == 0)
		return SP_E_PROTO;
	if (is_hex_prefix(s)) {
		base = 16;
		(void)sp_str_take(&s, 2); /* the prefix; "0x" is zero */
	} else if (s.n >= 2 && s.p[0] == '0') {
		base = 8;
		(void)sp_str_take(&s, 1);
	}
	for (size_t i = 0; i < s.n; i++) {
		int d = digit(s.p[i]);

		if (d < 0 || (unsigned)d >= base)
			return SP_E_PROTO;
		v = v * base + (unsigned)d;
		if (v > UINT32_MAX)
			v = (uint64_t)UINT32_MAX + 1;
	}
	*ret = v;
	return SP_OK;
}

static struct sp_str last_label(struct sp_str name)
{
	size_t at = name.n;

	while (at > 0 && name.p[at - 1] != '.')
		at--;
	return (struct sp_str){ name.p + at, name.n - at };
}

bool sp_ipv4_ends_in_number(struct sp_str name)
{
	struct sp_str last = last_label(name);
	uint64_t v;
	size_t i = 0;

	while (i < last.n && last.p[i] >= '0' && last.p[i] <= '9')
		i++;
	if (last.n > 0 && i == last.n)
		return true; /* "09" too, although it is no octal number */
	return is_hex_prefix(last) && parse_number(last, &v) == SP_OK;
}

static enum sp_rc take_part(struct sp_str *in, uint64_t *ret)
{
	const uint8_t *dot = in->n > 0 ? memchr(in->p, '.', in->n) : NULL;
	size_t n = dot != NULL ? (size_t)(dot - in->p) : in->n;

	SP_TRY(parse_number(sp_str_take(in, n), ret));
	if (dot != NULL)
		(void)sp_str_take(in, 1); /* the dot itself */
	return SP_OK;
}

enum sp_rc sp_ipv4_parse(struct sp_str name, struct sp_addr *ret)
{
	uint64_t part[PARTS_MAX], v;
	unsigned n = 0;

	while (name.n > 0) {
		if (n == PARTS_MAX)
			return SP_E_PROTO;
		SP_TRY(take_part(&name, &part[n++]));
	}
	if (n == 0 || part[n - 1] >= UINT64_C(1) << (8 * (5 - n)))
		return SP_E_PROTO;
	v = part[n - 1];
	for (unsigned i = 0; i + 1 < n; i++) {
		if (part[i] > 255)
			return SP_E_PROTO;
		v += part[i] << (8 * (3 - i));
	}
	*ret = (struct sp_addr){ .family = 4 };
	for (unsigned i = 0; i < 4; i++)
		ret->b[i] = (uint8_t)(v >> (8 * (3 - i)));
	return SP_OK;
}
