/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/lru.h"

#include "core/alloc.h"

/* Two KiB per map; at 4,096 values a chain has 16. */
#define BUCKETS 256u

struct entry {
	struct entry *newer, *older; /* all entries by last use */
	struct entry *next;          /* in the bucket, newest first */
	void *value;
	char *key;
	size_t key_n;
	uint64_t hash;
};

struct sp_lru {
	struct entry *bucket[BUCKETS];
	struct entry *newest, *oldest;
	void (*drop)(void *value);
	uint64_t seed;
	uint32_t max, per_key, count;
};

struct sp_lru *sp_lru_new(uint32_t max, uint32_t per_key, uint64_t seed,
                          void (*drop)(void *value))
{
	struct sp_lru *l = SP_NEW(struct sp_lru);

	sp_assert(max > 0 && per_key > 0);
	l->max = max;
	l->per_key = per_key;
	l->seed = seed;
	l->drop = drop;
	return l;
}

/* Multiply and fold, eight bits at a time; the seed is secret. */
static uint64_t hash_of(const struct sp_lru *l, struct sp_str key)
{
	uint64_t h = l->seed;

	for (size_t i = 0; i < key.n; i++) {
		h = (h ^ key.p[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

static bool is(const struct entry *e, uint64_t hash, struct sp_str key)
{
	return e->hash == hash && e->key_n == key.n &&
	       memcmp(e->key, key.p, key.n) == 0;
}

static void unlink_age(struct sp_lru *l, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &l->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &l->oldest) = e->newer;
}

static void link_newest(struct sp_lru *l, struct entry *e)
{
	e->newer = NULL;
	e->older = l->newest;
	*(l->newest != NULL ? &l->newest->newer : &l->oldest) = e;
	l->newest = e;
}

/* Takes the entry out of the map and hands out its value. */
static void *remove_entry(struct sp_lru *l, struct entry *e)
{
	struct entry **at = &l->bucket[e->hash % BUCKETS];
	void *value = e->value;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_age(l, e);
	l->count--;
	sp_free(e->key);
	sp_free(e);
	return value;
}

void sp_lru_free(struct sp_lru *l)
{
	if (l == NULL)
		return;
	while (l->oldest != NULL)
		l->drop(remove_entry(l, l->oldest));
	sp_free(l);
}

uint32_t sp_lru_count(const struct sp_lru *l)
{
	return l->count;
}

static struct entry *find(const struct sp_lru *l, struct sp_str key)
{
	uint64_t hash = hash_of(l, key);
	struct entry *e = l->bucket[hash % BUCKETS];

	while (e != NULL && !is(e, hash, key))
		e = e->next;
	return e;
}

/* Values under one key beyond the limit: the chain is newest first. */
static void trim_key(struct sp_lru *l, const struct entry *head)
{
	struct sp_str key = { (const uint8_t *)head->key, head->key_n };
	struct entry *e = l->bucket[head->hash % BUCKETS], *next;
	uint32_t seen = 0;

	for (; e != NULL; e = next) {
		next = e->next;
		if (is(e, head->hash, key) && ++seen > l->per_key)
			l->drop(remove_entry(l, e));
	}
}

void sp_lru_put(struct sp_lru *l, struct sp_str key, void *value)
{
	struct entry *e = SP_NEW(struct entry);
	struct entry **bucket;

	e->hash = hash_of(l, key);
	e->key = sp_strdup(key);
	e->key_n = key.n;
	e->value = value;
	bucket = &l->bucket[e->hash % BUCKETS];
	e->next = *bucket;
	*bucket = e;
	link_newest(l, e);
	l->count++;
	trim_key(l, e);
	if (l->count > l->max)
		l->drop(remove_entry(l, l->oldest));
}

void *sp_lru_find(struct sp_lru *l, struct sp_str key)
{
	struct entry *e = find(l, key);

	if (e == NULL)
		return NULL;
	unlink_age(l, e);
	link_newest(l, e);
	return e->value;
}

void *sp_lru_take(struct sp_lru *l, struct sp_str key)
{
	struct entry *e = find(l, key);

	return e == NULL ? NULL : remove_entry(l, e);
}
