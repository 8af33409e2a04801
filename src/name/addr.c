/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/addr.c - text, socket addresses and networks.
 */
#include "name/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

bool sp_addr_eq(const struct sp_addr *a, const struct sp_addr *b)
{
	size_t n = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;

	return a->family == b->family && memcmp(a->b, b->b, n) == 0;
}

void sp_addr_unmap(struct sp_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	if (a->family != 6 || memcmp(a->b, mapped, sizeof(mapped)) != 0)
		return;
	memmove(a->b, a->b + 12, 4);
	memset(a->b + 4, 0, 12);
	a->family = 4;
}

static unsigned group(const uint8_t *b, size_t i)
{
	return (unsigned)b[2 * i] << 8 | b[2 * i + 1];
}

/* RFC 5952, 4.2: the longest run of two or more zero groups, the first one. */
static void zero_run(const uint8_t *b, unsigned *ret_at, unsigned *ret_n)
{
	*ret_at = *ret_n = 0;
	for (unsigned i = 0, run = 0; i < 8; i++) {
		run = group(b, i) == 0 ? run + 1 : 0;
		if (run > 1 && run > *ret_n) {
			*ret_n = run;
			*ret_at = i + 1 - run;
		}
	}
}

static void text6(const uint8_t *b, char *ret)
{
	unsigned at, n;
	int k = 0;

	zero_run(b, &at, &n);
	for (unsigned i = 0; i < 8; i++) {
		const char *sep = i > 0 && (n == 0 || i != at + n) ? ":" : "";

		if (n > 0 && i == at) {
			k += snprintf(ret + k, SP_ADDR_TEXT_MAX - (size_t)k,
			              "::");
			i += n - 1;
			continue;
		}
		k += snprintf(ret + k, SP_ADDR_TEXT_MAX - (size_t)k, "%s%x",
		              sep, group(b, i));
	}
}

void sp_addr_text(const struct sp_addr *a, char ret[SP_ADDR_TEXT_MAX])
{
	ret[0] = '\0';
	if (a->family == 4)
		snprintf(ret, SP_ADDR_TEXT_MAX, "%u.%u.%u.%u", a->b[0], a->b[1],
		         a->b[2], a->b[3]);
	else if (a->family == 6)
		text6(a->b, ret);
}

/*
 * inet_pton() takes exactly the grammar wanted (RFC 4291, 2.2 and four
 * decimal parts without leading zeros); a NUL inside would hide a tail.
 */
enum sp_rc sp_addr_parse(struct sp_str in, struct sp_addr *ret)
{
	char text[SP_ADDR_TEXT_MAX];
	struct sp_addr a = { 0 };

	if (in.n == 0 || in.n >= sizeof(text) ||
	    memchr(in.p, '\0', in.n) != NULL)
		return SP_E_PROTO;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	a.family = strchr(text, ':') != NULL ? 6 : 4;
	if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.b) != 1)
		return SP_E_PROTO;
	*ret = a;
	return SP_OK;
}

socklen_t sp_addr_to_sockaddr(const struct sp_addr *a, uint16_t port,
                              struct sockaddr_storage *ret)
{
	struct sockaddr_in s4 = { .sin_family = AF_INET };
	struct sockaddr_in6 s6 = { .sin6_family = AF_INET6 };

	memset(ret, 0, sizeof(*ret));
	if (a->family == 6) {
		s6.sin6_port = htons(port);
		memcpy(&s6.sin6_addr, a->b, 16);
		memcpy(ret, &s6, sizeof(s6));
		return sizeof(s6);
	}
	sp_assert(a->family == 4);
	s4.sin_port = htons(port);
	memcpy(&s4.sin_addr, a->b, 4);
	memcpy(ret, &s4, sizeof(s4));
	return sizeof(s4);
}

enum sp_rc sp_addr_from_sockaddr(const struct sockaddr_storage *ss,
                                 struct sp_addr *ret, uint16_t *ret_port)
{
	struct sp_addr a = { 0 };
	struct sockaddr_in s4;
	struct sockaddr_in6 s6;

	if (ss->ss_family == AF_INET) {
		memcpy(&s4, ss, sizeof(s4));
		a.family = 4;
		memcpy(a.b, &s4.sin_addr, 4);
		*ret_port = ntohs(s4.sin_port);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&s6, ss, sizeof(s6));
		a.family = 6;
		memcpy(a.b, &s6.sin6_addr, 16);
		*ret_port = ntohs(s6.sin6_port);
		sp_addr_unmap(&a);
	} else {
		return SP_E_PROTO;
	}
	*ret = a;
	return SP_OK;
}

/* 0 to max, without leading zeros. */
static enum sp_rc parse_prefix(struct sp_str in, unsigned max, uint8_t *ret)
{
	unsigned v = 0;

	if (in.n == 0 || in.n > 3 || (in.n > 1 && in.p[0] == '0'))
		return SP_E_PROTO;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] < '0' || in.p[i] > '9')
			return SP_E_PROTO;
		v = v * 10 + (in.p[i] - '0');
	}
	if (v > max)
		return SP_E_PROTO;
	*ret = (uint8_t)v;
	return SP_OK;
}

static void clear_host_bits(struct sp_net *n)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = n->prefix > 8 * i ? n->prefix - 8 * i : 0;

		if (bits < 8)
			n->addr.b[i] &= (uint8_t)(0xff00u >> bits);
	}
}

enum sp_rc sp_net_parse(struct sp_str in, struct sp_net *ret)
{
	const uint8_t *slash = in.n > 0 ? memchr(in.p, '/', in.n) : NULL;
	struct sp_str head = in, tail = in;
	struct sp_net n = { 0 };
	unsigned max;

	if (slash != NULL) {
		head = sp_str_take(&tail, (size_t)(slash - in.p));
		(void)sp_str_take(&tail, 1); /* the slash itself */
	}
	SP_TRY(sp_addr_parse(head, &n.addr));
	max = n.addr.family == 4 ? 32 : 128;
	n.prefix = (uint8_t)max;
	if (slash != NULL)
		SP_TRY(parse_prefix(tail, max, &n.prefix));
	clear_host_bits(&n);
	*ret = n;
	return SP_OK;
}
