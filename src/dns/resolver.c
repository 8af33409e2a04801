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

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fcntl.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "dns/cache.h"
#include "dns/hosts.h"

#define TRY_MS          3000
#define TRIES           2
#define LOOKUP_MS       (TRY_MS * TRIES)
#define FAMILY_GRACE_MS 500u
#define POSITIVE_S_MAX  60u
#define NEGATIVE_S      5u
#define SOCKETS_MAX     16u /* UDP and TCP for each server */
#define SERVERS_MAX     8u
#define LOOKUPS_MAX     256u /* with those that only wait for c-ares */
#define QUERIES_MAX     4096u

enum { V6, V4 };

struct sock {
	struct sp_watch watch;
	struct sp_resolver *r;
};

/* What is known of one family. */
struct half {
	struct lookup *lookup;
	bool done;
	enum sp_reason reason;
	uint32_t ttl; /* seconds, least of all records */
	size_t n;
	struct sp_addr addr[SP_RESOLVED_MAX];
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
	struct sp_timer timer; /* first; the next deadline of c-ares */
	struct sp_loop *loop;
	ares_channel channel; /* NULL without servers */
	struct sock sock[SOCKETS_MAX];
	char *hosts;
	size_t n_hosts;
	struct sp_dns_cache cache;
	struct lookup *lookups;
	unsigned n_lookups;
	struct sp_query *queries;
	unsigned n_queries;
	bool dying;
};

/* ------------------------------------------------------------ c-ares, loop */

/* After every call into c-ares: its deadlines may have changed. */
static void rearm(struct sp_resolver *r)
{
	struct timeval tv;

	if (ares_timeout(r->channel, NULL, &tv) == NULL) {
		sp_timer_del(r->loop, &r->timer);
		return;
	}
	/* One more: c-ares compares microseconds, and early is for nothing. */
	sp_timer_set(r->loop, &r->timer,
	             (uint64_t)tv.tv_sec * 1000u +
	                     (uint64_t)tv.tv_usec / 1000u + 1);
}

/* #syscalls recvfrom sendto close */
static void on_deadline(struct sp_timer *t)
{
	struct sp_resolver *r = (struct sp_resolver *)t;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(r);
}

static void on_ready(struct sp_watch *w, uint32_t events)
{
	const struct sock *s = (const struct sock *)w;
	struct sp_resolver *r = s->r;
	bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
	int fd = w->fd;

	ares_process_fd(r->channel,
	                failed || (events & EPOLLIN) != 0 ? fd
	                                                  : ARES_SOCKET_BAD,
	                (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
	rearm(r);
}

static struct sock *find_sock(struct sp_resolver *r, int fd)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (r->sock[i].watch.fd == fd)
			return &r->sock[i];
	return NULL;
}

/* c-ares wants these events from now on; none: it is about to close it. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct sp_resolver *r = arg;
	struct sock *s = find_sock(r, fd);
	uint32_t events = (readable ? (uint32_t)EPOLLIN : 0u) |
	                  (writable ? (uint32_t)EPOLLOUT : 0u);

	if (events == 0) {
		if (s != NULL)
			sp_watch_del(r->loop, &s->watch);
		return;
	}
	if (s != NULL) {
		sp_watch_mod(r->loop, &s->watch, events);
		return;
	}
	s = find_sock(r, -1);
	if (s == NULL)
		return; /* too many sockets: this question runs into a timeout
		         */
	s->r = r;
	s->watch.run = on_ready;
	if (sp_watch_add(r->loop, &s->watch, fd, events) < 0)
		s->watch.fd = -1; /* as above */
}

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
		if (i < half[V6].n && ret->n < SP_RESOLVED_MAX)
			ret->addr[ret->n++] = half[V6].addr[i];
		if (i < half[V4].n && ret->n < SP_RESOLVED_MAX)
			ret->addr[ret->n++] = half[V4].addr[i];
	}
}

static bool is_either(const struct half half[2], enum sp_reason reason)
{
	return half[V6].reason == reason || half[V4].reason == reason;
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
		if (half[i].n > 0 && half[i].ttl < s)
			s = half[i].ttl;
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

static enum sp_reason reason_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return SP_REASON_NONE;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return SP_REASON_DNS_NXDOMAIN;
	case ARES_ETIMEOUT:
		return SP_REASON_DNS_TIMEOUT;
	default: /* not an enum of ours */
		return SP_REASON_DNS_SERVFAIL;
	}
}

static void add_addr(struct half *h, uint8_t family, const void *bytes, int ttl)
{
	struct sp_addr *a = &h->addr[h->n++];

	a->family = family;
	memcpy(a->b, bytes, family == 4 ? 4 : 16);
	if (ttl < 0)
		ttl = 0;
	if ((uint32_t)ttl < h->ttl)
		h->ttl = (uint32_t)ttl;
}

static int read4(struct half *h, const unsigned char *packet, int len)
{
	struct ares_addrttl rows[SP_RESOLVED_MAX];
	int n = SP_COUNT(rows);
	int status = ares_parse_a_reply(packet, len, NULL, rows, &n);

	for (int i = 0; status == ARES_SUCCESS && i < n; i++)
		add_addr(h, 4, &rows[i].ipaddr, rows[i].ttl);
	return status;
}

static int read6(struct half *h, const unsigned char *packet, int len)
{
	struct ares_addr6ttl rows[SP_RESOLVED_MAX];
	int n = SP_COUNT(rows);
	int status = ares_parse_aaaa_reply(packet, len, NULL, rows, &n);

	for (int i = 0; status == ARES_SUCCESS && i < n; i++)
		add_addr(h, 6, &rows[i].ip6addr, rows[i].ttl);
	return status;
}

/* One family is known; wait for the other, but not for long. */
static void progress(struct lookup *l)
{
	struct sp_loop *loop = l->r->loop;

	if (l->half[V6].done && l->half[V4].done) {
		finish(l);
		return;
	}
	if (l->half[V6].n + l->half[V4].n > 0 &&
	    sp_loop_now(loop) + FAMILY_GRACE_MS < l->timer.at_ms)
		sp_timer_set(loop, &l->timer, FAMILY_GRACE_MS);
}

/*
 * The pointer crosses an asynchronous boundary, which it may because the
 * lookup counts its callbacks and is not freed before the last one; c-ares
 * promises each exactly once.
 */
static void on_answer(void *arg, int status, int timeouts,
                      unsigned char *packet, int len)
{
	struct half *h = arg;
	struct lookup *l = h->lookup;

	(void)timeouts;
	sp_assert(l->due > 0 && !h->done);
	h->done = true;
	l->due--;
	if (l->r->dying)
		return;
	if (status == ARES_SUCCESS && !l->finished)
		status = h == &l->half[V6] ? read6(h, packet, len)
		                           : read4(h, packet, len);
	h->reason = reason_of(status);
	if (h->reason == SP_REASON_NONE && h->n == 0)
		h->reason = SP_REASON_DNS_NXDOMAIN;
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
		l->half[i] = (struct half){ .lookup = l, .ttl = UINT32_MAX };
	l->next = r->lookups;
	r->lookups = l;
	r->n_lookups++;
	return l;
}

/*
 * c-ares may call back from within ares_query(); the lookup is kept alive by
 * counting both questions before the first is asked.
 *
 * #syscalls socket connect fcntl sendto setsockopt
 */
static void start(struct lookup *l)
{
	struct sp_resolver *r = l->r;

	l->due = 2;
	sp_timer_set(r->loop, &l->timer, LOOKUP_MS);
	ares_query(r->channel, l->host.text, ns_c_in, ns_t_aaaa, on_answer,
	           &l->half[V6]);
	ares_query(r->channel, l->host.text, ns_c_in, ns_t_a, on_answer,
	           &l->half[V4]);
	rearm(r);
}

static bool from_hosts(struct sp_resolver *r, const struct sp_host *host,
                       struct sp_resolved *ret)
{
	struct sp_str text = { (const uint8_t *)r->hosts, r->n_hosts };
	struct half half[2] = { { .done = true }, { .done = true } };
	struct sp_addr found[SP_RESOLVED_MAX];
	size_t n = sp_hosts_find(text, host, found, SP_COUNT(found));

	for (size_t i = 0; i < n; i++) {
		struct half *h = &half[found[i].family == 6 ? V6 : V4];

		h->addr[h->n++] = found[i];
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

/*
 * c-ares of Debian 12 draws the key for its query ids from this file when the
 * channel is made, and falls back to rand() without a word. So the channel is
 * made here and not when first used (75 kB), and not without the file.
 */
static enum sp_rc check_random(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? sp_err_sys(err, "open /dev/urandom") : SP_OK;
}

static enum sp_rc set_servers(struct sp_resolver *r, const char *servers,
                              struct sp_err *err)
{
	size_t n = 1;

	for (const char *at = servers; *at != '\0'; at++)
		n += *at == ',';
	if (n > SERVERS_MAX) {
		sp_err_set(err, "more than %u DNS servers", SERVERS_MAX);
		return SP_E_LIMIT;
	}
	if (ares_set_servers_ports_csv(r->channel, servers) != ARES_SUCCESS) {
		sp_err_set(err, "DNS servers '%s': expected IP[:PORT],...",
		           servers);
		return SP_E_PROTO;
	}
	return SP_OK;
}

/*
 * All that c-ares would otherwise read from files is set here. No EDNS: what
 * exceeds 512 bytes comes by TCP, and c-ares 1.18 loses one of two questions
 * in flight when a server does not know EDNS.
 */
static enum sp_rc make_channel(struct sp_resolver *r, struct sp_err *err)
{
	char only_dns[] = "b", nothing[] = "/dev/null";
	struct in_addr placeholder = { htonl(INADDR_LOOPBACK) };
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TRY_MS,
		.tries = TRIES,
		.ndots = 1,
		.lookups = only_dns,
		.resolvconf_path = nothing,
		.servers = &placeholder,
		.nservers = 1,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = r,
	};
	int status = ares_init_options(
		&r->channel, &o,
		ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
			ARES_OPT_NDOTS | ARES_OPT_LOOKUPS |
			ARES_OPT_RESOLVCONF | ARES_OPT_SERVERS |
			ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB |
			ARES_OPT_NOROTATE);

	if (status == ARES_SUCCESS)
		return SP_OK;
	r->channel = NULL;
	sp_err_set(err, "c-ares: %s", ares_strerror(status));
	return SP_E_SYS;
}

/* Before the seal: openat read close getrandom. */
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
	r->timer.run = on_deadline;
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		r->sock[i].watch.fd = -1;
	r->hosts = sp_strdup(hosts);
	r->n_hosts = hosts.n;
	if (servers[0] != '\0') {
		rc = check_random(err);
		if (rc == SP_OK)
			rc = make_channel(r, err);
		if (rc == SP_OK)
			rc = set_servers(r, servers, err);
	}
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
	if (r->channel != NULL)
		ares_destroy(r->channel); /* each callback, each socket */
	sp_timer_del(r->loop, &r->timer);
	while (r->lookups != NULL)
		free_lookup(r->lookups);
	while (r->queries != NULL)
		sp_resolver_cancel(r->queries);
	sp_dns_cache_fini(&r->cache);
	sp_free(r->hosts);
	sp_free(r);
}
