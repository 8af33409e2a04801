/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/pool.h - synthetic addresses: one per name the sandbox asked for.
 *
 * Role        name -> address (IPv4 from 198.18.0.0/15, IPv6 from
 *             fd00:5a11::/64, same index), address -> name. So every later
 *             connection carries the name that was asked for.
 * Invariants  An address is never given to a second name while the sandbox
 *             lives; .0 and .1 of the ranges are not used.
 * Limits      SP_POOL_MAX names; new names pass a token bucket of
 *             SP_POOL_RATE per second, burst SP_POOL_BURST. Names that lead
 *             nowhere leave SP_POOL_KEEP places and SP_POOL_KEEP_BURST tokens
 *             to those that may be reached: inventing names is free.
 */
#ifndef SP_DNS_POOL_H
#define SP_DNS_POOL_H

#include "name/host.h"

#define SP_POOL_MAX   65536u
#define SP_POOL_RATE  50u
#define SP_POOL_BURST 500u

#define SP_POOL_KEEP       (SP_POOL_MAX / 4)
#define SP_POOL_KEEP_BURST 100u

struct sp_pool;

struct sp_pool *sp_pool_new(void);
void sp_pool_free(struct sp_pool *p);
/* SP_E_LIMIT: full, or too many new names now. */
SP_MUST enum sp_rc sp_pool_get(struct sp_pool *p, const struct sp_host *name,
                               uint64_t now_ms, struct sp_addr *ret4,
                               struct sp_addr *ret6);
/* The same for a name that policy denies. */
SP_MUST enum sp_rc sp_pool_get_denied(struct sp_pool *p,
                                      const struct sp_host *name,
                                      uint64_t now_ms, struct sp_addr *ret4,
                                      struct sp_addr *ret6);
/* NULL when the address was never given out. */
const struct sp_host *sp_pool_name(const struct sp_pool *p,
                                   const struct sp_addr *a);
/* Is it in the ranges of the pool, given out or not? */
bool sp_pool_range(const struct sp_addr *a);

#endif
