/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/lint.c - what a policy says but its author probably did not mean.
 *
 * One function per kind of finding, one row each. They only report what is
 * certain from the text of the policy; nothing here decides.
 */
#include <stdarg.h>

#include <libpsl.h>

#include "policy/policy_int.h"

struct lint {
	const struct sp_policy *p;
	struct sp_lint *ret;
	size_t n, cap;
	const char *code;
};

static void report(struct lint *l, uint32_t line, const char *fmt, ...)
	SP_PRINTF(3, 4);

static void report(struct lint *l, uint32_t line, const char *fmt, ...)
{
	va_list ap;

	if (l->n < l->cap) {
		struct sp_lint *r = &l->ret[l->n];

		r->code = l->code;
		r->line = line;
		va_start(ap, fmt);
		vsnprintf(r->text, sizeof(r->text), fmt, ap);
		va_end(ap);
	}
	l->n++;
}

#define TEXT(pat)                                                              \
	(int)((pat)->text.n < 80 ? (pat)->text.n : 80),                        \
		(const char *)(pat)->text.p

/* A list, and which ports its entries without port stand for (NULL: all). */
struct list {
	const struct sp_patset *set;
	const struct sp_ports *plain;
	const char *name;
};

static bool port_is_wider(const struct list *l, const struct sp_pat *o,
                          const struct sp_pat *p)
{
	if (o->port != 0 || p->port == 0)
		return o->port == p->port;
	return l->plain == NULL || sp_ports_has(l->plain, p->port);
}

/* o, of the list, matches every host and port that p matches. */
static bool is_wider(const struct list *l, const struct sp_pat *o,
                     const struct sp_pat *p)
{
	if (!port_is_wider(l, o, p))
		return false;
	if (o->kind == p->kind && o->bounded == p->bounded &&
	    sp_str_eq(o->text, p->text))
		return true;
	if (o->kind == SP_PAT_NET)
		return p->net.addr.family != 0 &&
		       o->net.prefix <= p->net.prefix &&
		       sp_net_has(&o->net, &p->net.addr);
	return o->kind == SP_PAT_GLOB && !o->bounded && p->kind != SP_PAT_NET &&
	       sp_glob_match(o->text, p->text);
}

/* The first n entries of the list. */
static const struct sp_pat *covers(const struct list *l, uint32_t n,
                                   const struct sp_pat *p)
{
	for (uint32_t i = 0; i < n; i++)
		if (is_wider(l, &l->set->pat[i], p))
			return &l->set->pat[i];
	return NULL;
}

/* Could the two ever be about the same host? A guess in favor of yes. */
static bool may_meet(const struct sp_pat *a, const struct sp_pat *b)
{
	if (a->port != 0 && b->port != 0 && a->port != b->port)
		return false;
	return sp_str_eq(a->text, b->text) ||
	       (a->kind == SP_PAT_GLOB && sp_glob_match(a->text, b->text)) ||
	       (b->kind == SP_PAT_GLOB && sp_glob_match(b->text, a->text));
}

static bool sets_meet(const struct sp_patset *a, const struct sp_patset *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < b->n; k++)
			if (may_meet(&a->pat[i], &b->pat[k]))
				return true;
	return false;
}

static void denied_anyway(struct lint *l)
{
	const struct sp_patset *s = &l->p->allowed;
	const struct list denied = { &l->p->denied, NULL, SP_SET_DENIED };

	for (uint32_t i = 0; i < s->n; i++) {
		const struct sp_pat *hit =
			covers(&denied, denied.set->n, &s->pat[i]);

		if (hit != NULL)
			report(l, s->pat[i].line,
			       "'%.*s' is allowed here, but denied_hosts "
			       "'%.*s' comes first",
			       TEXT(&s->pat[i]), TEXT(hit));
	}
}

static void duplicates(struct lint *l)
{
	const struct list lists[] = {
		{ &l->p->allowed, &l->p->ports, SP_SET_ALLOWED },
		{ &l->p->denied, NULL, SP_SET_DENIED },
		{ &l->p->tcp, NULL, "tcp" },
		{ &l->p->exempt, NULL, "addresses.allow" },
	};

	for (size_t k = 0; k < SP_COUNT(lists); k++)
		for (uint32_t i = 1; i < lists[k].set->n; i++) {
			const struct sp_pat *p = &lists[k].set->pat[i];
			const struct sp_pat *hit = covers(&lists[k], i, p);

			if (hit != NULL)
				report(l, p->line,
				       "%s: '%.*s' adds nothing to '%.*s'",
				       lists[k].name, TEXT(p), TEXT(hit));
		}
}

static bool ports_cover(const struct sp_ports *a, const struct sp_ports *b)
{
	if (a->any || b->any)
		return a->any;
	for (uint16_t i = 0; i < b->n; i++)
		if (!sp_ports_has(a, b->port[i]))
			return false;
	return true;
}

/* Rule a leaves nothing for rule b. */
static bool shadows(const struct sp_rule *a, const struct sp_rule *b)
{
	const struct list hosts = { &a->hosts, &a->ports, "hosts" };

	if (a->methods.n > 0 || a->paths.n > 0 ||
	    !ports_cover(&a->ports, &b->ports))
		return false;
	for (uint32_t i = 0; i < b->hosts.n; i++)
		if (covers(&hosts, a->hosts.n, &b->hosts.pat[i]) == NULL)
			return false;
	return true;
}

static void shadowed_rules(struct lint *l)
{
	const struct sp_policy *p = l->p;

	for (uint32_t i = 1; i < p->n_rules; i++)
		for (uint32_t k = 0; k < i; k++)
			if (shadows(&p->rule[k], &p->rule[i])) {
				report(l, p->rule[i].line,
				       "rules[%u] never decides: rules[%u] of "
				       "line %u matches all its requests",
				       i, k, p->rule[k].line);
				break;
			}
}

/* A later rule for all of the host keeps the lists from being asked. */
static bool is_closed(const struct sp_policy *p, uint32_t rule,
                      const struct sp_pat *host)
{
	for (uint32_t i = rule + 1; i < p->n_rules; i++) {
		const struct sp_rule *r = &p->rule[i];
		const struct list hosts = { &r->hosts, &r->ports, "hosts" };

		if (r->methods.n == 0 && r->paths.n == 0 &&
		    covers(&hosts, r->hosts.n, host) != NULL)
			return true;
	}
	return false;
}

/* A limit that the list behind it takes away. */
static void limits_undone(struct lint *l)
{
	const struct sp_policy *p = l->p;
	const struct list allowed = { &p->allowed, &p->ports, SP_SET_ALLOWED };

	for (uint32_t i = 0; i < p->n_rules; i++) {
		const struct sp_rule *r = &p->rule[i];
		const struct sp_pat *hit = NULL;

		if (r->action != SP_VERDICT_ALLOW ||
		    (r->methods.n == 0 && r->paths.n == 0))
			continue;
		for (uint32_t k = 0; k < r->hosts.n && hit == NULL; k++)
			if (!is_closed(p, i, &r->hosts.pat[k]))
				hit = covers(&allowed, p->allowed.n,
				             &r->hosts.pat[k]);
		if (hit != NULL)
			report(l, r->line,
			       "rules[%u] allows some methods or paths, but "
			       "allowed_hosts '%.*s' allows the others too",
			       i, TEXT(hit));
	}
}

static void splice_hides(struct lint *l)
{
	const struct sp_policy *p = l->p;

	for (uint32_t i = 0; i < p->n_rules; i++) {
		const struct sp_rule *r = &p->rule[i];

		if ((r->methods.n > 0 || r->paths.n > 0) && !r->has_tls &&
		    sets_meet(&p->splice, &r->hosts))
			report(l, r->line,
			       "rules[%u] looks at requests, so this host is "
			       "intercepted in spite of tls.splice",
			       i);
	}
}

/* Below these anybody may have a name, and the public suffix list says no. */
static const char *const shared[] = {
	"akamaiedge.net",     "akamaized.net",  "azurefd.net",
	"fastly.net",         "cloudflare.net", "edgekey.net",
	"googleapis.com",     "windows.net",    "amazonaws.com",
	"cloudapp.net",       "ngrok.io",       "googleusercontent.com",
	"trafficmanager.net", "b-cdn.net",      "cdn77.org",
};

static bool is_shared(const char *domain)
{
	for (size_t i = 0; i < SP_COUNT(shared); i++)
		if (strcmp(domain, shared[i]) == 0)
			return true;
	return psl_is_public_suffix2(psl_builtin(), domain,
	                             PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static bool is_any(const struct sp_pat *p)
{
	for (size_t i = 0; i < p->text.n; i++)
		if (p->text.p[i] != '*')
			return false;
	return p->kind == SP_PAT_GLOB;
}

static void shared_in(struct lint *l, const struct sp_patset *s,
                      const char *set, const char *why)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct sp_pat *p = &s->pat[i];
		bool below = p->kind == SP_PAT_GLOB && p->text.n > 2 &&
		             p->text.p[0] == '*' && p->text.p[1] == '.';

		if (is_any(p))
			report(l, p->line, "%s '%.*s' is every host: %s", set,
			       TEXT(p), why);
		else if (below && is_shared((const char *)p->text.p + 2))
			report(l, p->line,
			       "%s '%.*s': anybody may have a host there; %s",
			       set, TEXT(p), why);
	}
}

static void shared_suffixes(struct lint *l)
{
	shared_in(l, &l->p->splice, "tls.splice",
	          "what is spliced is not inspected");
	shared_in(l, &l->p->allowed, "allowed_hosts",
	          "data can be sent to whoever takes one");
	shared_in(l, &l->p->exempt, "addresses.allow",
	          "private addresses are opened to all of them");
}

static void no_effect(struct lint *l)
{
	const struct sp_policy *p = l->p;

	if (p->internet_set && p->internet && p->allow_defined)
		report(l, p->internet_line,
		       "internet: true has no effect beside allowed_hosts");
	if (p->allow_defined && p->allowed.n == 0 && p->n_rules == 0 &&
	    p->tcp.n == 0)
		report(l, 0, "allowed_hosts is empty: nothing is allowed");
}

/* A host that leads home, allowed, but not let through the address guard. */
static void guarded_anyway(struct lint *l)
{
	const struct sp_policy *p = l->p;

	for (uint32_t i = 0; i < p->allowed.n; i++) {
		const struct sp_pat *pat = &p->allowed.pat[i];
		struct sp_decision d = { .verdict = SP_VERDICT_ALLOW };
		struct sp_host h;

		if (pat->kind != SP_PAT_EXACT ||
		    sp_host_parse(pat->text, &h) < 0)
			continue;
		if (h.kind == SP_HOST_NAME)
			sp_policy_name(p, &h, pat->port, &d);
		else if (sp_addr_class(&h.addr) != SP_ADDR_PUBLIC)
			sp_policy_address(p, &h, pat->port, &h.addr, &d);
		if (d.reason == SP_REASON_ADDRESS_DENIED)
			report(l, pat->line,
			       "'%.*s' (%s) also needs addresses.allow, with a "
			       "port",
			       TEXT(pat), d.rule);
	}
}

/* An exception for what is never allowed opens nothing. */
static void exempt_but_denied(struct lint *l)
{
	const struct sp_policy *p = l->p;

	for (uint32_t i = 0; i < p->exempt.n; i++) {
		const struct sp_pat *pat = &p->exempt.pat[i];
		struct sp_decision d;
		struct sp_host h;

		if (pat->kind != SP_PAT_EXACT ||
		    sp_host_parse(pat->text, &h) < 0)
			continue;
		sp_policy_connect(p, &h, pat->port, &d);
		if (d.verdict == SP_VERDICT_DENY)
			report(l, pat->line,
			       "addresses.allow '%.*s:%u' opens nothing: the "
			       "host is denied (%s)",
			       TEXT(pat), pat->port, sp_reason_code(d.reason));
	}
}

static bool looks_like_net(const struct sp_pat *p)
{
	size_t digits = 0;

	for (size_t i = 0; i < p->text.n; i++) {
		uint8_t c = p->text.p[i];

		if (c != '*' && c != '.' && (c < '0' || c > '9'))
			return false;
		digits += c >= '0' && c <= '9';
	}
	return p->kind == SP_PAT_GLOB && digits > 0;
}

static void text_for_net(struct lint *l)
{
	const struct sp_patset *const sets[] = { &l->p->allowed,
		                                 &l->p->denied };

	for (size_t k = 0; k < SP_COUNT(sets); k++)
		for (uint32_t i = 0; i < sets[k]->n; i++)
			if (looks_like_net(&sets[k]->pat[i]))
				report(l, sets[k]->pat[i].line,
				       "'%.*s' compares text; a network is "
				       "written 10.0.0.0/8",
				       TEXT(&sets[k]->pat[i]));
}

static void strict_dead(struct lint *l)
{
	const struct sp_patset *const sets[] = { &l->p->allowed,
		                                 &l->p->denied };
	const struct sp_pat_use use = { 0 };

	for (size_t k = 0; l->p->strict && k < SP_COUNT(sets); k++)
		for (uint32_t i = 0; i < sets[k]->n; i++) {
			const struct sp_pat *p = &sets[k]->pat[i];
			const char *problem;
			struct sp_pat fold = { 0 };
			bool dead = !p->option &&
			            (sp_pat_parse(p->text, &use, &fold,
			                          &problem) < 0 ||
			             fold.folded || fold.port != 0 ||
			             fold.kind == SP_PAT_NET);

			sp_pat_fini(&fold);
			if (dead)
				report(l, p->line,
				       "'%.*s' can never match with globs: "
				       "strict",
				       TEXT(p));
		}
}

static void folded(struct lint *l)
{
	const struct sp_patset *const sets[] = { &l->p->allowed, &l->p->denied,
		                                 &l->p->exempt, &l->p->tcp };

	for (size_t k = 0; k < SP_COUNT(sets); k++)
		for (uint32_t i = 0; i < sets[k]->n; i++)
			if (sets[k]->pat[i].folded)
				report(l, sets[k]->pat[i].line,
				       "read as '%.*s'",
				       TEXT(&sets[k]->pat[i]));
}

static const struct check {
	const char *code;
	void (*run)(struct lint *l);
} checks[] = {
	{ "denied-anyway", denied_anyway },
	{ "duplicate", duplicates },
	{ "rule-shadowed", shadowed_rules },
	{ "limit-undone", limits_undone },
	{ "splice-ignored", splice_hides },
	{ "shared-suffix", shared_suffixes },
	{ "no-effect", no_effect },
	{ "address-guard", guarded_anyway },
	{ "exception-unused", exempt_but_denied },
	{ "text-for-network", text_for_net },
	{ "never-matches", strict_dead },
	{ "normalized", folded },
};

size_t sp_policy_lint(const struct sp_policy *p, struct sp_lint *ret,
                      size_t cap)
{
	struct lint l = { .p = p, .ret = ret, .cap = cap };

	for (size_t i = 0; i < SP_COUNT(checks); i++) {
		l.code = checks[i].code;
		checks[i].run(&l);
	}
	return l.n;
}
