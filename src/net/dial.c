/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"

#include <errno.h>
#include <unistd.h>

#include "core/alloc.h"

struct attempt {
	struct sp_watch watch;
	struct sp_dial *dial;
	struct sp_endpoint to;
};

struct sp_dial {
	struct sp_dialer via;
	struct sp_upkey key;
	const struct sp_policy *policy; /* its owner keeps it alive */
	struct sp_query *query;
	size_t n, next, live;
	struct sp_endpoint to[SP_RESOLVED_MAX];
	struct attempt attempt[SP_RESOLVED_MAX];
	int last_errno;
	struct sp_timer stagger, deadline;
	enum sp_reason late; /* what the deadline means now */
	struct sp_upstream *up;
	sp_dial_fn *fn;
	void *arg;
	char detail[SP_DIAL_DETAIL_MAX];
};

bool sp_upkey_eq(const struct sp_upkey *a, const struct sp_upkey *b)
{
	return a->port == b->port && a->tls == b->tls &&
	       sp_host_eq(&a->host, &b->host) &&
	       (!a->tls || sp_host_eq(&a->tls_name, &b->tls_name));
}

void sp_upstream_free(struct sp_upstream *u)
{
	if (u == NULL)
		return;
	sp_flow_fini(&u->flow);
	sp_free(u);
}

void sp_upstream_abort(struct sp_upstream *u)
{
	if (u != NULL)
		sp_flow_reset(&u->flow);
	sp_upstream_free(u);
}

enum sp_reason sp_upkey_vet(const struct sp_policy *p,
                            const struct sp_upkey *key,
                            const struct sp_endpoint *to,
                            struct sp_decision *ret)
{
	struct sp_endpoint pin;

	if (sp_policy_override(p, &key->host, key->port, &pin.addr,
	                       &pin.port)) {
		*ret = (struct sp_decision){ .verdict = SP_VERDICT_ALLOW };
		if (sp_addr_eq(&pin.addr, &to->addr) && pin.port == to->port)
			return SP_REASON_NONE;
		snprintf(ret->rule, sizeof(ret->rule), "resolve");
		return SP_REASON_ADDRESS_DENIED;
	}
	sp_policy_address(p, &key->host, key->port, &to->addr, ret);
	return ret->verdict == SP_VERDICT_ALLOW ? SP_REASON_NONE : ret->reason;
}

/* The last thing a function of this file does: the dial may be gone after. */
static void finish(struct sp_dial *d, enum sp_reason reason)
{
	sp_dial_fn *fn = d->fn;

	sp_assert(fn != NULL);
	d->fn = NULL;
	fn(d->arg, d, reason);
}

/* ---------------------------------------------------------------- resolve */

static void fill_detail(struct sp_dial *d, const char *text)
{
	snprintf(d->detail, sizeof(d->detail), "%s", text);
}

/* Every address must pass; a name that leads to both kinds is an attack. */
static enum sp_reason vet(struct sp_dial *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct sp_decision v;
		enum sp_reason r =
			sp_upkey_vet(d->policy, &d->key, &d->to[i], &v);

		if (r == SP_REASON_NONE)
			continue;
		fill_detail(d, v.rule);
		return r;
	}
	return SP_REASON_NONE;
}

enum sp_reason sp_dial_rejudge(struct sp_dial *d, const struct sp_policy *p)
{
	struct sp_endpoint pin;

	d->policy = p;
	if (d->n > 0)
		return vet(d);
	/* It was asked for the name; now there is to be no asking. */
	if (!sp_policy_override(p, &d->key.host, d->key.port, &pin.addr,
	                        &pin.port))
		return SP_REASON_NONE;
	fill_detail(d, "resolve");
	return SP_REASON_ADDRESS_DENIED;
}

static void on_resolved(void *arg, const struct sp_resolved *r)
{
	struct sp_dial *d = arg;
	enum sp_reason reason = r->reason;

	d->query = NULL;
	if (reason == SP_REASON_NONE && r->n == 0)
		reason = SP_REASON_DNS_NXDOMAIN;
	if (reason == SP_REASON_NONE) {
		d->n = r->n;
		for (size_t i = 0; i < r->n; i++)
			d->to[i] =
				(struct sp_endpoint){ r->addr[i], d->key.port };
		reason = vet(d);
	}
	finish(d, reason);
}

void sp_dial_resolve(struct sp_dial *d, const struct sp_policy *p,
                     sp_dial_fn *fn, void *arg)
{
	struct sp_resolved literal = { .n = 1, .addr = { d->key.host.addr } };
	struct sp_decision v;

	d->fn = fn;
	d->arg = arg;
	d->policy = p;
	if (sp_policy_override(p, &d->key.host, d->key.port, &d->to[0].addr,
	                       &d->to[0].port)) {
		d->n = 1;
		finish(d, SP_REASON_NONE);
		return;
	}
	if (d->key.host.kind != SP_HOST_NAME) {
		on_resolved(d, &literal);
		return;
	}
	/* A name that leads home is not even asked for. */
	sp_policy_name(p, &d->key.host, d->key.port, &v);
	if (v.verdict != SP_VERDICT_ALLOW) {
		fill_detail(d, v.rule);
		finish(d, v.reason);
		return;
	}
	if (sp_resolver_ask(d->via.resolver, &d->key.host, on_resolved, d,
	                    &d->query) < 0)
		finish(d, SP_REASON_OVERLOADED);
}

const struct sp_endpoint *sp_dial_first(const struct sp_dial *d)
{
	return &d->to[0];
}

/* ---------------------------------------------------------------- connect */

static void stop_attempts(struct sp_dial *d)
{
	for (size_t i = 0; i < d->next; i++) {
		int fd = d->attempt[i].watch.fd;

		if (fd < 0)
			continue;
		sp_watch_del(d->via.loop, &d->attempt[i].watch);
		close(fd);
	}
	d->live = 0;
	sp_timer_del(d->via.loop, &d->stagger);
}

static void fail(struct sp_dial *d, enum sp_reason reason)
{
	stop_attempts(d);
	sp_timer_del(d->via.loop, &d->deadline);
	finish(d, reason);
}

static enum sp_reason reason_of(int error)
{
	if (error == ETIMEDOUT)
		return SP_REASON_CONNECT_TIMEOUT;
	if (error == EMFILE || error == ENFILE || error == ENOBUFS ||
	    error == ENOMEM)
		return SP_REASON_OVERLOADED; /* ours, not the server's */
	return SP_REASON_CONNECT_REFUSED;
}

static void no_address_left(struct sp_dial *d)
{
	char buf[64];

	fill_detail(d, strerror_r(d->last_errno, buf, sizeof(buf)));
	fail(d, reason_of(d->last_errno));
}

static void tls_failed(struct sp_dial *d)
{
	struct sp_tls_error e;

	sp_tls_error(d->up->flow.tls, &e);
	fill_detail(d, e.text);
	fail(d, e.kind == SP_TLS_FAIL_UNTRUSTED
	                ? SP_REASON_UPSTREAM_TLS
	                : SP_REASON_UPSTREAM_TLS_FAILED);
}

static void on_handshake(void *arg)
{
	struct sp_dial *d = arg;
	enum sp_rc rc;

	if (d->fn == NULL)
		return; /* finished; its owner has not taken it yet */
	rc = sp_flow_handshake(&d->up->flow);
	if (rc == SP_OK)
		return;
	if (rc < 0) {
		tls_failed(d);
		return;
	}
	sp_timer_del(d->via.loop, &d->deadline);
	finish(d, SP_REASON_NONE);
}

static void start_tls(struct sp_dial *d)
{
	struct sp_tls *tls;

	if (sp_tls_connect(d->via.tls, &d->key.tls_name, d->key.port, &tls) <
	    0) {
		fail(d, SP_REASON_INTERNAL);
		return;
	}
	sp_flow_start_tls(&d->up->flow, tls);
	d->late = SP_REASON_TLS_TIMEOUT;
	sp_timer_set(d->via.loop, &d->deadline, SP_DIAL_TLS_MS);
	on_handshake(d);
}

/* One attempt made it: the others are dropped. fd is ours now. */
static void connected(struct sp_dial *d, int fd, const struct sp_endpoint *to)
{
	stop_attempts(d);
	d->up = SP_NEW(struct sp_upstream);
	d->up->key = d->key;
	d->up->to = *to;
	if (sp_flow_open(&d->up->flow, d->via.loop, fd, on_handshake, d) < 0) {
		fail(d, SP_REASON_INTERNAL);
		return;
	}
	if (d->key.tls) {
		start_tls(d);
		return;
	}
	sp_timer_del(d->via.loop, &d->deadline);
	finish(d, SP_REASON_NONE);
}

static void try_next(struct sp_dial *d);

static void on_attempt(struct sp_watch *w, uint32_t events)
{
	struct attempt *a = (struct attempt *)w; /* its first member */
	struct sp_dial *d = a->dial;
	int fd = w->fd, e = sp_sock_error(fd);

	(void)events;
	sp_watch_del(d->via.loop, w);
	d->live--;
	if (e == 0) {
		connected(d, fd, &a->to);
		return;
	}
	close(fd);
	d->last_errno = e;
	try_next(d);
}

static bool start_attempt(struct sp_dial *d, struct attempt *a,
                          const struct sp_endpoint *to)
{
	int fd;

	*a = (struct attempt){
		.watch = { .fd = -1, .run = on_attempt },
		.dial = d,
		.to = *to,
	};
	if (sp_sock_dial(to, &fd) < 0) {
		d->last_errno = errno;
		return false;
	}
	if (sp_watch_add(d->via.loop, &a->watch, fd, EPOLLOUT) < 0) {
		d->last_errno = errno;
		close(fd);
		return false;
	}
	d->live++;
	return true;
}

/* Start the next address that can be started; give up when none is left. */
static void try_next(struct sp_dial *d)
{
	while (d->next < d->n) {
		size_t i = d->next++;

		if (!start_attempt(d, &d->attempt[i], &d->to[i]))
			continue;
		if (d->next < d->n)
			sp_timer_set(d->via.loop, &d->stagger,
			             SP_DIAL_STAGGER_MS);
		return;
	}
	if (d->live == 0)
		no_address_left(d);
}

static void on_stagger(struct sp_timer *t)
{
	try_next(SP_OWNER(t, struct sp_dial, stagger));
}

static void on_deadline(struct sp_timer *t)
{
	struct sp_dial *d = SP_OWNER(t, struct sp_dial, deadline);

	fail(d, d->late);
}

void sp_dial_connect(struct sp_dial *d, sp_dial_fn *fn, void *arg)
{
	sp_assert(d->n > 0 && d->up == NULL && d->next == 0);
	d->fn = fn;
	d->arg = arg;
	d->late = SP_REASON_CONNECT_TIMEOUT;
	sp_timer_set(d->via.loop, &d->deadline, SP_DIAL_CONNECT_MS);
	try_next(d);
}

/* ------------------------------------------------------------- life cycle */

struct sp_dial *sp_dial_new(const struct sp_dialer *via,
                            const struct sp_upkey *key)
{
	struct sp_dial *d = SP_NEW(struct sp_dial);

	d->via = *via;
	d->key = *key;
	d->stagger.run = on_stagger;
	d->deadline.run = on_deadline;
	return d;
}

void sp_dial_free(struct sp_dial *d)
{
	if (d == NULL)
		return;
	if (d->query != NULL)
		sp_resolver_cancel(d->query);
	stop_attempts(d);
	sp_timer_del(d->via.loop, &d->deadline);
	sp_upstream_free(d->up);
	sp_free(d);
}

struct sp_upstream *sp_dial_take(struct sp_dial *d)
{
	struct sp_upstream *u = d->up;

	d->up = NULL;
	return u;
}

const char *sp_dial_detail(const struct sp_dial *d)
{
	return d->detail;
}
