/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/cache.h"

#include "core/alloc.h"

struct sp_dns_known {
	struct sp_host host;
	uint64_t until_ms;
	struct sp_resolved answer;
};

static uint32_t set_of(const struct sp_host *h)
{
	uint64_t v = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < h->n; i++)
		v = (v ^ (uint8_t)h->text[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(v >> 32 ^ v) & (SP_DNS_CACHE_SETS - 1);
}

void sp_dns_cache_fini(struct sp_dns_cache *c)
{
	for (size_t s = 0; s < SP_DNS_CACHE_SETS; s++) {
		for (size_t w = 0; w < SP_DNS_CACHE_WAYS; w++) {
			sp_free(c->way[s][w]);
			c->way[s][w] = NULL;
		}
	}
}

const struct sp_resolved *sp_dns_cache_get(const struct sp_dns_cache *c,
                                           const struct sp_host *host,
                                           uint64_t now_ms)
{
	struct sp_dns_known *const *set = c->way[set_of(host)];

	for (size_t w = 0; w < SP_DNS_CACHE_WAYS; w++)
		if (set[w] != NULL && sp_host_eq(&set[w]->host, host))
			return now_ms < set[w]->until_ms ? &set[w]->answer
			                                 : NULL;
	return NULL;
}

/* The same host, else a free way, else what expires first. */
static struct sp_dns_known **choose(struct sp_dns_cache *c,
                                    const struct sp_host *host)
{
	struct sp_dns_known **set = c->way[set_of(host)], **best = &set[0];

	for (size_t w = 0; w < SP_DNS_CACHE_WAYS; w++)
		if (set[w] != NULL && sp_host_eq(&set[w]->host, host))
			return &set[w];
	for (size_t w = 0; w < SP_DNS_CACHE_WAYS; w++) {
		if (set[w] == NULL)
			return &set[w];
		if (set[w]->until_ms < (*best)->until_ms)
			best = &set[w];
	}
	return best;
}

void sp_dns_cache_put(struct sp_dns_cache *c, const struct sp_host *host,
                      const struct sp_resolved *answer, uint64_t now_ms,
                      uint64_t for_ms)
{
	struct sp_dns_known **at = choose(c, host);

	if (*at == NULL)
		*at = SP_NEW(struct sp_dns_known);
	(*at)->host = *host;
	(*at)->until_ms = now_ms + for_ms;
	(*at)->answer = *answer;
}
