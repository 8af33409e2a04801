/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/request.c - from a policy and a target to a decision: gathers the
 * facts, lets sp_decide() choose, and finds the words for it.
 */
#include "policy/decide.h"
#include "policy/path.h"
#include "policy/policy_int.h"

/* How much of a request is known. */
enum level {
	CONNECT, /* more will be known later: what could pass passes for now */
	OPAQUE,  /* nothing more will ever be seen: spliced or raw */
	REQUEST,
};

struct inquiry {
	const struct sp_policy *p;
	const struct sp_request *rq;
	struct sp_target t;
	struct sp_ruleset rules; /* that can be about this host */
	enum level level;
	const struct sp_handlers *handlers; /* NULL: none */
	sp_policy_note *note;               /* NULL: nobody asks */
	void *note_ctx;
	struct sp_choice choice;
	bool path_done;
	enum sp_rc path_rc;
	size_t path_n;
	uint8_t path[SP_PATH_MAX];
};

/* What a rule for this host wanted that the request did not have. */
struct miss {
	bool port, method, path;
	uint32_t rule; /* the first such one */
};

static void deny(struct sp_decision *d, enum sp_reason reason, const char *rule)
{
	d->verdict = SP_VERDICT_DENY;
	d->reason = reason;
	snprintf(d->rule, sizeof(d->rule), "%s", rule);
}

static void name_pattern(char *buf, const char *set, const struct sp_patset *s,
                         const struct sp_pat *p)
{
	char text[SP_RULE_TEXT_MAX];

	sp_pat_text(p, text, sizeof(text));
	if (p->option)
		snprintf(buf, SP_RULE_TEXT_MAX, "--%s %.100s",
		         strcmp(set, SP_SET_DENIED) == 0 ? "deny" : "allow",
		         text);
	else
		snprintf(buf, SP_RULE_TEXT_MAX, "%s[%zu] %.100s", set,
		         (size_t)(p - s->pat), text);
}

static void note(const struct inquiry *q, const char *step, const char *text)
{
	if (q->note != NULL)
		q->note(q->note_ctx, step, text);
}

static void note_rule(const struct inquiry *q, uint32_t i, const char *text)
{
	char step[32];

	if (q->note == NULL)
		return;
	snprintf(step, sizeof(step), "rules[%u]", i);
	note(q, step, text);
}

static void note_list(const struct inquiry *q, const char *set,
                      const struct sp_patset *s, const struct sp_pat *hit)
{
	char text[SP_RULE_TEXT_MAX] = "no match";

	if (q->note == NULL || (s->n == 0 && strcmp(set, "denied_hosts") != 0))
		return;
	if (hit != NULL)
		name_pattern(text, set, s, hit);
	note(q, set, text);
}

static bool has_text(const struct sp_texts *t, struct sp_str s)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (sp_str_eq(t->text[i], s))
			return true;
	return false;
}

static bool has_path(const struct sp_texts *t, struct sp_str path)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (sp_path_match(t->text[i], path))
			return true;
	return false;
}

/* Once, and only if a rule asks. */
static enum sp_rc canon_path(struct inquiry *q)
{
	if (!q->path_done)
		q->path_rc = sp_path_canon(q->rq->path, q->path, &q->path_n);
	q->path_done = true;
	return q->path_rc;
}

/* Port 0: allowing rules match with any port, denying ones with all. */
static bool host_matches(const struct inquiry *q, const struct sp_rule *r,
                         bool any_port)
{
	struct sp_target t = q->t;

	t.plain = &r->ports;
	t.any_port = any_port;
	if (r->action == SP_VERDICT_DENY)
		return sp_patset_find(&r->hosts, &t) != NULL ||
		       sp_patset_find_addr(&r->hosts, &t) != NULL;
	t.any_port = t.any_port || q->rq->port == 0;
	t.inner.family = 0;
	return sp_patset_find(&r->hosts, &t) != NULL;
}

/*
 * Does the part of a rule that is about the request hold? *why says why not,
 * or how far it does.
 */
static bool scope_matches(struct inquiry *q, const struct sp_rule *r,
                          struct miss *miss, const char **why)
{
	struct sp_str path = { q->path, q->path_n };

	*why = "matches";
	if (r->methods.n == 0 && r->paths.n == 0)
		return true;
	if (q->level == CONNECT) {
		*why = "depends on the request";
		return r->action == SP_VERDICT_ALLOW;
	}
	if (q->level == OPAQUE) {
		*why = "wants a request, and none will be seen";
		miss->method = miss->method || r->methods.n > 0;
		miss->path = miss->path || r->paths.n > 0;
		return r->action == SP_VERDICT_DENY;
	}
	if (r->methods.n > 0 && !has_text(&r->methods, q->rq->method)) {
		*why = "other methods";
		miss->method = true;
		return false;
	}
	if (r->paths.n > 0 && !has_path(&r->paths, path)) {
		*why = "other paths";
		miss->path = true;
		return false;
	}
	return true;
}

static bool is_scoped_by_path(const struct inquiry *q, const struct sp_rule *r)
{
	return r->paths.n > 0 && q->level == REQUEST;
}

/* One rule; SP_RULE_NONE if it does not decide. */
static enum sp_rc run_rule(struct inquiry *q, uint32_t i,
                           enum sp_rule_result *ret, struct miss *miss)
{
	const struct sp_rule *r = &q->p->rule[i];
	bool allow = r->action == SP_VERDICT_ALLOW;
	struct miss ignore = { 0 };
	const char *why;

	*ret = SP_RULE_NONE;
	if (!host_matches(q, r, false)) {
		if (allow && host_matches(q, r, true)) {
			miss->port = true;
			note_rule(q, i, "other ports");
		}
		return SP_OK;
	}
	if (is_scoped_by_path(q, r) && canon_path(q) < 0) {
		note_rule(q, i, "the path is ambiguous");
		return SP_E_DENIED;
	}
	if (scope_matches(q, r, allow ? miss : &ignore, &why))
		*ret = allow ? SP_RULE_ALLOW : SP_RULE_DENY;
	note_rule(q, i, why);
	return SP_OK;
}

/* The first that decides. Allowing rules are about HTTP: raw has its list. */
static enum sp_rc run_rules(struct inquiry *q, enum sp_rule_result *ret,
                            struct miss *miss, struct sp_decision *d)
{
	const struct sp_policy *p = q->p;

	for (uint32_t i = sp_ruleset_next(&q->rules, 0); i < p->n_rules;
	     i = sp_ruleset_next(&q->rules, i + 1)) {
		enum sp_rc rc;

		if (p->rule[i].action == SP_VERDICT_ALLOW &&
		    q->rq->scheme == SP_SCHEME_TCP)
			continue;
		rc = run_rule(q, i, ret, miss);
		if (rc == SP_OK && *ret == SP_RULE_NONE)
			continue;
		snprintf(d->rule, sizeof(d->rule), "rules[%u]", i);
		if (rc < 0)
			d->reason = SP_REASON_AMBIGUOUS_PATH;
		return rc;
	}
	return SP_OK;
}

static const struct sp_pat *find_denied(const struct inquiry *q)
{
	const struct sp_pat *p = sp_patset_find(&q->p->denied, &q->t);

	return p != NULL ? p : sp_patset_find_addr(&q->p->denied, &q->t);
}

static const struct sp_pat *find_allowed(const struct inquiry *q, bool any_port)
{
	struct sp_target t = q->t;

	t.plain = &q->p->ports;
	t.inner.family = 0;
	t.any_port = any_port || q->rq->port == 0;
	return sp_patset_find(&q->p->allowed, &t);
}

static const struct sp_pat *find_tcp(const struct inquiry *q)
{
	struct sp_target t = q->t;

	t.inner.family = 0;
	t.any_port = q->rq->port == 0;
	return sp_patset_find(&q->p->tcp, &t);
}

/* The most helpful reason for "nothing allows it". */
static void deny_by_default(const struct inquiry *q, const struct miss *miss,
                            const char *step, struct sp_decision *d)
{
	char rule[SP_RULE_TEXT_MAX];
	const struct sp_pat *near;

	if (q->rq->scheme == SP_SCHEME_TCP) {
		deny(d, SP_REASON_PROTOCOL, "tcp");
		return;
	}
	if (miss->path || miss->method) {
		deny(d,
		     miss->path ? SP_REASON_PATH_DENIED
		                : SP_REASON_METHOD_DENIED,
		     "rules");
		return;
	}
	near = find_allowed(q, true);
	if (near != NULL) {
		name_pattern(rule, SP_SET_ALLOWED, &q->p->allowed, near);
		deny(d, SP_REASON_PORT_DENIED, rule);
		return;
	}
	if (miss->port)
		deny(d, SP_REASON_PORT_DENIED, "rules");
	else if (q->rq->host->kind != SP_HOST_NAME)
		deny(d, SP_REASON_NO_NAME, step);
	else
		deny(d, SP_REASON_HOST_DENIED, step);
}

static void allow(const struct inquiry *q, enum sp_rule_result rule,
                  const struct sp_pat *listed, struct sp_decision *d)
{
	d->verdict = SP_VERDICT_ALLOW;
	d->reason = SP_REASON_NONE;
	if (rule == SP_RULE_ALLOW)
		return; /* its name is there already */
	if (listed != NULL && q->rq->scheme == SP_SCHEME_TCP)
		name_pattern(d->rule, "tcp", &q->p->tcp, listed);
	else if (listed != NULL)
		name_pattern(d->rule, SP_SET_ALLOWED, &q->p->allowed, listed);
	else
		snprintf(d->rule, sizeof(d->rule), "internet");
}

static void judge_lists(struct inquiry *q, struct sp_decision *d)
{
	const struct sp_policy *p = q->p;
	bool tcp = q->rq->scheme == SP_SCHEME_TCP;
	const struct sp_pat *denied = find_denied(q), *listed;
	struct sp_facts f = { .denied = denied != NULL };
	struct miss miss = { 0 };

	note_list(q, SP_SET_DENIED, &p->denied, denied);
	if (denied == NULL && run_rules(q, &f.rule, &miss, d) < 0)
		return;
	listed = tcp ? find_tcp(q) : find_allowed(q, false);
	if (denied == NULL && f.rule == SP_RULE_NONE)
		note_list(q, tcp ? "tcp" : SP_SET_ALLOWED,
		          tcp ? &p->tcp : &p->allowed, listed);
	f.allow_defined = tcp || p->allow_defined;
	f.allowed = listed != NULL;
	f.internet = p->internet;
	sp_decide(&f, q->handlers, &q->t, &q->choice);
	if (q->choice.outcome != SP_OUTCOME_DENY) {
		allow(q, f.rule, listed, d);
	} else if (denied != NULL) {
		d->reason = SP_REASON_HOST_BLOCKED;
		name_pattern(d->rule, SP_SET_DENIED, &p->denied, denied);
	} else if (f.rule == SP_RULE_DENY) {
		d->reason = SP_REASON_RULE_DENIED;
	} else {
		deny_by_default(q, &miss, q->choice.step, d);
	}
}

/* Rules by host and port, in order; then the lists. */
static enum sp_tls_mode tls_mode(const struct inquiry *q, char *rule)
{
	const struct sp_policy *p = q->p;
	const struct sp_pat *hit;

	for (uint32_t i = sp_ruleset_next(&q->rules, 0); i < p->n_rules;
	     i = sp_ruleset_next(&q->rules, i + 1))
		if (p->rule[i].has_tls && host_matches(q, &p->rule[i], false)) {
			snprintf(rule, SP_RULE_TEXT_MAX, "rules[%u].tls", i);
			return p->rule[i].tls;
		}
	hit = sp_patset_find(&p->tls_deny, &q->t);
	if (hit != NULL) {
		name_pattern(rule, "tls.deny", &p->tls_deny, hit);
		return SP_TLS_DENY;
	}
	return sp_patset_find(&p->splice, &q->t) != NULL ? SP_TLS_SPLICE
	                                                 : SP_TLS_INTERCEPT;
}

/* These are what an operator wants to see before enforcing; see policy.h. */
static bool is_observable(enum sp_reason r)
{
	return r == SP_REASON_HOST_DENIED || r == SP_REASON_NO_NAME ||
	       r == SP_REASON_PORT_DENIED || r == SP_REASON_METHOD_DENIED ||
	       r == SP_REASON_PATH_DENIED || r == SP_REASON_RULE_DENIED;
}

/*
 * What is spliced is never seen, so it must be allowed without being seen. A
 * host that only some requests may go to is intercepted, whatever the lists
 * of the tls section say.
 */
static bool may_splice(struct inquiry *q)
{
	struct sp_decision d = { .verdict = SP_VERDICT_DENY };
	enum level level = q->level;
	sp_policy_note *fn = q->note;

	q->level = OPAQUE;
	q->note = NULL;
	judge_lists(q, &d);
	q->level = level;
	q->note = fn;
	return d.verdict == SP_VERDICT_ALLOW ||
	       (q->p->observe && is_observable(d.reason));
}

static void judge(struct inquiry *q, struct sp_decision *ret)
{
	struct sp_decision d = { .verdict = SP_VERDICT_DENY };
	char tls_rule[SP_RULE_TEXT_MAX] = "";

	sp_target_init(&q->t, q->rq->host, q->rq->port, true);
	sp_rulemap_find(&q->p->rulemap, q->t.host, &q->rules);
	d.tls = tls_mode(q, tls_rule);
	if (d.tls == SP_TLS_SPLICE && q->level != OPAQUE && !may_splice(q))
		d.tls = SP_TLS_INTERCEPT;
	judge_lists(q, &d);
	if (d.verdict == SP_VERDICT_ALLOW && d.tls == SP_TLS_DENY &&
	    q->level != CONNECT && q->rq->scheme == SP_SCHEME_HTTPS)
		deny(&d, SP_REASON_RULE_DENIED, tls_rule);
	if (q->p->observe && d.verdict == SP_VERDICT_DENY &&
	    is_observable(d.reason)) {
		d.verdict = SP_VERDICT_ALLOW;
		d.observed = true;
	}
	*ret = d;
}

/* Unusable requests; false if there is nothing to judge. */
static bool is_judgeable(const struct sp_request *rq, struct sp_decision *ret)
{
	*ret = (struct sp_decision){ .verdict = SP_VERDICT_DENY };
	if (rq->scheme != SP_SCHEME_HTTP && rq->scheme != SP_SCHEME_HTTPS &&
	    rq->scheme != SP_SCHEME_TCP) {
		deny(ret, SP_REASON_PROTOCOL, "scheme");
		return false;
	}
	if (rq->host == NULL || rq->host->kind == SP_HOST_NONE) {
		deny(ret, SP_REASON_BAD_HOST, "host");
		return false;
	}
	return true;
}

/* Field by field: the buffer for the path need not be cleared. */
static void init(struct inquiry *q, const struct sp_policy *p,
                 const struct sp_request *rq, enum level level)
{
	q->p = p;
	q->rq = rq;
	q->level = level;
	q->handlers = NULL;
	q->note = NULL;
	q->choice = (struct sp_choice){ .outcome = SP_OUTCOME_DENY,
		                        .step = "request" };
	q->path_done = false;
	q->path_n = 0;
}

static enum level request_level(const struct sp_request *rq)
{
	return rq->method.n > 0 && rq->scheme != SP_SCHEME_TCP ? REQUEST
	                                                       : OPAQUE;
}

void sp_policy_request(const struct sp_policy *p, const struct sp_request *rq,
                       struct sp_decision *ret)
{
	struct inquiry q;

	if (!is_judgeable(rq, ret))
		return;
	init(&q, p, rq, request_level(rq));
	judge(&q, ret);
}

void sp_policy_explain(const struct sp_policy *p, const struct sp_request *rq,
                       bool connect, sp_policy_note *note_fn, void *ctx,
                       struct sp_decision *ret)
{
	struct inquiry q;

	if (!is_judgeable(rq, ret))
		return;
	init(&q, p, rq, connect ? CONNECT : request_level(rq));
	q.note = note_fn;
	q.note_ctx = ctx;
	judge(&q, ret);
}

void sp_policy_choose(const struct sp_policy *p, const struct sp_request *rq,
                      const struct sp_handlers *handlers,
                      struct sp_choice *ret_choice, struct sp_decision *ret)
{
	struct inquiry q;

	init(&q, p, rq, request_level(rq));
	*ret_choice = q.choice;
	if (!is_judgeable(rq, ret))
		return;
	q.handlers = handlers;
	judge(&q, ret);
	*ret_choice = q.choice;
}

void sp_policy_connect(const struct sp_policy *p, const struct sp_host *host,
                       uint16_t port, struct sp_decision *ret)
{
	struct sp_request rq = { .host = host,
		                 .port = port,
		                 .scheme = SP_SCHEME_TCP };
	struct sp_decision raw;
	struct inquiry q;

	if (!is_judgeable(&rq, ret))
		return;
	init(&q, p, &rq, CONNECT);
	judge(&q, &raw);
	rq.scheme = SP_SCHEME_HTTPS;
	judge(&q, ret);
	if (raw.verdict == SP_VERDICT_ALLOW &&
	    (ret->verdict == SP_VERDICT_DENY || ret->observed))
		*ret = raw;
}

bool sp_policy_name_allowed(const struct sp_policy *p,
                            const struct sp_host *host)
{
	struct sp_decision d;

	sp_policy_connect(p, host, 0, &d);
	return d.verdict == SP_VERDICT_ALLOW;
}
