/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/rulemap.h - which rules can be about a host at all.
 *
 * Role        A superset, found by hash: rules are asked in order, and most
 *             of a thousand are about other hosts. Ports, methods and paths
 *             are not looked at, and two texts with one hash are not told
 *             apart; whoever asks tests what is left.
 * Ownership   Borrows nothing; sp_rulemap_fini() releases the tables.
 */
#ifndef SP_POLICY_RULEMAP_H
#define SP_POLICY_RULEMAP_H

#include "policy/pattern.h"

#define SP_RULES_MAX 1024u

struct sp_ruleset {
	uint64_t bits[SP_RULES_MAX / 64];
};

struct sp_rulemap {
	struct sp_rulemap_entry *entry;
	uint32_t n, mask;
	uint32_t *slot;           /* index + 1 */
	struct sp_ruleset always; /* with patterns that are not hashed */
};

/* rules: number of rules, each with its indexed set of hosts. */
void sp_rulemap_init(struct sp_rulemap *m,
                     const struct sp_patset *(*hosts)(const void *rules,
                                                      uint32_t i),
                     const void *rules, uint32_t n);
void sp_rulemap_fini(struct sp_rulemap *m);
void sp_rulemap_find(const struct sp_rulemap *m, struct sp_str host,
                     struct sp_ruleset *ret);

/* The first rule from i on; SP_RULES_MAX: none. */
uint32_t sp_ruleset_next(const struct sp_ruleset *s, uint32_t i);

#endif
