/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/policy.h - a policy from text, twice: as compiled, and as the
 * proxy decodes it. Every question is asked of both.
 */
#ifndef SP_TEST_POLICY_H
#define SP_TEST_POLICY_H

#include "policy/policy_int.h"

struct pair {
	struct sp_policy *made, *sent;
};

static inline void pair_options(struct pair *p, const char *yaml,
                                const char *const *allow, size_t n_allow,
                                const char *const *deny, size_t n_deny)
{
	struct sp_policy_source src = { .text = sp_str(yaml),
		                        .file = "t",
		                        .allow = allow,
		                        .n_allow = n_allow,
		                        .deny = deny,
		                        .n_deny = n_deny };
	struct sp_err err;
	struct sp_buf b;

	if (sp_policy_compile(&src, &p->made, &err) < 0)
		fail_msg("%s", err.text);
	sp_buf_init(&b, SP_POLICY_ENCODED_MAX);
	sp_policy_encode(p->made, &b);
	assert_int_equal(sp_policy_decode(sp_buf_str(&b), &p->sent), SP_OK);
	sp_buf_fini(&b);
	assert_string_equal(sp_policy_hash(p->made), sp_policy_hash(p->sent));
}

static inline void pair_init(struct pair *p, const char *yaml)
{
	pair_options(p, yaml, NULL, 0, NULL, 0);
}

static inline void pair_fini(struct pair *p)
{
	sp_policy_unref(p->made);
	sp_policy_unref(p->sent);
}

static inline void same(const struct sp_decision *a,
                        const struct sp_decision *b)
{
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->reason, b->reason);
	assert_int_equal(a->observed, b->observed);
	assert_int_equal(a->tls, b->tls);
	assert_string_equal(a->rule, b->rule);
}

static inline struct sp_decision ask(const struct pair *p, const char *url,
                                     const char *method)
{
	struct sp_decision a, b;
	struct sp_request rq;
	struct sp_url u;

	if (sp_url_parse(sp_str(url), &u) < 0)
		fail_msg("%s is no URL", url);
	rq = (struct sp_request){ &u.host, u.port, u.scheme, sp_str(method),
		                  u.path };
	sp_policy_request(p->made, &rq, &a);
	sp_policy_request(p->sent, &rq, &b);
	same(&a, &b);
	return a;
}

static inline struct sp_host as_host(const char *text)
{
	struct sp_host h;

	if (sp_host_parse(sp_str(text), &h) < 0)
		fail_msg("%s is no host", text);
	return h;
}

static inline struct sp_decision ask_connect(const struct pair *p,
                                             const char *host, uint16_t port)
{
	struct sp_host h = as_host(host);
	struct sp_decision a, b;

	sp_policy_connect(p->made, &h, port, &a);
	sp_policy_connect(p->sent, &h, port, &b);
	same(&a, &b);
	return a;
}

static inline struct sp_decision ask_address(const struct pair *p,
                                             const char *host, uint16_t port,
                                             const char *address)
{
	struct sp_host h = as_host(host);
	struct sp_decision a, b;
	struct sp_addr addr;

	assert_int_equal(sp_addr_parse(sp_str(address), &addr), SP_OK);
	sp_policy_address(p->made, &h, port, &addr, &a);
	sp_policy_address(p->sent, &h, port, &addr, &b);
	same(&a, &b);
	return a;
}

#endif
