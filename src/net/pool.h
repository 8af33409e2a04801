/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/pool.h - idle connections to servers, kept for the next request.
 *
 * Role        Last in, first out per key. A connection on which anything
 *             happens while it is idle (bytes, an end) is thrown away: bytes
 *             before a request are an attack or a broken server.
 * Ownership   The pool owns what it holds.
 * Limits      SP_UPPOOL_MAX in all, SP_UPPOOL_KEY_MAX per key,
 *             SP_UPPOOL_IDLE_MS each.
 */
#ifndef SP_NET_POOL_H
#define SP_NET_POOL_H

#include "net/dial.h"

#define SP_UPPOOL_MAX     256u
#define SP_UPPOOL_KEY_MAX 64u
#define SP_UPPOOL_IDLE_MS 60000u

struct sp_uppool;

struct sp_uppool *sp_uppool_new(struct sp_loop *loop);
void sp_uppool_free(struct sp_uppool *p);
/* NULL when there is none. Until the caller sets flow.on_ready and flow.arg,
 * what happens on it is only remembered in the flow. */
struct sp_upstream *sp_uppool_take(struct sp_uppool *p,
                                   const struct sp_upkey *key);
/* Gives it away; the pool may free it at once. */
void sp_uppool_put(struct sp_uppool *p, struct sp_upstream *u);
/* The policy changed: addresses must be judged again. */
void sp_uppool_clear(struct sp_uppool *p);

#endif
