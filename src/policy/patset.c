/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/patset.c - ordered sets of patterns that are found by hash.
 *
 * The hash runs over a text from its end, so one pass over a host yields the
 * hash of the host and of every suffix that starts at a dot. Patterns come
 * from the operator: flooding the table is not a concern.
 */
#include "core/alloc.h"
#include "policy/glob.h"
#include "policy/pattern.h"

bool sp_ports_has(const struct sp_ports *p, uint16_t port)
{
	if (p->any)
		return true;
	for (uint16_t i = 0; i < p->n; i++)
		if (p->port[i] == port)
			return true;
	return false;
}

void sp_target_init(struct sp_target *t, const struct sp_host *host,
                    uint16_t port, bool inner)
{
	*t = (struct sp_target){ .host = sp_host_str(host), .port = port };
	if (host->kind == SP_HOST_NAME)
		return;
	t->addr = &host->addr;
	if (inner)
		(void)sp_addr_inner(&host->addr, &t->inner); /* may have none */
}

static uint32_t hash_back(struct sp_str s)
{
	uint32_t h = SP_PAT_HASH_SEED;

	for (size_t i = s.n; i > 0; i--)
		h = sp_pat_hash(h, s.p[i - 1]);
	return h;
}

/* "*.example.com" -> ".example.com"; empty if it is no such pattern. */
static struct sp_str plain_suffix(const struct sp_pat *p)
{
	struct sp_str s = p->text;

	if (p->kind != SP_PAT_GLOB || s.n < 3 || s.p[0] != '*' ||
	    s.p[1] != '.' || memchr(s.p + 1, '*', s.n - 1) != NULL)
		return (struct sp_str){ NULL, 0 };
	return (struct sp_str){ s.p + 1, s.n - 1 };
}

enum sp_rc sp_patset_add(struct sp_patset *s, const struct sp_pat *p)
{
	if (s->n == SP_PATSET_MAX)
		return SP_E_LIMIT;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 8 : 2 * s->cap;
		s->pat = sp_realloc(s->pat, s->cap * sizeof(*s->pat));
	}
	s->pat[s->n++] = *p;
	return SP_OK;
}

static void drop_index(struct sp_patset *s)
{
	sp_free(s->exact);
	sp_free(s->suffix);
	sp_free(s->rest);
	sp_free(s->nets);
	s->exact = s->suffix = s->rest = s->nets = NULL;
	s->mask = s->n_rest = s->n_nets = 0;
}

static void put(uint32_t *slots, uint32_t mask, struct sp_pat *p, uint32_t i)
{
	p->same = slots[p->hash & mask];
	slots[p->hash & mask] = i + 1;
}

/* From the last to the first, so that chains are in order. */
void sp_patset_index(struct sp_patset *s)
{
	uint32_t slots = 8;

	drop_index(s);
	if (s->n == 0)
		return;
	while (slots < 2 * s->n)
		slots *= 2;
	s->mask = slots - 1;
	s->exact = sp_alloc(slots, sizeof(*s->exact));
	s->suffix = sp_alloc(slots, sizeof(*s->suffix));
	s->rest = sp_alloc(s->n, sizeof(*s->rest));
	s->nets = sp_alloc(s->n, sizeof(*s->nets));
	for (uint32_t i = s->n; i > 0; i--) {
		struct sp_pat *p = &s->pat[i - 1];
		struct sp_str suffix = plain_suffix(p);

		p->hash = hash_back(suffix.n > 0 ? suffix : p->text);
		if (p->kind == SP_PAT_EXACT)
			put(s->exact, s->mask, p, i - 1);
		else if (suffix.n > 0)
			put(s->suffix, s->mask, p, i - 1);
	}
	for (uint32_t i = 0; i < s->n; i++) {
		const struct sp_pat *p = &s->pat[i];

		if (p->kind != SP_PAT_EXACT && plain_suffix(p).n == 0)
			s->rest[s->n_rest++] = i;
		if (p->net.addr.family != 0)
			s->nets[s->n_nets++] = i;
	}
}

void sp_patset_fini(struct sp_patset *s)
{
	drop_index(s);
	for (uint32_t i = 0; i < s->n; i++)
		sp_pat_fini(&s->pat[i]);
	sp_free(s->pat);
	*s = (struct sp_patset){ 0 };
}

static bool port_ok(const struct sp_pat *p, const struct sp_target *t)
{
	if (t->any_port)
		return true;
	if (p->port != 0)
		return p->port == t->port;
	return t->plain == NULL || sp_ports_has(t->plain, t->port);
}

/* One with a port of its own ranks before one without. */
static const struct sp_pat *find_exact(const struct sp_patset *s,
                                       const struct sp_target *t, uint32_t hash)
{
	const struct sp_pat *best = NULL;

	for (uint32_t i = s->exact[hash & s->mask]; i > 0;) {
		const struct sp_pat *p = &s->pat[i - 1];

		i = p->same;
		if (p->hash != hash || !sp_str_eq(p->text, t->host) ||
		    !port_ok(p, t))
			continue;
		if (p->port != 0)
			return p;
		if (best == NULL)
			best = p;
	}
	return best;
}

/* hash is that of the host from the dot at "at" on. */
static uint32_t find_suffix(const struct sp_patset *s,
                            const struct sp_target *t, size_t at, uint32_t hash,
                            uint32_t best)
{
	struct sp_str tail = { t->host.p + at, t->host.n - at };

	for (uint32_t i = s->suffix[hash & s->mask]; i > 0 && i - 1 < best;) {
		const struct sp_pat *p = &s->pat[i - 1];

		if (p->hash == hash && sp_str_eq(plain_suffix(p), tail) &&
		    port_ok(p, t))
			return i - 1;
		i = p->same;
	}
	return best;
}

static bool net_has(const struct sp_pat *p, const struct sp_target *t)
{
	if (t->addr == NULL)
		return false;
	return sp_net_has(&p->net, t->addr) ||
	       (t->inner.family != 0 && sp_net_has(&p->net, &t->inner));
}

static bool rest_matches(const struct sp_pat *p, const struct sp_target *t)
{
	if (p->kind == SP_PAT_NET)
		return net_has(p, t);
	if (p->bounded && t->addr == NULL)
		return sp_glob_match_bounded(p->text, t->host);
	return sp_glob_match(p->text, t->host);
}

const struct sp_pat *sp_patset_find(const struct sp_patset *s,
                                    const struct sp_target *t)
{
	uint32_t hash = SP_PAT_HASH_SEED, best = UINT32_MAX;
	const struct sp_pat *exact;

	if (s->n == 0)
		return NULL;
	for (size_t at = t->host.n; at > 0; at--) {
		hash = sp_pat_hash(hash, t->host.p[at - 1]);
		if (t->host.p[at - 1] == '.')
			best = find_suffix(s, t, at - 1, hash, best);
	}
	exact = find_exact(s, t, hash);
	if (exact != NULL)
		return exact;
	for (uint32_t i = 0; i < s->n_rest && s->rest[i] < best; i++) {
		const struct sp_pat *p = &s->pat[s->rest[i]];

		if (port_ok(p, t) && rest_matches(p, t))
			return p;
	}
	return best == UINT32_MAX ? NULL : &s->pat[best];
}

const struct sp_pat *sp_patset_find_addr(const struct sp_patset *s,
                                         const struct sp_target *t)
{
	for (uint32_t i = 0; i < s->n_nets; i++) {
		const struct sp_pat *p = &s->pat[s->nets[i]];

		if (port_ok(p, t) && net_has(p, t))
			return p;
	}
	return NULL;
}
