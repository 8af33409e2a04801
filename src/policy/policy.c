/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/policy.c - life cycle of a snapshot and the questions that need no
 * decision.
 */
#include <openssl/sha.h>

#include "core/alloc.h"
#include "policy/policy_int.h"

void sp_texts_add(struct sp_texts *t, struct sp_str s)
{
	t->text = sp_realloc(t->text, (t->n + 1) * sizeof(*t->text));
	t->text[t->n++] = (struct sp_str){ (uint8_t *)sp_strdup(s), s.n };
}

void sp_texts_fini(struct sp_texts *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		sp_str_free(t->text[i]);
	sp_free(t->text);
	*t = (struct sp_texts){ 0 };
}

struct sp_policy *sp_policy_new(void)
{
	struct sp_policy *p = SP_NEW(struct sp_policy);

	p->refs = 1;
	return p;
}

struct sp_policy *sp_policy_ref(struct sp_policy *p)
{
	sp_assert(p->refs > 0 && p->refs < UINT32_MAX);
	p->refs++;
	return p;
}

static void free_rules(struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->n_rules; i++) {
		sp_patset_fini(&p->rule[i].hosts);
		sp_texts_fini(&p->rule[i].methods);
		sp_texts_fini(&p->rule[i].paths);
	}
	sp_free(p->rule);
	sp_rulemap_fini(&p->rulemap);
}

void sp_policy_unref(struct sp_policy *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	free_rules(p);
#define X(set) sp_patset_fini(&p->set);
	SP_POLICY_SETS(X)
#undef X
	sp_patset_fini(&p->resolve);
	sp_free(p->pinned);
	sp_texts_fini(&p->roots);
	sp_free(p->root);
	sp_free(p);
}

static void set_hash(struct sp_policy *p)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct sp_buf b;
	struct sp_str s;

	sp_buf_init(&b, SP_POLICY_ENCODED_MAX);
	sp_policy_encode(p, &b);
	sp_assert(sp_buf_ok(&b));
	s = sp_buf_str(&b);
	SHA256(s.p, s.n, digest);
	sp_buf_fini(&b);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(p->hash + 2 * i, 3, "%02x", digest[i]);
}

static const struct sp_patset *hosts_of(const void *rules, uint32_t i)
{
	return &((const struct sp_rule *)rules)[i].hosts;
}

void sp_policy_seal(struct sp_policy *p)
{
#define X(set) sp_patset_index(&p->set);
	SP_POLICY_SETS(X)
#undef X
	sp_patset_index(&p->resolve);
	for (uint32_t i = 0; i < p->n_rules; i++)
		sp_patset_index(&p->rule[i].hosts);
	sp_rulemap_init(&p->rulemap, hosts_of, p->rule, p->n_rules);
	p->root = sp_alloc(p->roots.n + 1, sizeof(*p->root));
	for (uint32_t i = 0; i < p->roots.n; i++)
		p->root[i] = (const char *)p->roots.text[i].p;
	set_hash(p);
}

bool sp_policy_dns_nxdomain(const struct sp_policy *p)
{
	return p->nxdomain;
}

size_t sp_policy_roots(const struct sp_policy *p, const char *const **ret)
{
	*ret = p->root;
	return p->roots.n;
}

const char *sp_policy_hash(const struct sp_policy *p)
{
	return p->hash;
}

struct port_list {
	uint16_t *port;
	size_t n, cap;
};

static void add_port(struct port_list *l, uint16_t port)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->port[i] == port)
			return;
	if (port != 0 && l->n < l->cap)
		l->port[l->n++] = port;
}

static void add_list(struct port_list *l, const struct sp_ports *p)
{
	for (uint16_t i = 0; i < p->n; i++)
		add_port(l, p->port[i]);
}

static void add_set(struct port_list *l, const struct sp_patset *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		add_port(l, s->pat[i].port);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written through l */
size_t sp_policy_ports(const struct sp_policy *p, uint16_t *ret, size_t cap)
{
	struct port_list l = { ret, 0, cap };

	add_list(&l, &p->ports);
	for (uint32_t i = 0; i < p->n_rules; i++) {
		add_list(&l, &p->rule[i].ports);
		add_set(&l, &p->rule[i].hosts);
	}
	add_set(&l, &p->allowed);
	add_set(&l, &p->tcp);
	add_set(&l, &p->exempt);
	add_set(&l, &p->resolve);
	return l.n;
}
