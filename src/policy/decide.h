/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/decide.h - the order in which facts decide (handlers.md, section 3).
 *
 * Role        sp_decide() is the only place that knows the order. Handlers are
 *             opaque numbers here; the caller runs them. Without handlers it
 *             is what sp_policy_request() calls.
 */
#ifndef SP_POLICY_DECIDE_H
#define SP_POLICY_DECIDE_H

#include "policy/pattern.h"
#include "policy/policy.h"

enum sp_rule_result {
	SP_RULE_NONE,
	SP_RULE_ALLOW,
	SP_RULE_DENY,
};

/* Handlers by host: id[i] belongs to pattern i; 0 means "no such handler". */
struct sp_bound {
	const struct sp_patset *hosts; /* NULL: none */
	const uint32_t *id;
};

struct sp_handlers {
	struct sp_bound override;    /* set at run time; have parameters */
	struct sp_bound fixed;       /* of the loaded module */
	uint32_t override_catch_all; /* 0: none, or no such handler */
	uint32_t fixed_catch_all;    /* 0: none */
	bool per_host;               /* only hosts with a handler are handled */
};

/* What the lists said about one target. */
struct sp_facts {
	bool denied;        /* a deny list matches */
	bool allow_defined; /* there is an allow list */
	bool allowed;       /* and it matches */
	bool internet;      /* what nothing decides is allowed */
	enum sp_rule_result rule;
};

enum sp_outcome {
	SP_OUTCOME_DENY,
	SP_OUTCOME_FORWARD,
	SP_OUTCOME_HANDLER,
};

struct sp_choice {
	enum sp_outcome outcome;
	const char *step; /* which test decided */
	uint32_t handler;
	bool params; /* the handler was bound at run time */
};

/* handlers may be NULL. */
void sp_decide(const struct sp_facts *f, const struct sp_handlers *handlers,
               const struct sp_target *t, struct sp_choice *ret);
/*
 * sp_policy_request() with handlers: gathers the facts of the policy and lets
 * sp_decide() choose. *ret_choice says what is to be done; *ret is as from
 * sp_policy_request(), an allowance if a handler is to decide.
 */
void sp_policy_choose(const struct sp_policy *p, const struct sp_request *rq,
                      const struct sp_handlers *handlers,
                      struct sp_choice *ret_choice, struct sp_decision *ret);

#endif
