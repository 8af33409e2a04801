/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rulemap.h"

#include "core/alloc.h"

struct sp_rulemap_entry {
	uint32_t hash, rule;
	uint32_t next; /* index + 1 */
};

static void mark(struct sp_ruleset *s, uint32_t rule)
{
	s->bits[rule / 64] |= UINT64_C(1) << rule % 64;
}

static void add(struct sp_rulemap *m, const struct sp_pat *p, uint32_t rule)
{
	struct sp_rulemap_entry *e = &m->entry[m->n];

	*e = (struct sp_rulemap_entry){ p->hash, rule,
		                        m->slot[p->hash & m->mask] };
	m->slot[p->hash & m->mask] = ++m->n;
}

void sp_rulemap_init(struct sp_rulemap *m,
                     const struct sp_patset *(*hosts)(const void *rules,
                                                      uint32_t i),
                     const void *rules, uint32_t n)
{
	uint32_t patterns = 0, slots = 8;

	sp_assert(n <= SP_RULES_MAX);
	*m = (struct sp_rulemap){ 0 };
	for (uint32_t i = 0; i < n; i++)
		patterns += hosts(rules, i)->n;
	while (slots < 2 * patterns)
		slots *= 2;
	m->mask = slots - 1;
	m->slot = sp_alloc(slots, sizeof(*m->slot));
	m->entry = sp_alloc(patterns + 1, sizeof(*m->entry));
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_patset *s = hosts(rules, i);

		/* An address may also match by what is inside it. */
		if (s->n_rest > 0 || s->n_nets > 0)
			mark(&m->always, i);
		for (uint32_t k = 0; k < s->n; k++)
			add(m, &s->pat[k], i);
	}
}

void sp_rulemap_fini(struct sp_rulemap *m)
{
	sp_free(m->slot);
	sp_free(m->entry);
	*m = (struct sp_rulemap){ 0 };
}

static void collect(const struct sp_rulemap *m, uint32_t hash,
                    struct sp_ruleset *ret)
{
	for (uint32_t i = m->slot[hash & m->mask]; i > 0;) {
		const struct sp_rulemap_entry *e = &m->entry[i - 1];

		if (e->hash == hash)
			mark(ret, e->rule);
		i = e->next;
	}
}

void sp_rulemap_find(const struct sp_rulemap *m, struct sp_str host,
                     struct sp_ruleset *ret)
{
	uint32_t hash = SP_PAT_HASH_SEED;

	*ret = m->always;
	if (m->n == 0)
		return;
	for (size_t at = host.n; at > 0; at--) {
		hash = sp_pat_hash(hash, host.p[at - 1]);
		if (host.p[at - 1] == '.')
			collect(m, hash, ret);
	}
	collect(m, hash, ret);
}

uint32_t sp_ruleset_next(const struct sp_ruleset *s, uint32_t i)
{
	for (uint32_t w = i / 64; w < SP_COUNT(s->bits); w++) {
		uint64_t bits = s->bits[w];

		if (w == i / 64)
			bits &= UINT64_MAX << i % 64;
		if (bits != 0)
			return 64 * w + (uint32_t)__builtin_ctzll(bits);
	}
	return SP_RULES_MAX;
}
