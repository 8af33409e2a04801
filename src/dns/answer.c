/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/answer.h"

#include "dns/packet.h"

#define TTL      60u
#define TTL_DENY 5u /* short: the policy may change under a running program */

#define EDE_OTHER   0u /* RFC 8914 */
#define EDE_BLOCKED 15u

struct ask {
	const struct sp_dns_env *env;
	const struct sp_dns_question *q;
	struct sp_dns_event *event;
	char text[SP_DNS_TEXT_MAX];
};

/* Negative answers carry an SOA, or stub resolvers ask again each time. */
static void nodata(struct sp_dns_reply *r)
{
	r->soa = true;
	r->ttl = TTL;
}

static void nxdomain(struct sp_dns_reply *r)
{
	r->rcode = SP_DNS_NXDOMAIN;
	r->soa = true;
	r->ttl = TTL_DENY;
}

static void address(struct sp_dns_reply *r, const struct sp_addr *a)
{
	r->rr_type = a->family == 4 ? SP_DNS_A : SP_DNS_AAAA;
	r->ttl = TTL;
	r->n = a->family == 4 ? 4 : 16;
	memcpy(r->rdata, a->b, r->n);
}

/* --------------------------------------------------------- kinds of answers */

static void answer_synthetic(const struct ask *a, struct sp_dns_reply *r)
{
	const struct sp_host *name = &a->event->name;
	struct sp_pool *pool = a->env->pool;
	struct sp_addr v4, v6;
	enum sp_rc rc =
		a->event->denied
			? sp_pool_get_denied(pool, name, a->env->now_ms, &v4,
	                                     &v6)
			: sp_pool_get(pool, name, a->env->now_ms, &v4, &v6);

	if (rc < 0) {
		r->rcode = SP_DNS_SERVFAIL;
		r->ede = EDE_OTHER;
		r->ede_text = "too many names for this sandbox";
		return;
	}
	address(r, a->q->qtype == SP_DNS_A ? &v4 : &v6);
}

static void answer_localhost(const struct ask *a, struct sp_dns_reply *r)
{
	static const struct sp_addr v4 = { .family = 4, .b = { 127, 0, 0, 1 } };
	static const struct sp_addr v6 = { .family = 6, .b = { [15] = 1 } };

	if (a->q->qtype == SP_DNS_A)
		address(r, &v4);
	else if (a->q->qtype == SP_DNS_AAAA)
		address(r, &v6);
	else
		nodata(r);
}

/* RFC 8482, 4.2: the minimal answer to ANY. */
static void answer_any(const struct ask *a, struct sp_dns_reply *r)
{
	static const uint8_t hinfo[] = "\x07"
				       "RFC8482";

	(void)a;
	r->rr_type = SP_DNS_HINFO;
	r->ttl = TTL;
	r->n = sizeof(hinfo); /* with the NUL: the empty second string */
	memcpy(r->rdata, hinfo, r->n);
}

static void answer_nodata(const struct ask *a, struct sp_dns_reply *r)
{
	(void)a;
	nodata(r);
}

/* Transfers and transaction types; there is no zone to hand out. */
static void answer_refused(const struct ask *a, struct sp_dns_reply *r)
{
	(void)a;
	r->rcode = SP_DNS_REFUSED;
}

/* Everything else is NODATA; above all HTTPS and SVCB (ECH keys, HTTP/3). */
static const struct {
	uint16_t first, last;
	void (*run)(const struct ask *a, struct sp_dns_reply *r);
} types[] = {
	{ SP_DNS_A, SP_DNS_A, answer_synthetic },
	{ SP_DNS_AAAA, SP_DNS_AAAA, answer_synthetic },
	{ SP_DNS_META_FIRST, SP_DNS_META_LAST, answer_refused },
	{ SP_DNS_ANY, SP_DNS_ANY, answer_any },
	{ 0, UINT16_MAX, answer_nodata },
};

static void answer_type(const struct ask *a, struct sp_dns_reply *r)
{
	size_t i = 0;

	while (a->q->qtype < types[i].first || a->q->qtype > types[i].last)
		i++;
	types[i].run(a, r);
}

/* ------------------------------------------------------------------ reverse */

/* Splits the suffix off; false when it is not there. */
static bool cut_suffix(struct sp_str *name, const char *suffix)
{
	size_t n = strlen(suffix);

	if (name->n < n || memcmp(name->p + name->n - n, suffix, n) != 0)
		return false;
	name->n -= n;
	return true;
}

/* "4.3.2.1" is the address 1.2.3.4. */
static enum sp_rc reverse4(struct sp_str labels, struct sp_addr *ret)
{
	struct sp_addr a;

	SP_TRY(sp_addr_parse(labels, &a));
	if (a.family != 4)
		return SP_E_PROTO;
	*ret = (struct sp_addr){
		.family = 4,
		.b = { a.b[3], a.b[2], a.b[1], a.b[0] },
	};
	return SP_OK;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 nibbles, the last one first (RFC 3596, 2.5). */
static enum sp_rc reverse6(struct sp_str labels, struct sp_addr *ret)
{
	struct sp_addr a = { .family = 6 };

	if (labels.n != 63)
		return SP_E_PROTO;
	for (size_t i = 0; i < 32; i++) {
		int v = hex_value(labels.p[2 * i]);

		if (v < 0 || (i < 31 && labels.p[2 * i + 1] != '.'))
			return SP_E_PROTO;
		a.b[15 - i / 2] |= (uint8_t)(i % 2 == 0 ? v : v << 4);
	}
	*ret = a;
	return SP_OK;
}

/* SP_DONE: not a reverse name at all. */
static enum sp_rc reverse(struct sp_str name, struct sp_addr *ret)
{
	if (cut_suffix(&name, ".in-addr.arpa"))
		return reverse4(name, ret);
	if (cut_suffix(&name, ".ip6.arpa"))
		return reverse6(name, ret);
	return SP_DONE;
}

static bool is_loopback(const struct sp_addr *a)
{
	return sp_addr_class(a) == SP_ADDR_LOOPBACK;
}

/* True when the question was about an address and is answered. */
static bool answer_ptr(const struct ask *a, struct sp_dns_reply *r)
{
	struct sp_addr addr = { 0 };
	const struct sp_host *host;
	struct sp_str name;
	enum sp_rc rc;

	if (a->q->qtype != SP_DNS_PTR)
		return false;
	rc = reverse(sp_str(a->text), &addr);
	if (rc == SP_DONE)
		return false;
	host = rc < 0 ? NULL : sp_pool_name(a->env->pool, &addr);
	if (host != NULL)
		name = sp_host_str(host);
	else if (rc == SP_OK && is_loopback(&addr))
		name = sp_str("localhost");
	else
		name = sp_str("");
	if (name.n == 0 || sp_dns_name_wire(name, r->rdata, &r->n) < 0) {
		nxdomain(r);
		return true;
	}
	r->rr_type = SP_DNS_PTR;
	r->ttl = TTL;
	return true;
}

/* ----------------------------------------------------------------- decision */

static bool is_localhost(struct sp_str name)
{
	return sp_str_is(name, "localhost") || cut_suffix(&name, ".localhost");
}

static bool is_denied(const struct ask *a)
{
	const struct sp_dns_env *env = a->env;

	return env->allowed != NULL && !env->allowed(env->arg, &a->event->name);
}

/* A name that a program could open a connection to, by policy and type. */
static void answer_name(const struct ask *a, struct sp_dns_reply *r)
{
	if (is_denied(a)) {
		a->event->denied = true;
		r->ede = EDE_BLOCKED;
		r->ede_text = "denied by the policy of this sandbox";
		if (a->env->denied_nxdomain) {
			nxdomain(r);
			return;
		}
	}
	answer_type(a, r);
}

static void decide(struct ask *a, struct sp_dns_reply *r)
{
	struct sp_dns_event *event = a->event;
	struct sp_str text;

	if (a->q->edns && a->q->edns_version != 0) {
		r->rcode = SP_DNS_BADVERS;
		return;
	}
	if (a->q->qtype == 0 || a->q->qtype == SP_DNS_OPT) {
		r->rcode = SP_DNS_FORMERR;
		return;
	}
	if (a->q->qclass != SP_DNS_IN && a->q->qclass != SP_DNS_CLASS_ANY) {
		r->rcode = SP_DNS_REFUSED;
		return;
	}
	if (sp_dns_name_text(a->q->name, a->text) < 0) {
		nxdomain(r);
		return;
	}
	text = sp_str(a->text);
	if (text.n == 0) { /* the root exists and has no address */
		nodata(r);
		return;
	}
	if (sp_host_parse(text, &event->name) < 0 ||
	    event->name.kind != SP_HOST_NAME) {
		nxdomain(r); /* "10.1.2.3" is an address, not a name */
		return;
	}
	event->has_name = true;
	/* Its absence turns DNS over HTTPS in browsers off. */
	if (sp_str_is(text, "use-application-dns.net"))
		nxdomain(r);
	else if (is_localhost(text))
		answer_localhost(a, r);
	else if (!answer_ptr(a, r))
		answer_name(a, r);
}

enum sp_rc sp_dns_answer(struct sp_str query, const struct sp_dns_env *env,
                         struct sp_buf *out, struct sp_dns_event *event)
{
	struct sp_dns_reply reply = { 0 };
	struct sp_dns_question q;
	struct sp_dns_head head;
	size_t limit = SP_DNS_PACKET_MAX;
	bool readable = false;

	SP_TRY(sp_dns_read_head(query, &head));
	*event = (struct sp_dns_event){ 0 };
	sp_buf_reset(out);
	if (head.opcode != 0)
		reply.rcode = SP_DNS_NOTIMP;
	else if (query.n > SP_DNS_PACKET_MAX ||
	         sp_dns_read_question(query, &head, &q) < 0)
		reply.rcode = SP_DNS_FORMERR;
	else
		readable = true;
	if (readable) {
		struct ask a = { .env = env, .q = &q, .event = event };

		event->qtype = q.qtype;
		decide(&a, &reply);
		if (!env->tcp)
			limit = q.udp_max;
	}
	event->rcode = (uint8_t)reply.rcode;
	return sp_dns_write(&head, readable ? &q : NULL, &reply, limit, out);
}
