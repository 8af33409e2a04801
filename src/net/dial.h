/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/dial.h - from a name to a verified connection.
 *
 * Role        Two halves, because the record is written between them:
 *             resolve (names to addresses, every one of them judged by the
 *             address guard: one forbidden answer denies the name) and
 *             connect (all vetted addresses, staggered; then TLS). The client
 *             never chooses the address that is dialed.
 * Ownership   The caller owns the struct sp_dial; on success it owns the
 *             upstream too. Freeing a dial at any time, also from within its
 *             callback, abandons it.
 * Limits      SP_RESOLVED_MAX addresses; SP_DIAL_* milliseconds.
 * Failure     A reason, and words about it in ->detail.
 */
#ifndef SP_NET_DIAL_H
#define SP_NET_DIAL_H

#include "dns/resolver.h"
#include "net/flow.h"
#include "policy/policy.h"

#define SP_DIAL_STAGGER_MS 250u   /* RFC 8305, 8: connection attempt delay */
#define SP_DIAL_CONNECT_MS 15000u /* all addresses together */
#define SP_DIAL_TLS_MS     10000u
#define SP_DIAL_DETAIL_MAX 160u

/* Where to, and who must answer. */
struct sp_upkey {
	struct sp_host host; /* what policy judged; dialed when a literal */
	uint16_t port;
	bool tls;
	struct sp_host tls_name; /* certificate must be valid for it */
};

bool sp_upkey_eq(const struct sp_upkey *a, const struct sp_upkey *b);

/* A connection to a server; from the dialer to an exchange, to the pool. */
struct sp_upstream {
	struct sp_flow flow;
	struct sp_upkey key;
	struct sp_endpoint to; /* the address in use */
	bool reused;
	struct sp_timer timer; /* of the pool */
	struct sp_upstream *next, *prev;
	void *pool;
};

void sp_upstream_free(struct sp_upstream *u);
/* As free, but the server sees a reset: what it got is not the whole. */
void sp_upstream_abort(struct sp_upstream *u);

/*
 * May a connection for key lead to this address? An override of the policy is
 * the only answer where there is one. ret->rule tells why not.
 */
enum sp_reason sp_upkey_vet(const struct sp_policy *p,
                            const struct sp_upkey *key,
                            const struct sp_endpoint *to,
                            struct sp_decision *ret);

struct sp_dialer { /* shared services */
	struct sp_loop *loop;
	struct sp_resolver *resolver;
	struct sp_tls_client *tls;
};

struct sp_dial;

typedef void sp_dial_fn(void *arg, struct sp_dial *d, enum sp_reason reason);

struct sp_dial *sp_dial_new(const struct sp_dialer *via,
                            const struct sp_upkey *key);
void sp_dial_free(struct sp_dial *d);

/* fn runs once, perhaps from within the call. */
void sp_dial_resolve(struct sp_dial *d, const struct sp_policy *p,
                     sp_dial_fn *fn, void *arg);
/* Another snapshot is in force: judges what was resolved, and what will be.
 * Not NONE: the dial must be freed. */
enum sp_reason sp_dial_rejudge(struct sp_dial *d, const struct sp_policy *p);
/* The first vetted address, for the record; after a good resolve. */
const struct sp_endpoint *sp_dial_first(const struct sp_dial *d);
void sp_dial_connect(struct sp_dial *d, sp_dial_fn *fn, void *arg);
/* The connection; once, after a good connect. */
struct sp_upstream *sp_dial_take(struct sp_dial *d);
const char *sp_dial_detail(const struct sp_dial *d);

#endif
