/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/resolver.h - names to addresses for our own dialing (c-ares on our
 * loop). Only names that policy allowed get here.
 *
 * Role        A and AAAA, both families, with deadline; small positive cache
 *             (TTL, at most 60 s) and negative cache (5 s). Concurrent
 *             questions for one name are merged.
 * Contract    No file is opened after sp_resolver_new(): the servers and the
 *             hosts entries are passed in.
 */
#ifndef SP_DNS_RESOLVER_H
#define SP_DNS_RESOLVER_H

#include "loop/loop.h"
#include "name/host.h"
#include "policy/reason.h"

#define SP_RESOLVED_MAX 16u

struct sp_resolver;

struct sp_resolved {
	enum sp_reason
		reason; /* NONE, DNS_NXDOMAIN, DNS_SERVFAIL, DNS_TIMEOUT */
	size_t n;
	struct sp_addr addr[SP_RESOLVED_MAX]; /* IPv6 and IPv4 alternating */
};

struct sp_query; /* a question in flight */
typedef void sp_resolved_fn(void *arg, const struct sp_resolved *r);

/* servers: "ip[:port],..." (empty: none, every question is SERVFAIL).
 * hosts: text of /etc/hosts, may be empty. */
SP_MUST enum sp_rc sp_resolver_new(struct sp_loop *l, const char *servers,
                                   struct sp_str hosts,
                                   struct sp_resolver **ret,
                                   struct sp_err *err);
void sp_resolver_free(struct sp_resolver *r);
/*
 * The callback runs later, never from within this call, exactly once unless
 * cancelled. An address literal is answered too.
 */
SP_MUST enum sp_rc sp_resolver_ask(struct sp_resolver *r,
                                   const struct sp_host *host,
                                   sp_resolved_fn *fn, void *arg,
                                   struct sp_query **ret);
void sp_resolver_cancel(struct sp_query *q);

#endif
