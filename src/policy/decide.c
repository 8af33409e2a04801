/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/decide.h"

/* Facts and what the handler tables say, before the first step. */
struct inputs {
	const struct sp_facts *f;
	uint32_t override, fixed;
	uint32_t override_catch_all, fixed_catch_all;
	bool per_host;
};

static bool is_denied(const struct inputs *in)
{
	return in->f->denied;
}

static bool rule_denies(const struct inputs *in)
{
	return in->f->rule == SP_RULE_DENY;
}

static bool not_listed(const struct inputs *in)
{
	return in->f->rule != SP_RULE_ALLOW && in->f->allow_defined &&
	       !in->f->allowed;
}

static bool overridden(const struct inputs *in)
{
	return in->override != 0;
}

static bool fixed(const struct inputs *in)
{
	return in->fixed != 0;
}

/* Whoever was not listed is gone by now. */
static bool is_open(const struct inputs *in)
{
	return in->f->rule == SP_RULE_ALLOW || in->f->allow_defined ||
	       in->f->internet;
}

static bool per_host_open(const struct inputs *in)
{
	return in->per_host && is_open(in);
}

static bool per_host(const struct inputs *in)
{
	return in->per_host;
}

static bool override_catch_all(const struct inputs *in)
{
	return in->override_catch_all != 0;
}

static bool fixed_catch_all(const struct inputs *in)
{
	return in->fixed_catch_all != 0;
}

/* clang-format off */
static const struct step {
	const char *name;
	bool (*holds)(const struct inputs *in);
	enum sp_outcome outcome;
	bool params;
	size_t handler; /* offset in struct inputs */
} steps[] = {
	{ "denied_hosts",       is_denied,          SP_OUTCOME_DENY, false, 0 },
	{ "rules",              rule_denies,        SP_OUTCOME_DENY, false, 0 },
	{ "allowed_hosts",      not_listed,         SP_OUTCOME_DENY, false, 0 },
	{ "override",           overridden,         SP_OUTCOME_HANDLER,
	  true, offsetof(struct inputs, override) },
	{ "host handler",       fixed,              SP_OUTCOME_HANDLER,
	  false, offsetof(struct inputs, fixed) },
	{ "per-host mode",      per_host_open,      SP_OUTCOME_FORWARD, false, 0 },
	{ "per-host mode",      per_host,           SP_OUTCOME_DENY, false, 0 },
	{ "override catch-all", override_catch_all, SP_OUTCOME_HANDLER,
	  true, offsetof(struct inputs, override_catch_all) },
	{ "catch-all",          fixed_catch_all,    SP_OUTCOME_HANDLER,
	  false, offsetof(struct inputs, fixed_catch_all) },
	{ "open",               is_open,            SP_OUTCOME_FORWARD, false, 0 },
};
/* clang-format on */

/* An exact key hides the globs, also when its handler does not exist. */
static uint32_t bound_to(const struct sp_bound *b, const struct sp_target *t)
{
	const struct sp_pat *p;

	if (b->hosts == NULL)
		return 0;
	p = sp_patset_find(b->hosts, t);
	return p != NULL ? b->id[p - b->hosts->pat] : 0;
}

void sp_decide(const struct sp_facts *f, const struct sp_handlers *handlers,
               const struct sp_target *t, struct sp_choice *ret)
{
	struct inputs in = { .f = f };

	if (handlers != NULL) {
		in.override = bound_to(&handlers->override, t);
		in.fixed = bound_to(&handlers->fixed, t);
		in.override_catch_all = handlers->override_catch_all;
		in.fixed_catch_all = handlers->fixed_catch_all;
		in.per_host = handlers->per_host;
	}
	*ret = (struct sp_choice){ .outcome = SP_OUTCOME_DENY,
		                   .step = "default" };
	for (size_t i = 0; i < SP_COUNT(steps); i++) {
		const struct step *s = &steps[i];

		if (!s->holds(&in))
			continue;
		ret->outcome = s->outcome;
		ret->step = s->name;
		ret->params = s->params;
		if (s->outcome == SP_OUTCOME_HANDLER)
			memcpy(&ret->handler, (const uint8_t *)&in + s->handler,
			       sizeof(ret->handler));
		return;
	}
}
