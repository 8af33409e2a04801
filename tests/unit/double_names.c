/* SPDX-License-Identifier: Apache-2.0 */
/* Implements the few calls of name/ and policy/ that audit/ needs. */
#include <arpa/inet.h>

#include "name/url.h"
#include "policy/reason.h"

void sp_addr_text(const struct sp_addr *a, char ret[SP_ADDR_TEXT_MAX])
{
	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, ret,
	          SP_ADDR_TEXT_MAX);
}

void sp_host_from_addr(const struct sp_addr *a, struct sp_host *ret)
{
	char text[SP_ADDR_TEXT_MAX];
	int n;

	sp_addr_text(a, text);
	*ret = (struct sp_host){ .addr = *a };
	ret->kind = a->family == 4 ? SP_HOST_IPV4 : SP_HOST_IPV6;
	n = snprintf(ret->text, sizeof(ret->text),
	             a->family == 4 ? "%s" : "[%s]", text);
	ret->n = (uint8_t)n;
}

const char *sp_scheme_name(enum sp_scheme s)
{
	static const char *const names[] = { "", "http", "https", "tcp",
		                             "other" };

	return names[s];
}

const char *sp_reason_code(enum sp_reason r)
{
	static const char *const codes[] = {
#define X(id, code, status, text, hint) [SP_REASON_##id] = (code),
		SP_REASON_LIST(X)
#undef X
	};

	return codes[r];
}
