/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/guard.c - the address guard: what a name may lead to.
 *
 * A name is the claim of whoever answers for it. So an exception for a name
 * opens private networks to that name, but never a metadata service or an
 * address that is no host; those need an exception for the address itself.
 */
#include "policy/policy_int.h"

#define INTERNAL "internal-name"

static const bool by_name[] = {
	[SP_ADDR_PUBLIC] = true,       [SP_ADDR_LOOPBACK] = true,
	[SP_ADDR_PRIVATE] = true,      [SP_ADDR_SHARED] = true,
	[SP_ADDR_LINK_LOCAL] = true,   [SP_ADDR_SPECIAL] = true,
	[SP_ADDR_UNSPECIFIED] = false, [SP_ADDR_METADATA] = false,
	[SP_ADDR_MULTICAST] = false,   [SP_ADDR_RESERVED] = false,
};

/* For entries that open: port 0 stands for any. */
static void opening(struct sp_target *t, const struct sp_host *host,
                    uint16_t port)
{
	sp_target_init(t, host, port, false);
	t->any_port = port == 0;
}

static bool name_exempt(const struct sp_policy *p, const struct sp_host *host,
                        uint16_t port)
{
	struct sp_target t;

	opening(&t, host, port);
	return host->kind == SP_HOST_NAME &&
	       sp_patset_find(&p->exempt, &t) != NULL;
}

static bool addr_exempt(const struct sp_policy *p, const struct sp_addr *addr,
                        uint16_t port)
{
	struct sp_host h;
	struct sp_target t;

	sp_host_from_addr(addr, &h);
	opening(&t, &h, port);
	return sp_patset_find_addr(&p->exempt, &t) != NULL;
}

/* An entry that is an address or a network covers this literal. */
static bool has_address_rule(const struct sp_policy *p,
                             const struct sp_host *host, uint16_t port)
{
	struct sp_target t;

	opening(&t, host, port);
	if (sp_patset_find_addr(&p->exempt, &t) != NULL ||
	    sp_patset_find_addr(&p->tcp, &t) != NULL)
		return true;
	t.plain = &p->ports;
	if (sp_patset_find_addr(&p->allowed, &t) != NULL)
		return true;
	for (uint32_t i = 0; i < p->n_rules; i++) {
		t.plain = &p->rule[i].ports;
		if (p->rule[i].action == SP_VERDICT_ALLOW &&
		    sp_patset_find_addr(&p->rule[i].hosts, &t) != NULL)
			return true;
	}
	return false;
}

static const struct sp_pat *denied_addr(const struct sp_policy *p,
                                        const struct sp_addr *addr,
                                        uint16_t port)
{
	struct sp_host h;
	struct sp_target t;

	sp_host_from_addr(addr, &h);
	sp_target_init(&t, &h, port, true);
	return sp_patset_find_addr(&p->denied, &t);
}

static const struct sp_pinned *find_pinned(const struct sp_policy *p,
                                           const struct sp_host *host,
                                           uint16_t port)
{
	const struct sp_pat *hit;
	struct sp_target t;

	opening(&t, host, port);
	hit = sp_patset_find(&p->resolve, &t);
	return hit != NULL ? &p->pinned[hit - p->resolve.pat] : NULL;
}

static bool is_target(const struct sp_policy *p, const struct sp_host *host,
                      uint16_t port, const struct sp_addr *addr)
{
	sp_assert(p->resolve.n == 0 || p->pinned != NULL);
	for (uint32_t i = 0; i < p->resolve.n; i++)
		if (sp_str_eq(p->resolve.pat[i].text, sp_host_str(host)) &&
		    p->pinned[i].port == port &&
		    sp_addr_eq(&p->pinned[i].addr, addr))
			return true;
	return false;
}

/* port is what was asked for, or what the override made of it. */
static bool is_pinned(const struct sp_policy *p, const struct sp_host *host,
                      uint16_t port, const struct sp_addr *addr)
{
	const struct sp_pinned *pin = find_pinned(p, host, port);

	return (pin != NULL && sp_addr_eq(&pin->addr, addr)) ||
	       is_target(p, host, port, addr);
}

/* Any of the three ways to open what is not public. */
static bool is_exempt(const struct sp_policy *p, const struct sp_host *host,
                      uint16_t port, const struct sp_addr *addr)
{
	return is_pinned(p, host, port, addr) || addr_exempt(p, addr, port) ||
	       (by_name[sp_addr_class(addr)] && name_exempt(p, host, port));
}

bool sp_policy_override(const struct sp_policy *p, const struct sp_host *host,
                        uint16_t port, struct sp_addr *ret_addr,
                        uint16_t *ret_port)
{
	const struct sp_pinned *pin = find_pinned(p, host, port);

	if (pin == NULL)
		return false;
	*ret_addr = pin->addr;
	*ret_port = pin->port != 0 ? pin->port : port;
	return true;
}

static void allow(struct sp_decision *d)
{
	*d = (struct sp_decision){ .verdict = SP_VERDICT_ALLOW };
}

static void deny(struct sp_decision *d, enum sp_reason reason, const char *rule)
{
	*d = (struct sp_decision){ .verdict = SP_VERDICT_DENY,
		                   .reason = reason };
	snprintf(d->rule, sizeof(d->rule), "%s", rule);
}

void sp_policy_name(const struct sp_policy *p, const struct sp_host *host,
                    uint16_t port, struct sp_decision *ret)
{
	if (!sp_host_is_internal(host) || name_exempt(p, host, port) ||
	    find_pinned(p, host, port) != NULL)
		allow(ret);
	else
		deny(ret, SP_REASON_ADDRESS_DENIED, INTERNAL);
}

void sp_policy_address(const struct sp_policy *p, const struct sp_host *host,
                       uint16_t port, const struct sp_addr *addr,
                       struct sp_decision *ret)
{
	struct sp_addr a = *addr;
	enum sp_addr_class c;
	const struct sp_pat *denied;
	char text[SP_RULE_TEXT_MAX];

	sp_addr_unmap(&a);
	c = sp_addr_class(&a);
	denied = denied_addr(p, &a, port);
	if (denied != NULL) {
		sp_pat_text(denied, text, sizeof(text));
		deny(ret, SP_REASON_HOST_BLOCKED, text);
		return;
	}
	allow(ret);
	if (is_exempt(p, host, port, &a))
		return;
	if (host->kind != SP_HOST_NAME && !has_address_rule(p, host, port))
		deny(ret, SP_REASON_NO_NAME, sp_addr_class_name(c));
	else if (sp_host_is_internal(host))
		deny(ret, SP_REASON_ADDRESS_DENIED, INTERNAL);
	else if (c != SP_ADDR_PUBLIC)
		deny(ret, SP_REASON_ADDRESS_DENIED, sp_addr_class_name(c));
}
