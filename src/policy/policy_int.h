/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/policy_int.h - the compiled snapshot. Private to policy/ and its
 * tests.
 *
 * Invariant   Sets are indexed. After compile or decode nothing is written
 *             but the reference count.
 */
#ifndef SP_POLICY_POLICY_INT_H
#define SP_POLICY_POLICY_INT_H

#include "policy/pattern.h"
#include "policy/policy.h"
#include "policy/rulemap.h"

#define SP_METHODS_MAX        32u
#define SP_METHOD_MAX         32u /* bytes */
#define SP_PATHS_MAX          256u
#define SP_PATH_PAT_MAX       1024u /* bytes */
#define SP_RESOLVE_MAX        1024u
#define SP_ROOTS_MAX          64u
#define SP_ROOT_NAME_MAX      1024u
#define SP_POLICY_ENCODED_MAX (16u << 20)

struct sp_texts {
	struct sp_str *text;
	uint32_t n;
};

struct sp_rule {
	struct sp_patset hosts;
	struct sp_ports ports; /* of hosts without a port of their own */
	struct sp_texts methods;
	struct sp_texts paths;
	enum sp_verdict action;
	bool has_tls;
	enum sp_tls_mode tls;
	uint32_t line;
};

struct sp_pinned {
	struct sp_addr addr;
	uint16_t port; /* 0: the one that was asked for */
};

struct sp_policy {
	uint32_t refs;
	bool observe;
	bool strict;
	bool nxdomain;
	bool internet;
	bool allow_defined; /* an empty list allows nothing, no list anything */
	struct sp_ports ports;
	struct sp_patset denied, allowed, tcp, splice, tls_deny, exempt;
	struct sp_rule *rule;
	uint32_t n_rules;
	struct sp_rulemap rulemap;
	struct sp_patset resolve;
	struct sp_pinned *pinned; /* one for each pattern of resolve */
	struct sp_texts roots;
	const char **root; /* the same as C strings */
	char hash[65];
	/* For lint only; not encoded. */
	bool internet_set;
	uint32_t internet_line;
};

/* The sets of a policy, in the order of the encoded form. */
#define SP_POLICY_SETS(X)                                                      \
	X(denied)                                                              \
	X(allowed)                                                             \
	X(tcp)                                                                 \
	X(splice)                                                              \
	X(tls_deny)                                                            \
	X(exempt)

/* A name of each set in messages and in sp_decision.rule. */
#define SP_SET_DENIED  "denied_hosts"
#define SP_SET_ALLOWED "allowed_hosts"

SP_MUST struct sp_policy *sp_policy_new(void);
/* Builds all indexes and the hash; once, at the end of compile or decode. */
void sp_policy_seal(struct sp_policy *p);
void sp_texts_add(struct sp_texts *t, struct sp_str s);
void sp_texts_fini(struct sp_texts *t);

#endif
