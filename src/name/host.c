/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/host.c - the WHATWG host parser for special schemes.
 *
 *	plain ASCII name:   lower case, check labels             (most hosts)
 *	anything else:      percent-decode -> UTS 46 -> the same checks
 *
 * The first way exists because the second allocates and reads Unicode
 * tables; both end in finish_name(), so they cannot disagree on a name.
 */
#include "name/host.h"

#include <idn2.h>

#include "name/host_int.h"

/* Room for the longest name in the form that percent-encodes each byte. */
#define RAW_MAX   (4096u)
#define LABEL_MAX 63u

/* WHATWG URL, forbidden domain code point; '.' is handled as separator. */
static bool is_forbidden(uint8_t c)
{
	return c <= 0x20 || c >= 0x7f || strchr("#%/:<>?@[\\]^|", c) != NULL;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A '%' that is no escape stays, and is forbidden later. */
static size_t percent_decode(struct sp_str in, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		bool room = in.p[i] == '%' && in.n - i > 2;
		int hi = room ? hex(in.p[i + 1]) : -1;
		int lo = room ? hex(in.p[i + 2]) : -1;

		if (hi < 0 || lo < 0) {
			out[n++] = in.p[i];
			continue;
		}
		out[n++] = (uint8_t)(hi << 4 | lo);
		i += 2;
	}
	return n;
}

static bool begins_with_xn(const uint8_t *p, size_t n)
{
	return n >= 4 && sp_lower(p[0]) == 'x' && sp_lower(p[1]) == 'n' &&
	       p[2] == '-' && p[3] == '-';
}

/* Only such names need the tables of UTS 46. */
static bool needs_idna(struct sp_str s)
{
	bool start = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] >= 0x80)
			return true;
		if (start && begins_with_xn(s.p + i, s.n - i))
			return true;
		start = s.p[i] == '.';
	}
	return false;
}

static enum sp_rc check_labels(struct sp_str s)
{
	size_t label = 0;

	if (s.n == 0 || s.n > SP_HOST_MAX)
		return SP_E_PROTO;
	for (size_t i = 0; i < s.n; i++) {
		label = s.p[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || is_forbidden(s.p[i]))
			return SP_E_PROTO;
		if (s.p[i] == '.' && (i == 0 || s.p[i - 1] == '.'))
			return SP_E_PROTO;
	}
	return SP_OK;
}

static void set_text(struct sp_host *h, const char *text)
{
	h->n = (uint8_t)strlen(text);
	memcpy(h->text, text, (size_t)h->n + 1);
}

void sp_host_from_addr(const struct sp_addr *a, struct sp_host *ret)
{
	char text[SP_ADDR_TEXT_MAX], bracketed[SP_ADDR_TEXT_MAX + 2];

	sp_addr_text(a, text);
	*ret = (struct sp_host){ .addr = *a };
	ret->kind = a->family == 4   ? SP_HOST_IPV4
	            : a->family == 6 ? SP_HOST_IPV6
	                             : SP_HOST_NONE;
	if (a->family != 6) {
		set_text(ret, text);
		return;
	}
	snprintf(bracketed, sizeof(bracketed), "[%s]", text);
	set_text(ret, bracketed);
}

/*
 * s is ASCII and free of escapes. WHATWG looks for a number in the last label
 * after removing one dot; we remove all. So behind several dots what is no
 * address is a name, as there, and keeps its dots ("foo.09.."): without them
 * it would be refused when it is read again. What is an address stays one.
 */
static enum sp_rc finish_name(struct sp_str s, struct sp_host *ret)
{
	struct sp_host h = { .kind = SP_HOST_NAME };
	size_t dots = 0;
	struct sp_addr a;

	for (; s.n > 0 && s.p[s.n - 1] == '.'; s.n--)
		dots++;
	SP_TRY(check_labels(s));
	if (sp_ipv4_ends_in_number(s)) {
		enum sp_rc rc = sp_ipv4_parse(s, &a);

		if (rc == SP_OK)
			sp_host_from_addr(&a, ret);
		if (rc == SP_OK || dots < 2 || s.n + dots > SP_HOST_MAX)
			return rc;
		s.n += dots;
	}
	for (size_t i = 0; i < s.n; i++)
		h.text[i] = (char)sp_lower(s.p[i]);
	h.n = (uint8_t)s.n;
	*ret = h;
	return SP_OK;
}

/* WHATWG "domain to ASCII", beStrict false; libidn2 is stricter on emoji. */
static enum sp_rc to_ascii(struct sp_str s, struct sp_host *ret)
{
	uint8_t in[RAW_MAX + 1], *out = NULL;
	enum sp_rc rc;

	while (s.n > 0 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || memchr(s.p, '\0', s.n) != NULL)
		return SP_E_PROTO;
	memcpy(in, s.p, s.n);
	in[s.n] = '\0';
	if (idn2_lookup_u8(in, &out, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) !=
	    IDN2_OK)
		return SP_E_PROTO;
	rc = finish_name(sp_str((const char *)out), ret);
	idn2_free(out);
	return rc;
}

static enum sp_rc parse_v6(struct sp_str in, struct sp_host *ret)
{
	struct sp_str inner = { in.p + 1, in.n - 2 };
	struct sp_addr a;

	if (in.n < 4 || in.p[in.n - 1] != ']')
		return SP_E_PROTO;
	SP_TRY(sp_addr_parse(inner, &a));
	if (a.family != 6)
		return SP_E_PROTO;
	sp_host_from_addr(&a, ret);
	return SP_OK;
}

enum sp_rc sp_host_parse(struct sp_str in, struct sp_host *ret)
{
	uint8_t raw[RAW_MAX];
	struct sp_str s = { raw, 0 };

	if (in.n == 0 || in.n > RAW_MAX)
		return SP_E_PROTO;
	if (in.p[0] == '[')
		return parse_v6(in, ret);
	if (memchr(in.p, '%', in.n) != NULL)
		s.n = percent_decode(in, raw);
	else
		s = in;
	return needs_idna(s) ? to_ascii(s, ret) : finish_name(s, ret);
}

bool sp_host_eq(const struct sp_host *a, const struct sp_host *b)
{
	return sp_str_eq(sp_host_str(a), sp_host_str(b));
}

SP_MUST static enum sp_rc parse_port(struct sp_str in, uint16_t *ret)
{
	unsigned v = 0;

	if (in.n == 0 || in.n > 5)
		return SP_E_PROTO;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] < '0' || in.p[i] > '9')
			return SP_E_PROTO;
		v = v * 10 + (unsigned)(in.p[i] - '0');
	}
	if (v == 0 || v > 65535)
		return SP_E_PROTO;
	*ret = (uint16_t)v;
	return SP_OK;
}

/* Where the ':' of the port is; in.n if there is none. */
static size_t find_port(struct sp_str in)
{
	bool inside = false;

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '[' || in.p[i] == ']')
			inside = in.p[i] == '[';
		else if (in.p[i] == ':' && !inside)
			return i;
	}
	return in.n;
}

enum sp_rc sp_authority_parse(struct sp_str in, struct sp_host *ret,
                              uint16_t *ret_port)
{
	struct sp_str rest = in, name = sp_str_take(&rest, find_port(in));
	uint16_t port = 0;

	if (rest.n > 0) {
		(void)sp_str_take(&rest, 1); /* the colon */
		SP_TRY(parse_port(rest, &port));
	}
	SP_TRY(sp_host_parse(name, ret));
	*ret_port = port;
	return SP_OK;
}
