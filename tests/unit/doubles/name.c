/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A double of name/, until that folder is there: enough of the header for the
 * tests of dns/, nothing more.
 */
#include <arpa/inet.h>

#include "name/host.h"

enum sp_rc sp_addr_parse(struct sp_str in, struct sp_addr *ret)
{
	char text[SP_ADDR_TEXT_MAX];

	if (in.n >= sizeof(text))
		return SP_E_PROTO;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	*ret = (struct sp_addr){ .family = 4 };
	if (inet_pton(AF_INET, text, ret->b) == 1)
		return SP_OK;
	ret->family = 6;
	return inet_pton(AF_INET6, text, ret->b) == 1 ? SP_OK : SP_E_PROTO;
}

enum sp_addr_class sp_addr_class(const struct sp_addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == 4 && a->b[0] == 127)
		return SP_ADDR_LOOPBACK;
	if (a->family == 6 && memcmp(a->b, one, sizeof(one)) == 0)
		return SP_ADDR_LOOPBACK;
	return SP_ADDR_PUBLIC;
}

bool sp_addr_eq(const struct sp_addr *a, const struct sp_addr *b)
{
	return a->family == b->family &&
	       memcmp(a->b, b->b, a->family == 4 ? 4 : 16) == 0;
}

enum sp_rc sp_host_parse(struct sp_str in, struct sp_host *ret)
{
	struct sp_addr a;

	while (in.n > 0 && in.p[in.n - 1] == '.')
		in.n--;
	if (in.n == 0 || in.n > SP_HOST_MAX)
		return SP_E_PROTO;
	*ret = (struct sp_host){ .kind = SP_HOST_NAME, .n = (uint8_t)in.n };
	if (sp_addr_parse(in, &a) == SP_OK) {
		ret->kind = a.family == 4 ? SP_HOST_IPV4 : SP_HOST_IPV6;
		ret->addr = a;
	}
	for (size_t i = 0; i < in.n; i++)
		ret->text[i] = (char)sp_lower(in.p[i]);
	return SP_OK;
}

bool sp_host_eq(const struct sp_host *a, const struct sp_host *b)
{
	return sp_str_eq(sp_host_str(a), sp_host_str(b));
}
