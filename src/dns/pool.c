/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/pool.h"

#include "core/alloc.h"

#define FIRST     2u /* .0 and .1 of the ranges stay unused */
#define HOSTS_MIN 16u
#define TABLE_MIN 32u /* power of two; never more than half full */
#define TOKEN     1000u

static const uint8_t net6[8] = { 0xfd, 0x00, 0x5a, 0x11 };

/*
 * A slot of the open-addressed table. The hash stands beside the index, so
 * that a walk over a cluster does not touch the names.
 */
struct slot {
	uint32_t hash;
	uint32_t place; /* in hosts, plus 1; 0 while free */
};

/*
 * Invariant: hosts[i] is the name of address FIRST + i, for ever. The structs
 * are allocated one by one, so a pointer handed out stays good when the arrays
 * grow. An empty pool is this struct and nothing else.
 */
struct sp_pool {
	struct sp_host **hosts;
	uint32_t n, cap;
	struct slot *table;
	uint32_t table_size;
	uint64_t tokens; /* in thousandths of a name */
	uint64_t filled_ms;
};

struct sp_pool *sp_pool_new(void)
{
	struct sp_pool *p = SP_NEW(struct sp_pool);

	p->tokens = (uint64_t)SP_POOL_BURST * TOKEN;
	return p;
}

void sp_pool_free(struct sp_pool *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->n; i++)
		sp_free(p->hosts[i]);
	sp_free(p->hosts);
	sp_free(p->table);
	sp_free(p);
}

/*
 * FNV-1a with a final mix. Not keyed: who makes names collide slows down one
 * proxy, his own, by at most SP_POOL_MAX compares of a word.
 */
static uint32_t hash_of(const struct sp_host *h)
{
	uint64_t v = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < h->n; i++)
		v = (v ^ (uint8_t)h->text[i]) * UINT64_C(0x100000001b3);
	v ^= v >> 29;
	return (uint32_t)(v ^ v >> 32);
}

/* The slot that holds the name, or the free one where it belongs. */
static struct slot *find(const struct sp_pool *p, const struct sp_host *name,
                         uint32_t hash)
{
	uint32_t mask = p->table_size - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *s = &p->table[i];

		if (s->place == 0 || (s->hash == hash &&
		                      sp_host_eq(p->hosts[s->place - 1], name)))
			return s;
	}
}

static void grow_table(struct sp_pool *p)
{
	uint32_t size = p->table_size == 0 ? TABLE_MIN : p->table_size * 2;
	struct slot *old = p->table;
	uint32_t old_size = p->table_size;

	p->table = sp_alloc(size, sizeof(*p->table));
	p->table_size = size;
	for (uint32_t i = 0; i < old_size; i++) {
		uint32_t at = old[i].hash & (size - 1);

		if (old[i].place == 0)
			continue;
		while (p->table[at].place != 0)
			at = (at + 1) & (size - 1);
		p->table[at] = old[i];
	}
	sp_free(old);
}

static void grow_hosts(struct sp_pool *p)
{
	uint32_t cap = p->cap == 0 ? HOSTS_MIN : p->cap * 2;

	p->hosts = sp_realloc(p->hosts, cap * sizeof(struct sp_host *));
	p->cap = cap;
}

/* keep: tokens that have to be left over. */
static enum sp_rc take_token(struct sp_pool *p, uint64_t now_ms, unsigned keep)
{
	uint64_t max = (uint64_t)SP_POOL_BURST * TOKEN;
	uint64_t passed = now_ms > p->filled_ms ? now_ms - p->filled_ms : 0;

	/* SP_POOL_RATE a second is SP_POOL_RATE thousandths a millisecond. */
	p->tokens = passed > max ? max : p->tokens + passed * SP_POOL_RATE;
	if (p->tokens > max)
		p->tokens = max;
	if (now_ms > p->filled_ms)
		p->filled_ms = now_ms;
	if (p->tokens < (uint64_t)(1 + keep) * TOKEN)
		return SP_E_LIMIT;
	p->tokens -= TOKEN;
	return SP_OK;
}

static enum sp_rc add(struct sp_pool *p, const struct sp_host *name,
                      uint32_t hash, uint64_t now_ms, bool denied)
{
	struct slot *s;

	if (p->n >= SP_POOL_MAX - (denied ? SP_POOL_KEEP : 0))
		return SP_E_LIMIT;
	SP_TRY(take_token(p, now_ms, denied ? SP_POOL_KEEP_BURST : 0));
	if (p->n * 2 >= p->table_size)
		grow_table(p);
	if (p->n == p->cap)
		grow_hosts(p);
	s = find(p, name, hash);
	sp_assert(s->place == 0);
	p->hosts[p->n] = SP_NEW(struct sp_host);
	*p->hosts[p->n] = *name;
	*s = (struct slot){ .hash = hash, .place = ++p->n };
	return SP_OK;
}

static void make_addrs(uint32_t index, struct sp_addr *ret4,
                       struct sp_addr *ret6)
{
	uint32_t low = FIRST + index;

	*ret4 = (struct sp_addr){
		.family = 4,
		.b = { 198, (uint8_t)(18u + (low >> 16)), (uint8_t)(low >> 8),
		       (uint8_t)low },
	};
	*ret6 = (struct sp_addr){
		.family = 6,
		.b = { [13] = (uint8_t)(low >> 16),
		       [14] = (uint8_t)(low >> 8),
		       [15] = (uint8_t)low },
	};
	memcpy(ret6->b, net6, sizeof(net6));
}

static enum sp_rc get(struct sp_pool *p, const struct sp_host *name,
                      uint64_t now_ms, bool denied, struct sp_addr *ret4,
                      struct sp_addr *ret6)
{
	uint32_t hash = hash_of(name), index;
	const struct slot *s = NULL;

	sp_assert(name->kind == SP_HOST_NAME);
	if (p->table_size > 0)
		s = find(p, name, hash);
	if (s != NULL && s->place != 0) {
		index = s->place - 1;
	} else {
		SP_TRY(add(p, name, hash, now_ms, denied));
		index = p->n - 1;
	}
	make_addrs(index, ret4, ret6);
	return SP_OK;
}

enum sp_rc sp_pool_get(struct sp_pool *p, const struct sp_host *name,
                       uint64_t now_ms, struct sp_addr *ret4,
                       struct sp_addr *ret6)
{
	return get(p, name, now_ms, false, ret4, ret6);
}

enum sp_rc sp_pool_get_denied(struct sp_pool *p, const struct sp_host *name,
                              uint64_t now_ms, struct sp_addr *ret4,
                              struct sp_addr *ret6)
{
	return get(p, name, now_ms, true, ret4, ret6);
}

bool sp_pool_range(const struct sp_addr *a)
{
	if (a->family == 4)
		return a->b[0] == 198 && (a->b[1] & 0xfeu) == 18;
	return a->family == 6 && memcmp(a->b, net6, sizeof(net6)) == 0;
}

const struct sp_host *sp_pool_name(const struct sp_pool *p,
                                   const struct sp_addr *a)
{
	static const uint8_t zero[4];
	uint32_t low;

	if (!sp_pool_range(a))
		return NULL;
	if (a->family == 6 && memcmp(a->b + 8, zero, sizeof(zero)) != 0)
		return NULL;
	if (a->family == 4)
		low = (uint32_t)(a->b[1] & 1u) << 16 | (uint32_t)a->b[2] << 8 |
		      a->b[3];
	else
		low = (uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 |
		      (uint32_t)a->b[14] << 8 | a->b[15];
	return low >= FIRST && low - FIRST < p->n ? p->hosts[low - FIRST]
	                                          : NULL;
}
