/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/cache.h - what upstream servers answered a moment ago.
 *
 * Role        Host to answer, until a given time. Sets of a few ways: a full
 *             set drops what would expire first. Dropping is harmless, the
 *             question is asked again.
 * Limits      SP_DNS_CACHE_SETS * SP_DNS_CACHE_WAYS answers, allocated when
 *             first needed.
 */
#ifndef SP_DNS_CACHE_H
#define SP_DNS_CACHE_H

#include "dns/resolver.h"

#define SP_DNS_CACHE_SETS 64u /* power of two */
#define SP_DNS_CACHE_WAYS 4u

struct sp_dns_known; /* one answer */

struct sp_dns_cache {
	struct sp_dns_known *way[SP_DNS_CACHE_SETS][SP_DNS_CACHE_WAYS];
};

void sp_dns_cache_fini(struct sp_dns_cache *c);
/* NULL when unknown or too old. The answer lives until the next put. */
const struct sp_resolved *sp_dns_cache_get(const struct sp_dns_cache *c,
                                           const struct sp_host *host,
                                           uint64_t now_ms);
void sp_dns_cache_put(struct sp_dns_cache *c, const struct sp_host *host,
                      const struct sp_resolved *answer, uint64_t now_ms,
                      uint64_t for_ms);

#endif
