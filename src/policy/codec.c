/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/codec.c - the snapshot as bytes, for a sealed memfd.
 *
 *	"SPPOL1" switches ports set{6} rules resolve roots
 *
 * Integers big endian, texts with a u16 length. There is exactly one encoding
 * of a policy: what decodes encodes to the same bytes, so that the hash of
 * the bytes names the policy. Lines of the file are not part of it.
 */
#include "core/alloc.h"
#include "ipc/wire.h"
#include "policy/policy_int.h"

static const uint8_t magic[6] = { 'S', 'P', 'P', 'O', 'L', '1' };

enum {
	PAT_BOUNDED = 1,
	PAT_OPTION = 2,
	PAT_ALL = 3,
};

enum {
	SW_OBSERVE = 1,
	SW_STRICT = 2,
	SW_NXDOMAIN = 4,
	SW_INTERNET = 8,
	SW_ALLOW_DEFINED = 16,
	SW_ALL = 31,
};

static void put_u8(struct sp_buf *b, unsigned v)
{
	sp_buf_byte(b, (uint8_t)v);
}

static void put_u16(struct sp_buf *b, unsigned v)
{
	put_u8(b, v >> 8);
	put_u8(b, v & 0xff);
}

static void put_u32(struct sp_buf *b, uint32_t v)
{
	put_u16(b, v >> 16);
	put_u16(b, v & 0xffff);
}

static void put_text(struct sp_buf *b, struct sp_str s)
{
	sp_assert(s.n <= UINT16_MAX);
	put_u16(b, (unsigned)s.n);
	sp_buf_add(b, s);
}

static void put_addr(struct sp_buf *b, const struct sp_addr *a)
{
	size_t n = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;

	put_u8(b, a->family);
	sp_buf_add(b, (struct sp_str){ a->b, n });
}

static void put_ports(struct sp_buf *b, const struct sp_ports *p)
{
	put_u8(b, p->any);
	put_u8(b, p->n);
	for (uint16_t i = 0; i < p->n; i++)
		put_u16(b, p->port[i]);
}

static void put_pat(struct sp_buf *b, const struct sp_pat *p)
{
	put_u8(b, p->kind);
	put_u8(b,
	       (p->bounded ? PAT_BOUNDED : 0u) | (p->option ? PAT_OPTION : 0u));
	put_u16(b, p->port);
	put_addr(b, &p->net.addr);
	put_u8(b, p->net.prefix);
	put_text(b, p->text);
}

static void put_set(struct sp_buf *b, const struct sp_patset *s)
{
	put_u32(b, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		put_pat(b, &s->pat[i]);
}

static void put_texts(struct sp_buf *b, const struct sp_texts *t)
{
	put_u16(b, t->n);
	for (uint32_t i = 0; i < t->n; i++)
		put_text(b, t->text[i]);
}

static void put_rule(struct sp_buf *b, const struct sp_rule *r)
{
	put_u8(b, r->action);
	put_u8(b, r->has_tls ? 1u + r->tls : 0u);
	put_ports(b, &r->ports);
	put_set(b, &r->hosts);
	put_texts(b, &r->methods);
	put_texts(b, &r->paths);
}

void sp_policy_encode(const struct sp_policy *p, struct sp_buf *out)
{
	sp_buf_add(out, (struct sp_str){ magic, sizeof(magic) });
	put_u8(out, (p->observe ? SW_OBSERVE : 0u) |
	                    (p->strict ? SW_STRICT : 0u) |
	                    (p->nxdomain ? SW_NXDOMAIN : 0u) |
	                    (p->internet ? SW_INTERNET : 0u) |
	                    (p->allow_defined ? SW_ALLOW_DEFINED : 0u));
	put_ports(out, &p->ports);
#define X(set) put_set(out, &p->set);
	SP_POLICY_SETS(X)
#undef X
	put_u32(out, p->n_rules);
	for (uint32_t i = 0; i < p->n_rules; i++)
		put_rule(out, &p->rule[i]);
	put_set(out, &p->resolve);
	for (uint32_t i = 0; i < p->resolve.n; i++) {
		put_addr(out, &p->pinned[i].addr);
		put_u16(out, p->pinned[i].port);
	}
	put_texts(out, &p->roots);
}

/* A number that may be at most max. */
static enum sp_rc get_u8_max(struct sp_str *in, uint8_t max, uint8_t *ret)
{
	SP_TRY(sp_get_u8(in, ret));
	return *ret <= max ? SP_OK : SP_E_PROTO;
}

static enum sp_rc get_addr(struct sp_str *in, struct sp_addr *ret)
{
	struct sp_addr a = { 0 };
	size_t n;

	SP_TRY(sp_get_u8(in, &a.family));
	if (a.family != 0 && a.family != 4 && a.family != 6)
		return SP_E_PROTO;
	n = a.family == 4 ? 4 : a.family == 6 ? 16 : 0;
	if (in->n < n)
		return SP_E_PROTO;
	if (n > 0)
		memcpy(a.b, sp_str_take(in, n).p, n);
	*ret = a;
	return SP_OK;
}

static enum sp_rc get_ports(struct sp_str *in, struct sp_ports *ret)
{
	uint8_t any, n;

	SP_TRY(get_u8_max(in, 1, &any));
	SP_TRY(get_u8_max(in, SP_PORTS_MAX, &n));
	ret->any = any != 0;
	ret->n = n;
	for (uint8_t i = 0; i < n; i++)
		SP_TRY(sp_get_u16(in, &ret->port[i]));
	return SP_OK;
}

/* What matching relies on: see plain_suffix() and sp_glob_match_bounded(). */
static enum sp_rc check_pat(const struct sp_pat *p)
{
	bool ends = p->text.n >= 2 && p->text.p[p->text.n - 1] == '*' &&
	            p->text.p[p->text.n - 2] == '.';

	if (p->bounded && (p->kind != SP_PAT_GLOB || !ends))
		return SP_E_PROTO;
	if (p->net.prefix > (p->net.addr.family == 4   ? 32
	                     : p->net.addr.family == 6 ? 128
	                                               : 0))
		return SP_E_PROTO;
	if (p->kind == SP_PAT_NET && p->net.addr.family == 0)
		return SP_E_PROTO;
	return SP_OK;
}

static enum sp_rc get_pat(struct sp_str *in, struct sp_pat *p)
{
	uint8_t kind, flags;
	struct sp_str text;

	SP_TRY(get_u8_max(in, SP_PAT_NET, &kind));
	SP_TRY(get_u8_max(in, PAT_ALL, &flags));
	p->kind = (enum sp_pat_kind)kind;
	p->bounded = (flags & PAT_BOUNDED) != 0;
	p->option = (flags & PAT_OPTION) != 0;
	SP_TRY(sp_get_u16(in, &p->port));
	SP_TRY(get_addr(in, &p->net.addr));
	SP_TRY(sp_get_u8(in, &p->net.prefix));
	SP_TRY(sp_get_str(in, SP_PAT_TEXT_MAX, &text));
	p->text = text;
	SP_TRY(check_pat(p));
	p->text = (struct sp_str){ (uint8_t *)sp_strdup(text), text.n };
	return SP_OK;
}

/* Nothing is allocated for a count that the input does not back. */
static enum sp_rc get_set(struct sp_str *in, struct sp_patset *s)
{
	uint32_t n;

	SP_TRY(sp_get_u32(in, &n));
	if (n > SP_PATSET_MAX)
		return SP_E_LIMIT;
	while (n-- > 0) {
		struct sp_pat p = { 0 };
		enum sp_rc rc;

		SP_TRY(get_pat(in, &p));
		rc = sp_patset_add(s, &p);
		sp_assert(rc == SP_OK); /* n was checked */
	}
	return SP_OK;
}

static enum sp_rc get_texts(struct sp_str *in, uint32_t max_n, size_t max,
                            struct sp_texts *t)
{
	uint16_t n;
	struct sp_str s;

	SP_TRY(sp_get_u16(in, &n));
	if (n > max_n)
		return SP_E_LIMIT;
	while (n-- > 0) {
		SP_TRY(sp_get_str(in, max, &s));
		sp_texts_add(t, s);
	}
	return SP_OK;
}

static enum sp_rc get_rule(struct sp_str *in, struct sp_rule *r)
{
	uint8_t action, tls;

	SP_TRY(get_u8_max(in, SP_VERDICT_ALLOW, &action));
	SP_TRY(get_u8_max(in, 1 + SP_TLS_DENY, &tls));
	r->action = (enum sp_verdict)action;
	r->has_tls = tls > 0;
	if (r->has_tls)
		r->tls = (enum sp_tls_mode)(tls - 1);
	SP_TRY(get_ports(in, &r->ports));
	SP_TRY(get_set(in, &r->hosts));
	SP_TRY(get_texts(in, SP_METHODS_MAX, SP_METHOD_MAX, &r->methods));
	return get_texts(in, SP_PATHS_MAX, SP_PATH_PAT_MAX, &r->paths);
}

static enum sp_rc get_rules(struct sp_str *in, struct sp_policy *p)
{
	uint32_t n;

	SP_TRY(sp_get_u32(in, &n));
	if (n > SP_RULES_MAX)
		return SP_E_LIMIT;
	p->rule = sp_alloc(n + 1, sizeof(*p->rule));
	while (p->n_rules < n)
		SP_TRY(get_rule(in, &p->rule[p->n_rules++]));
	return SP_OK;
}

static enum sp_rc get_resolve(struct sp_str *in, struct sp_policy *p)
{
	SP_TRY(get_set(in, &p->resolve));
	if (p->resolve.n > SP_RESOLVE_MAX)
		return SP_E_LIMIT;
	p->pinned = sp_alloc(p->resolve.n + 1, sizeof(*p->pinned));
	for (uint32_t i = 0; i < p->resolve.n; i++) {
		SP_TRY(get_addr(in, &p->pinned[i].addr));
		SP_TRY(sp_get_u16(in, &p->pinned[i].port));
		if (p->pinned[i].addr.family == 0)
			return SP_E_PROTO;
	}
	return SP_OK;
}

static enum sp_rc get_switches(struct sp_str *in, struct sp_policy *p)
{
	uint8_t sw;

	if (in->n < sizeof(magic) ||
	    memcmp(sp_str_take(in, sizeof(magic)).p, magic, sizeof(magic)) != 0)
		return SP_E_PROTO;
	SP_TRY(get_u8_max(in, SW_ALL, &sw));
	p->observe = (sw & SW_OBSERVE) != 0;
	p->strict = (sw & SW_STRICT) != 0;
	p->nxdomain = (sw & SW_NXDOMAIN) != 0;
	p->internet = (sw & SW_INTERNET) != 0;
	p->allow_defined = (sw & SW_ALLOW_DEFINED) != 0;
	return SP_OK;
}

static enum sp_rc get_sets(struct sp_str *in, struct sp_policy *p)
{
	struct sp_patset *const sets[] = {
#define X(set) &p->set,
		SP_POLICY_SETS(X)
#undef X
	};

	for (size_t i = 0; i < SP_COUNT(sets); i++)
		SP_TRY(get_set(in, sets[i]));
	return SP_OK;
}

static enum sp_rc get_all(struct sp_str *in, struct sp_policy *p)
{
	SP_TRY(get_switches(in, p));
	SP_TRY(get_ports(in, &p->ports));
	SP_TRY(get_sets(in, p));
	SP_TRY(get_rules(in, p));
	SP_TRY(get_resolve(in, p));
	SP_TRY(get_texts(in, SP_ROOTS_MAX, SP_ROOT_NAME_MAX, &p->roots));
	return sp_get_end(in);
}

enum sp_rc sp_policy_decode(struct sp_str in, struct sp_policy **ret)
{
	struct sp_policy *p;
	enum sp_rc rc;

	if (in.n > SP_POLICY_ENCODED_MAX)
		return SP_E_LIMIT;
	p = sp_policy_new();
	rc = get_all(&in, p);
	if (rc < 0) {
		sp_policy_unref(p);
		return rc;
	}
	sp_policy_seal(p);
	*ret = p;
	return SP_OK;
}
