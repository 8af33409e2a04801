/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/lru.h - a bounded map from text to objects that forgets what was not
 * used for longest. Holds the leaf certificates and the sessions to resume.
 *
 * Ownership   The map owns its values: drop() is called for each one that is
 *             evicted, replaced or left at the end.
 * Limits      max values in all; per_key values under one key (1 makes it an
 *             ordinary map). One beyond either evicts the oldest.
 * Invariant   Keys are hashed with a seed of this map: names that a sandbox
 *             invents cannot be aimed at one bucket.
 */
#ifndef SP_TLS_LRU_H
#define SP_TLS_LRU_H

#include "core/base.h"

struct sp_lru;

struct sp_lru *sp_lru_new(uint32_t max, uint32_t per_key, uint64_t seed,
                          void (*drop)(void *value));
void sp_lru_free(struct sp_lru *l);
uint32_t sp_lru_count(const struct sp_lru *l);

void sp_lru_put(struct sp_lru *l, struct sp_str key, void *value);
/* The newest value under the key, or NULL; it is now the last to go. */
void *sp_lru_find(struct sp_lru *l, struct sp_str key);
/* As find, but the value leaves the map and belongs to the caller. */
void *sp_lru_take(struct sp_lru *l, struct sp_str key);

#endif
