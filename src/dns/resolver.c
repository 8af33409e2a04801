/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask: literal? cache? hosts? else a lookup, shared by all who ask for the
 * same name meanwhile. A lookup is two questions of c-ares, one per family.
 * It is over when both are answered, or one has addresses and the other kept
 * us waiting for FAMILY_GRACE_MS, or at LOOKUP_MS. c-ares cannot take back
 * one question, so a finished lookup stays until both callbacks have run.
 *
 * Answers are delivered as jobs of the loop: nobody's code runs inside c-ares.
 */
#include "dns/resolver.h"

#include "core/alloc.h"
#include "dns/cache.h"
#include "dns/channel.h"
#include "dns/hosts.h"

#define LOOKUP_MS       (SP_DNS_TRY_MS * SP_DNS_TRIES)
#define FAMILY_GRACE_MS 500u
#define POSITIVE_S_MAX  60u
#define NEGATIVE_S      5u
#define LOOKUPS_MAX     256u /* with those that only wait for c-ares */
#define QUERIES_MAX     4096u

enum { V6, V4 };

struct half {
	struct lookup *lookup;
	bool done;
	struct sp_dns_family is;
};

struct lookup {
	struct sp_timer timer; /* first: the timer is the lookup */
	struct sp_resolver *r;
	struct lookup *next;
	struct sp_host host;
	unsigned due;  /* callbacks of c-ares still to come */
	bool finished; /* nobody waits for it any more */
	struct half half[2];
};

struct sp_query {
	struct sp_job job; /* first: the job is the query */
	struct sp_resolver *r;
	struct sp_query *prev, *next;
	const struct lookup *lookup; /* NULL once there is a result */
	struct sp_resolved result;
	sp_resolved_fn *fn;
	void *arg;
};

struct sp_resolver {
	struct sp_loop *loop;
	struct sp_dns_channel *channel; /* NULL without servers */
	char *hosts;
	size_t n_hosts;
	struct sp_dns_cache cache;
	struct lookup *lookups;
	unsigned n_lookups;
	struct sp_query *queries;
	unsigned n_queries;
	bool dying;
};

/* --------------------------------------------------------------- delivery */

static void unlink_query(struct sp_query *q)
{
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		q->r->queries = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	q->r->n_queries--;
}

/* The query is gone before its owner is called: he may ask or free at will. */
static void deliver(struct sp_job *j)
{
	struct sp_query *q = (struct sp_query *)j;
	struct sp_resolved result = q->result;
	sp_resolved_fn *fn = q->fn;
	void *arg = q->arg;

	unlink_query(q);
	sp_free(q);
	fn(arg, &result);
}

static void deliver_later(struct sp_query *q, const struct sp_resolved *result)
{
	q->lookup = NULL;
	q->result = *result;
	sp_loop_defer(q->r->loop, &q->job);
}

static struct sp_query *new_query(struct sp_resolver *r, sp_resolved_fn *fn,
                                  void *arg)
{
	struct sp_query *q = SP_NEW(struct sp_query);

	q->job.run = deliver;
	q->r = r;
	q->fn = fn;
	q->arg = arg;
	q->next = r->queries;
	if (q->next != NULL)
		q->next->prev = q;
	r->queries = q;
	r->n_queries++;
	return q;
}

void sp_resolver_cancel(struct sp_query *q)
{
	if (q == NULL)
		return;
	sp_loop_undefer(q->r->loop, &q->job);
	unlink_query(q);
	sp_free(q);
}

/* ---------------------------------------------------------------- results */

/* IPv6 first, then alternating (RFC 8305, 4), until both run out. */
static void interleave(const struct half half[2], struct sp_resolved *ret)
{
	for (size_t i = 0; i < SP_RESOLVED_MAX; i++) {
		if (i < half[V6].is.n && ret->n < SP_RESOLVED_MAX)
			ret->addr[ret->n++] = half[V6].is.addr[i];
		if (i < half[V4].is.n && ret->n < SP_RESOLVED_MAX)
			ret->addr[ret->n++] = half[V4].is.addr[i];
	}
}

static bool is_either(const struct half half[2], enum sp_reason reason)
{
	return half[V6].is.reason == reason || half[V4].is.reason == reason;
}

/* Addresses of one family are enough; else the worst that was seen. */
static struct sp_resolved merge(const struct half half[2])
{
	struct sp_resolved r = { .reason = SP_REASON_NONE };

	interleave(half, &r);
	if (r.n > 0)
		return r;
	if (!half[V6].done || !half[V4].done ||
	    is_either(half, SP_REASON_DNS_TIMEOUT))
		r.reason = SP_REASON_DNS_TIMEOUT;
	else if (is_either(half, SP_REASON_DNS_SERVFAIL))
		r.reason = SP_REASON_DNS_SERVFAIL;
	else
		r.reason = SP_REASON_DNS_NXDOMAIN;
	return r;
}

static uint64_t lifetime_ms(const struct half half[2],
                            const struct sp_resolved *result)
{
	uint32_t s = POSITIVE_S_MAX;

	if (result->n == 0)
		return NEGATIVE_S * 1000u;
	for (size_t i = 0; i < 2; i++)
		if (half[i].is.n > 0 && half[i].is.ttl < s)
			s = half[i].is.ttl;
	return s * UINT64_C(1000);
}

static void free_lookup(struct lookup *l)
{
	struct lookup **at = &l->r->lookups;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->r->n_lookups--;
	sp_timer_del(l->r->loop, &l->timer);
	sp_free(l);
}

static void finish(struct lookup *l)
{
	struct sp_resolver *r = l->r;
	struct sp_resolved result = merge(l->half);

	sp_timer_del(r->loop, &l->timer);
	l->finished = true;
	sp_dns_cache_put(&r->cache, &l->host, &result, sp_loop_now(r->loop),
	                 lifetime_ms(l->half, &result));
	for (struct sp_query *q = r->queries; q != NULL; q = q->next)
		if (q->lookup == l)
			deliver_later(q, &result);
}

static void on_lookup_deadline(struct sp_timer *t)
{
	finish((struct lookup *)t);
}

/* ---------------------------------------------------------------- answers */

/* One family is known; wait for the other, but not for long. */
static void progress(struct lookup *l)
{
	struct sp_loop *loop = l->r->loop;

	if (l->half[V6].done && l->half[V4].done) {
		finish(l);
		return;
	}
	if (l->half[V6].is.n + l->half[V4].is.n > 0 &&
	    sp_loop_now(loop) + FAMILY_GRACE_MS < l->timer.at_ms)
		sp_timer_set(loop, &l->timer, FAMILY_GRACE_MS);
}

/*
 * The pointer crosses an asynchronous boundary, which it may because the
 * lookup counts its callbacks and is not freed before the last one, and the
 * channel promises each exactly once.
 */
static void on_answer(void *arg, const struct sp_dns_family *answer)
{
	struct half *h = arg;
	struct lookup *l = h->lookup;

	sp_assert(l->due > 0 && !h->done);
	h->done = true;
	h->is = *answer;
	l->due--;
	if (l->r->dying)
		return;
	if (!l->finished)
		progress(l);
	if (l->due == 0)
		free_lookup(l);
}

/* ----------------------------------------------------------------- asking */

static struct lookup *find_lookup(const struct sp_resolver *r,
                                  const struct sp_host *host)
{
	for (struct lookup *l = r->lookups; l != NULL; l = l->next)
		if (!l->finished && sp_host_eq(&l->host, host))
			return l;
	return NULL;
}

static struct lookup *new_lookup(struct sp_resolver *r,
                                 const struct sp_host *host)
{
	struct lookup *l = SP_NEW(struct lookup);

	l->r = r;
	l->host = *host;
	l->timer.run = on_lookup_deadline;
	for (size_t i = 0; i < 2; i++)
		l->half[i].lookup = l;
	l->next = r->lookups;
	r->lookups = l;
	r->n_lookups++;
	return l;
}

/*
 * The channel may call back from within; the lookup is kept alive by counting
 * both questions before the first is asked.
 */
static void start(struct lookup *l)
{
	struct sp_dns_channel *c = l->r->channel;

	l->due = 2;
	sp_timer_set(l->r->loop, &l->timer, LOOKUP_MS);
	sp_dns_channel_ask(c, &l->host, 6, on_answer, &l->half[V6]);
	sp_dns_channel_ask(c, &l->host, 4, on_answer, &l->half[V4]);
}

static bool from_hosts(struct sp_resolver *r, const struct sp_host *host,
                       struct sp_resolved *ret)
{
	struct sp_str text = { (const uint8_t *)r->hosts, r->n_hosts };
	struct half half[2] = { { .done = true }, { .done = true } };
	struct sp_addr found[SP_RESOLVED_MAX];
	size_t n = sp_hosts_find(text, host, found, SP_COUNT(found));

	for (size_t i = 0; i < n; i++) {
		struct sp_dns_family *f =
			&half[found[i].family == 6 ? V6 : V4].is;

		f->addr[f->n++] = found[i];
	}
	*ret = merge(half);
	return n > 0;
}

/* True when nobody has to be asked. */
static bool answer_here(struct sp_resolver *r, const struct sp_host *host,
                        struct sp_resolved *ret)
{
	uint64_t now = sp_loop_now(r->loop);
	const struct sp_resolved *known;

	*ret = (struct sp_resolved){ .reason = SP_REASON_NONE };
	if (host->kind != SP_HOST_NAME) {
		ret->addr[ret->n++] = host->addr;
		return true;
	}
	known = sp_dns_cache_get(&r->cache, host, now);
	if (known != NULL) {
		*ret = *known;
		return true;
	}
	if (from_hosts(r, host, ret)) {
		sp_dns_cache_put(&r->cache, host, ret, now,
		                 POSITIVE_S_MAX * 1000u);
		return true;
	}
	ret->reason = SP_REASON_DNS_SERVFAIL;
	return r->channel == NULL;
}

enum sp_rc sp_resolver_ask(struct sp_resolver *r, const struct sp_host *host,
                           sp_resolved_fn *fn, void *arg, struct sp_query **ret)
{
	struct sp_resolved result;
	struct lookup *l;
	struct sp_query *q;

	sp_assert(host->kind != SP_HOST_NONE);
	if (r->n_queries == QUERIES_MAX)
		return SP_E_LIMIT;
	if (answer_here(r, host, &result)) {
		q = new_query(r, fn, arg);
		deliver_later(q, &result);
		*ret = q;
		return SP_OK;
	}
	l = find_lookup(r, host);
	if (l == NULL && r->n_lookups == LOOKUPS_MAX)
		return SP_E_LIMIT;
	q = new_query(r, fn, arg);
	*ret = q;
	q->lookup = l != NULL ? l : new_lookup(r, host);
	if (l == NULL)
		start(r->lookups); /* may already have an answer for q */
	return SP_OK;
}

/* ----------------------------------------------------------------- set-up */

enum sp_rc sp_resolver_new(struct sp_loop *l, const char *servers,
                           struct sp_str hosts, struct sp_resolver **ret,
                           struct sp_err *err)
{
	struct sp_resolver *r;
	enum sp_rc rc = SP_OK;

	if (hosts.n > SP_HOSTS_MAX) {
		sp_err_set(err, "hosts file of more than %llu bytes",
		           (unsigned long long)SP_HOSTS_MAX);
		return SP_E_LIMIT;
	}
	r = SP_NEW(struct sp_resolver);
	r->loop = l;
	r->hosts = sp_strdup(hosts);
	r->n_hosts = hosts.n;
	if (servers[0] != '\0')
		rc = sp_dns_channel_new(l, servers, &r->channel, err);
	if (rc < 0) {
		sp_resolver_free(r);
		return rc;
	}
	*ret = r;
	return SP_OK;
}

/* Nobody is called back any more. */
void sp_resolver_free(struct sp_resolver *r)
{
	if (r == NULL)
		return;
	r->dying = true;
	sp_dns_channel_free(r->channel);
	while (r->lookups != NULL)
		free_lookup(r->lookups);
	while (r->queries != NULL)
		sp_resolver_cancel(r->queries);
	sp_dns_cache_fini(&r->cache);
	sp_free(r->hosts);
	sp_free(r);
}
