/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/channel.h - c-ares on our loop.
 *
 * Role        One question, one family, one answer. No cache, no merging, no
 *             deadline beyond that of c-ares: that is dns/resolver.c. The
 *             only file that knows c-ares.
 * Limits      SP_DNS_SERVERS_MAX servers; SP_RESOLVED_MAX addresses a family.
 * Contract    c-ares cannot take back one question: every callback runs,
 *             exactly once, possibly from within the call that asks; those
 *             still due run when the channel is freed.
 */
#ifndef SP_DNS_CHANNEL_H
#define SP_DNS_CHANNEL_H

#include "dns/resolver.h"

#define SP_DNS_TRY_MS      3000
#define SP_DNS_TRIES       2
#define SP_DNS_SERVERS_MAX 8u

/* What a server said about one family. */
struct sp_dns_family {
	enum sp_reason reason; /* NONE if and only if there are addresses */
	uint32_t ttl;          /* seconds, least of all records */
	size_t n;
	struct sp_addr addr[SP_RESOLVED_MAX];
};

struct sp_dns_channel;

typedef void sp_dns_channel_fn(void *arg, const struct sp_dns_family *answer);

/* servers: "ip[:port],...", not empty. Opens files; nothing later does. */
SP_MUST enum sp_rc sp_dns_channel_new(struct sp_loop *l, const char *servers,
                                      struct sp_dns_channel **ret,
                                      struct sp_err *err);
void sp_dns_channel_free(struct sp_dns_channel *c);
/* family: 4 or 6. */
void sp_dns_channel_ask(struct sp_dns_channel *c, const struct sp_host *name,
                        uint8_t family, sp_dns_channel_fn *fn, void *arg);

#endif
