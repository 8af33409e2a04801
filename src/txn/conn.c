/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/conn.c - from accept to the first request: what is this connection for,
 * what does it speak, may it?
 */
#include "txn/conn.h"

#include <unistd.h>

#include "core/alloc.h"

#define SNIFF_MS     5000u  /* until the client says something */
#define DENIED_MS    100u   /* the same, when it will be denied anyway */
#define HELLO_MS     10000u /* the whole ClientHello and the handshake */
#define LEAF_MS      5000u
#define FIRST_MS     30000u /* first request head */
#define DRAIN_MS     1000u
#define DRAIN_MAX    (1u << 20) /* bytes discarded so that an answer survives */
#define FLUSH_MS     600000u    /* while a slow client takes nothing */
#define SLOTS_MIN    64u
#define METHOD_PROBE 32u

/* ------------------------------------------------------------- life cycle */

void sp_conn_kick(struct sp_conn *c)
{
	sp_loop_defer(c->gate->loop, &c->job);
}

void sp_conn_deadline(struct sp_conn *c, uint64_t ms)
{
	uint64_t at = sp_loop_now(c->gate->loop) + ms;

	/* Moving a far deadline by less than a second is not worth it. */
	if (c->timer.index != 0 && ms > 10000u && c->timer.at_ms <= at &&
	    at - c->timer.at_ms < 1000u)
		return;
	sp_timer_set(c->gate->loop, &c->timer, ms);
}

void sp_conn_abort(struct sp_conn *c)
{
	c->over = true;
	c->rst = true;
	sp_conn_kick(c);
}

void sp_conn_drain(struct sp_conn *c)
{
	if (c->state == SP_CONN_DRAIN || c->over)
		return;
	c->state = SP_CONN_DRAIN;
	c->drain_sent = UINT64_MAX; /* never yet */
	sp_conn_deadline(c, DRAIN_MS);
	sp_conn_kick(c);
}

/* A try to reach what is denied is recorded, even if no word was said. */
static void note_silence(struct sp_conn *c)
{
	if (c->noted || c->connect.verdict == SP_VERDICT_ALLOW ||
	    c->connect.reason == SP_REASON_NONE)
		return;
	sp_conn_note(c,
	             c->scheme == SP_SCHEME_HTTPS ? SP_PROTO_TLS : SP_PROTO_TCP,
	             c->connect.reason, c->connect.rule, "ended before a word");
}

static void destroy(struct sp_conn *c, enum sp_reason reason)
{
	struct sp_gate *g = c->gate;

	if (c->x != NULL)
		sp_exchange_drop(c->x, reason);
	note_silence(c);
	if (c->rst)
		sp_flow_reset(&c->client);
	else
		sp_flow_fini(&c->client);
	sp_timer_del(g->loop, &c->timer);
	sp_loop_undefer(g->loop, &c->job);
	sp_slots_del(&g->slots, c->ref);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		g->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	g->n_conns--;
	sp_free(c);
	if (g->on_conn_end != NULL)
		g->on_conn_end(g);
}

void sp_conn_note(struct sp_conn *c, enum sp_rec_proto proto,
                  enum sp_reason reason, const char *rule, const char *detail)
{
	struct sp_rec_open r = {
		.id = ++c->gate->last_txn,
		.conn = c->id,
		.proto = proto,
		.scheme = c->scheme,
		.verdict = SP_VERDICT_DENY,
		.final = true,
		.reason = reason,
		.port = c->dest.port,
		.addr = c->literal ? c->dest.addr : (struct sp_addr){ 0 },
		.host = c->name,
		.start_us = sp_loop_wall_us(),
		.rule = sp_str(rule),
		.detail = sp_str(detail),
	};

	c->noted = true;
	sp_link_note(c->gate->link, &r);
}

/* ------------------------------------------------------------------- TLS */

static bool refuse_tls(struct sp_conn *c, enum sp_reason reason, uint8_t alert,
                       const char *rule)
{
	sp_conn_note(c, SP_PROTO_TLS, reason, rule, "");
	sp_tls_plain_alert(alert, &c->client.out);
	sp_conn_drain(c);
	return true;
}

static void start_handshake(struct sp_conn *c)
{
	struct sp_tls *tls;

	if (sp_tls_accept(c->gate->tls_server, &c->tls_name, &tls) < 0) {
		refuse_tls(c, SP_REASON_LEAF, SP_ALERT_INTERNAL_ERROR, "");
		return;
	}
	sp_flow_start_tls(&c->client, tls);
	c->scheme = SP_SCHEME_HTTPS;
	c->state = SP_CONN_HAND;
	sp_conn_deadline(c, HELLO_MS);
}

static bool want_leaf(struct sp_conn *c)
{
	struct sp_gate *g = c->gate;
	uint64_t now_s = sp_loop_wall_us() / 1000000u;

	if (sp_tls_leaf_have(g->tls_server, &c->tls_name, now_s)) {
		start_handshake(c);
		return true;
	}
	if (sp_link_mint(g->link, &c->tls_name, c->ref) < 0)
		return refuse_tls(c, SP_REASON_LEAF, SP_ALERT_INTERNAL_ERROR,
		                  "");
	c->state = SP_CONN_LEAF;
	sp_conn_deadline(c, LEAF_MS);
	return false;
}

/* One name per connection: what was looked up and what TLS asks for. */
static bool names_agree(const struct sp_conn *c, const struct sp_hello *h)
{
	return c->literal || !h->has_sni || sp_host_eq(&h->sni, &c->name);
}

static bool on_hello(struct sp_conn *c, const struct sp_hello *h)
{
	c->scheme = SP_SCHEME_HTTPS;
	c->tls_name = h->has_sni ? h->sni : c->name;
	if (!names_agree(c, h))
		return refuse_tls(c, SP_REASON_SNI_MISMATCH,
		                  SP_ALERT_UNRECOGNIZED_NAME, h->sni.text);
	if (c->connect.verdict == SP_VERDICT_ALLOW &&
	    c->connect.tls == SP_TLS_DENY)
		return refuse_tls(c, SP_REASON_RULE_DENIED,
		                  SP_ALERT_ACCESS_DENIED, c->connect.rule);
	if (c->connect.verdict == SP_VERDICT_ALLOW &&
	    c->connect.tls == SP_TLS_SPLICE) {
		sp_raw_start(c, true);
		return true;
	}
	/* Denied ones too: the 403 inside explains. */
	return want_leaf(c);
}

static bool sniff_tls(struct sp_conn *c)
{
	struct sp_hello h;
	enum sp_rc rc = sp_hello_parse(sp_buf_str(&c->client.plain), &h);

	if (rc == SP_OK && c->client.eof)
		rc = SP_E_PROTO; /* it will not become whole */
	if (rc == SP_OK) {
		/* It has begun to speak: the short wait is over. */
		if (c->scan == 0)
			sp_conn_deadline(c, HELLO_MS);
		c->scan = 1;
		return false;
	}
	c->scan = 0;
	if (rc < 0)
		return refuse_tls(c, SP_REASON_CLIENT_TLS,
		                  SP_ALERT_DECODE_ERROR, "");
	return on_hello(c, &h);
}

static bool run_leaf(struct sp_conn *c)
{
	if (c->client.eof || c->client.dead)
		c->over = true;
	return false;
}

static void handshake_failed(struct sp_conn *c)
{
	struct sp_tls_error e;
	enum sp_reason why = SP_REASON_CLIENT_TLS;

	sp_tls_error(c->client.tls, &e);
	/* bad_certificate, certificate_unknown, unknown_ca */
	if (e.kind == SP_TLS_FAIL_ALERT &&
	    (e.alert == 42 || e.alert == 46 || e.alert == 48))
		why = SP_REASON_NOT_TRUSTED;
	sp_conn_note(c, SP_PROTO_TLS, why, "", e.text);
	c->over = true;
}

static bool run_hand(struct sp_conn *c)
{
	enum sp_rc rc = sp_flow_handshake(&c->client);

	if (rc == SP_OK)
		return false;
	if (rc < 0) {
		handshake_failed(c);
		return false;
	}
	c->state = SP_CONN_HTTP;
	c->in_head = true;
	sp_conn_deadline(c, FIRST_MS);
	sp_flow_fill(&c->client);
	return true;
}

/* ---------------------------------------------------------------- sniffing */

/* An upper-case token, then a blank: a request line of HTTP/1. */
static enum sp_rc looks_like_http(struct sp_str s)
{
	for (size_t i = 0; i < s.n && i <= METHOD_PROBE; i++) {
		if (s.p[i] == ' ')
			return i > 0 ? SP_DONE : SP_E_PROTO;
		if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') && s.p[i] != '-' &&
		    s.p[i] != '_')
			return SP_E_PROTO;
	}
	return s.n > METHOD_PROBE ? SP_E_PROTO : SP_OK;
}

static bool refuse_protocol(struct sp_conn *c)
{
	bool denied = c->connect.verdict != SP_VERDICT_ALLOW;

	c->scheme = SP_SCHEME_TCP;
	sp_conn_note(c, SP_PROTO_TCP,
	             denied ? c->connect.reason : SP_REASON_PROTOCOL,
	             c->connect.rule, "");
	sp_conn_abort(c);
	return false;
}

static bool run_sniff(struct sp_conn *c)
{
	struct sp_str s = sp_buf_str(&c->client.plain);
	size_t skip = s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n' ? 2 : 0;
	enum sp_rc rc;

	if (s.n == 0) {
		if (c->client.eof)
			c->over = true;
		return false;
	}
	if (s.p[0] == 0x16)
		return sniff_tls(c);
	if (s.p[0] == '\r' && s.n < 3 && !c->client.eof)
		return false;
	rc = looks_like_http((struct sp_str){ s.p + skip, s.n - skip });
	if (rc == SP_OK && !c->client.eof)
		return false;
	if (rc != SP_DONE || (s.n >= 4 && memcmp(s.p, "PRI ", 4) == 0))
		return refuse_protocol(c);
	c->scheme = SP_SCHEME_HTTP;
	c->tls_name = c->name;
	c->state = SP_CONN_HTTP;
	c->in_head = true;
	sp_conn_deadline(c, FIRST_MS);
	return true;
}

/* ---------------------------------------------------------------- draining */

/* Everything has left for the client; while it takes some, it has time. */
static bool is_written(struct sp_conn *c)
{
	const struct sp_flow *f = &c->client;

	if (!sp_flow_idle(f)) {
		if (c->drain_sent != f->sent)
			sp_conn_deadline(c, FLUSH_MS);
		c->drain_sent = f->sent;
		return false;
	}
	if (!c->drained_out)
		sp_conn_deadline(c, DRAIN_MS);
	c->drained_out = true;
	return true;
}

/*
 * The answer is written, however slowly it is read. What the client still
 * sends is thrown away for a while, because closing with unread bytes makes
 * the kernel send a reset that may destroy the answer on its way (RFC 9112,
 * 9.6).
 */
static bool run_drain(struct sp_conn *c)
{
	struct sp_flow *f = &c->client;
	size_t n = sp_buf_len(&f->plain);

	if (c->drained <= DRAIN_MAX) {
		c->drained += n;
		sp_buf_consume(&f->plain, n);
	}
	sp_flow_shut(f);
	sp_flow_flush(f);
	if (f->dead || f->gone)
		c->over = true;
	else if (is_written(c))
		c->over = f->eof || f->fin || c->drained > DRAIN_MAX;
	return false;
}

/* ------------------------------------------------------------- the machine */

static bool (*const run_state[])(struct sp_conn *c) = {
	[SP_CONN_SNIFF] = run_sniff, [SP_CONN_LEAF] = run_leaf,
	[SP_CONN_HAND] = run_hand,   [SP_CONN_HTTP] = sp_http_run,
	[SP_CONN_RAW] = sp_raw_run,  [SP_CONN_DNS] = sp_dns_tcp_run,
	[SP_CONN_DRAIN] = run_drain,
};

static void on_job(struct sp_job *j)
{
	struct sp_conn *c = SP_OWNER(j, struct sp_conn, job);
	struct sp_gate *g = c->gate;

	if (!c->over && c->state != SP_CONN_HAND)
		sp_flow_fill(&c->client);
	while (!c->over && run_state[c->state](c))
		continue;
	if (c->over) {
		destroy(c, SP_REASON_CLIENT_GONE);
		return;
	}
	sp_flow_flush(&c->client);
	if (c->state != SP_CONN_HAND && sp_flow_may_have_more(&c->client))
		sp_loop_again(g->loop, &c->job);
}

static void on_client(void *arg)
{
	sp_conn_kick(arg);
}

static void sniff_timeout(struct sp_conn *c)
{
	if (sp_buf_len(&c->client.plain) > 0 || c->client.received > 0)
		sp_conn_note(c, SP_PROTO_TCP, SP_REASON_HEAD_TIMEOUT, "", "");
	else
		refuse_protocol(c);
	sp_conn_abort(c);
}

static void on_timer(struct sp_timer *t)
{
	struct sp_conn *c = SP_OWNER(t, struct sp_conn, timer);

	switch (c->state) {
	case SP_CONN_SNIFF:
		sniff_timeout(c);
		return;
	case SP_CONN_HTTP:
		sp_http_timeout(c);
		return;
	case SP_CONN_RAW:
		if (c->x != NULL)
			sp_exchange_timeout(c->x);
		return;
	case SP_CONN_LEAF:
		refuse_tls(c, SP_REASON_LEAF, SP_ALERT_INTERNAL_ERROR, "");
		return;
	case SP_CONN_HAND:
		sp_conn_note(c, SP_PROTO_TLS, SP_REASON_CLIENT_TLS, "",
		             "handshake timeout");
		sp_conn_abort(c);
		return;
	case SP_CONN_DNS:
	case SP_CONN_DRAIN:
		/* What was not taken is lost: that must not look like an end */
		c->rst |= !sp_flow_idle(&c->client);
		c->over = true;
		sp_conn_kick(c);
		return;
	}
}

/* ------------------------------------------------------------------ intake */

/* The name that was looked up, or the address itself. False: an address of
 * the pool that was never given out, or one of the sandbox's own. */
static bool find_name(struct sp_conn *c)
{
	const struct sp_host *name;

	if (sp_pool_range(&c->dest.addr)) {
		name = sp_pool_name(c->gate->names, &c->dest.addr);
		if (name == NULL)
			return false;
		c->name = *name;
		return true;
	}
	sp_host_from_addr(&c->dest.addr, &c->name);
	c->literal = true;
	return true;
}

/*
 * Here the server speaks first: a client that waits for it would be told that
 * it is denied only after a while, and has nothing to say that would help.
 */
static bool server_speaks_first(uint16_t port)
{
	static const uint16_t ports[] = {
		21,   /* FTP */
		22,   /* SSH: both at once, but many clients wait */
		23,   /* telnet */
		25,   /* SMTP */
		110,  /* POP3 */
		143,  /* IMAP */
		587,  /* mail submission */
		2525, /* the same, unofficially */
		3306, /* MySQL */
		5900, /* VNC */
	};

	for (size_t i = 0; i < SP_COUNT(ports); i++)
		if (ports[i] == port)
			return true;
	return false;
}

static bool raw_tcp(const struct sp_conn *c, struct sp_decision *ret)
{
	struct sp_request rq = {
		.host = &c->name,
		.port = c->dest.port,
		.scheme = SP_SCHEME_TCP,
	};

	sp_policy_request(c->gate->policy, &rq, ret);
	return ret->verdict == SP_VERDICT_ALLOW && !ret->observed;
}

static void begin(struct sp_conn *c)
{
	struct sp_gate *g = c->gate;
	struct sp_decision tcp;

	c->tls_name = c->name;
	if (c->dest.port == 53) {
		c->state = SP_CONN_DNS;
		sp_conn_deadline(c, SNIFF_MS);
		return;
	}
	if (raw_tcp(c, &tcp)) {
		c->connect = tcp;
		c->scheme = SP_SCHEME_TCP;
		sp_raw_start(c, false);
		return;
	}
	sp_policy_connect(g->policy, &c->name, c->dest.port, &c->connect);
	if (c->connect.verdict == SP_VERDICT_ALLOW)
		sp_conn_deadline(c, SNIFF_MS);
	else if (server_speaks_first(c->dest.port))
		refuse_protocol(c);
	else
		sp_conn_deadline(c, DENIED_MS);
}

static enum sp_rc add_slot(struct sp_gate *g, struct sp_conn *c)
{
	struct sp_slot *slot;
	uint32_t cap = g->slots.cap;

	if (sp_slots_add(&g->slots, c, &c->ref) == SP_OK)
		return SP_OK;
	if (cap >= SP_CONNS_MAX)
		return SP_E_LIMIT;
	slot = sp_realloc(g->slots.slot, (size_t)cap * 2 * sizeof(*slot));
	sp_slots_grow(&g->slots, slot, cap * 2);
	return sp_slots_add(&g->slots, c, &c->ref);
}

static bool own_address(const struct sp_addr *a)
{
	static const struct sp_addr own4 = { 4, { 10, 200, 0, 1 } };
	static const struct sp_addr own6 = {
		6, { 0xfd, 0x00, 0x5a, 0x11, 0xff, 0xff, [15] = 1 }
	};

	return sp_addr_class(a) == SP_ADDR_LOOPBACK || sp_addr_eq(a, &own4) ||
	       sp_addr_eq(a, &own6);
}

void sp_gate_admit(struct sp_gate *g, int fd, const struct sp_endpoint *from,
                   const struct sp_endpoint *dest)
{
	struct sp_conn *c = SP_NEW(struct sp_conn);

	c->gate = g;
	c->job.run = on_job;
	c->timer.run = on_timer;
	c->client.watch.fd = -1;
	c->from = *from;
	c->dest = *dest;
	/* A listener's own address is no destination: nothing was captured. */
	if (own_address(&c->dest.addr) || !find_name(c) || add_slot(g, c) < 0) {
		sp_sock_reset(fd);
		sp_free(c);
		return;
	}
	c->id = ++g->last_conn;
	c->next = g->conns;
	if (g->conns != NULL)
		g->conns->prev = c;
	g->conns = c;
	g->n_conns++;
	sp_sock_nodelay(fd);
	sp_link_conn(g->link, c->id, &c->from, &c->dest);
	if (sp_flow_open(&c->client, g->loop, fd, on_client, c) < 0) {
		c->over = true;
	} else {
		begin(c);
	}
	sp_conn_kick(c);
}

void sp_gate_accept(struct sp_gate *g, int fd)
{
	struct sp_endpoint from, dest;

	if (sp_sock_ends(fd, g->capture, &from, &dest) < 0)
		sp_sock_reset(fd);
	else
		sp_gate_admit(g, fd, &from, &dest);
}

/* -------------------------------------------------------------------- gate */

void sp_gate_init(struct sp_gate *g, struct sp_loop *loop)
{
	*g = (struct sp_gate){ .loop = loop };
	sp_buf_init(&g->scratch, 2 * SP_H1_HEAD_MAX);
	sp_slots_init(&g->slots, sp_alloc(SLOTS_MIN, sizeof(struct sp_slot)),
	              SLOTS_MIN);
}

void sp_gate_stop(struct sp_gate *g)
{
	while (g->conns != NULL) {
		g->conns->rst = true;
		destroy(g->conns, SP_REASON_SHUTDOWN);
	}
}

void sp_gate_fini(struct sp_gate *g)
{
	g->on_conn_end = NULL;
	sp_gate_stop(g);
	sp_buf_fini(&g->scratch);
	sp_free(g->slots.slot);
	sp_policy_unref(g->policy);
}

void sp_gate_recorded(struct sp_gate *g, struct sp_ref who, uint64_t txn,
                      bool ok)
{
	struct sp_conn *c = sp_slots_get(&g->slots, who);

	if (c != NULL && c->x != NULL && c->x->id == txn)
		sp_exchange_recorded(c->x, ok);
}

void sp_gate_leaf_done(struct sp_gate *g, struct sp_ref who, bool ok)
{
	struct sp_conn *c = sp_slots_get(&g->slots, who);

	if (c == NULL || c->state != SP_CONN_LEAF)
		return;
	if (ok)
		start_handshake(c);
	else
		refuse_tls(c, SP_REASON_LEAF, SP_ALERT_INTERNAL_ERROR, "");
	sp_conn_kick(c);
}

void sp_gate_relieved(struct sp_gate *g)
{
	for (struct sp_conn *c = g->conns; c != NULL; c = c->next)
		sp_conn_kick(c);
}

/* Permission that is gone ends what it permitted; the connection level is
 * judged anew for requests to come. */
static void rejudge(struct sp_conn *c)
{
	if (c->state == SP_CONN_SNIFF || c->state == SP_CONN_LEAF ||
	    c->state == SP_CONN_HAND || c->state == SP_CONN_HTTP)
		sp_policy_connect(c->gate->policy, &c->name, c->dest.port,
		                  &c->connect);
	if (c->x != NULL)
		sp_exchange_rejudge(c->x, c->gate->policy);
}

void sp_gate_set_policy(struct sp_gate *g, struct sp_policy *p, uint32_t epoch)
{
	sp_policy_unref(g->policy);
	g->policy = p;
	g->epoch = epoch;
	sp_uppool_clear(g->uppool);
	for (struct sp_conn *c = g->conns, *next; c != NULL; c = next) {
		next = c->next;
		rejudge(c);
	}
}
