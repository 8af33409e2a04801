/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/dns.c - questions of the sandbox, by UDP and by TCP: one engine.
 *
 * A record per distinct (name, type) is enough: programs ask again and again.
 * The memory of what was recorded is small and forgets; forgetting only means
 * one record more.
 */
#include <inttypes.h>

#include "dns/answer.h"
#include "txn/conn.h"

#define IDLE_MS 10000u

/* Records of questions: per second, and at once. */
#define RECORD_RATE  20u
#define RECORD_BURST 200u

static bool allowed(void *arg, const struct sp_host *name)
{
	struct sp_gate *g = arg;

	return sp_policy_name_allowed(g->policy, name);
}

static uint32_t slot_of(const struct sp_dns_event *e)
{
	uint32_t h = 2166136261u ^ e->qtype; /* FNV-1a */

	for (size_t i = 0; i < e->name.n; i++)
		h = (h ^ (uint8_t)e->name.text[i]) * 16777619u;
	return h;
}

/* Recorded within the last minute? */
static bool seen(struct sp_gate *g, uint32_t h)
{
	const struct sp_dns_seen *s = &g->dns_seen[h % SP_DNS_SEEN_MAX];

	return s->hash == h && s->at_ms != 0 &&
	       sp_loop_now(g->loop) - s->at_ms < 60000u;
}

static void remember(struct sp_gate *g, uint32_t h)
{
	g->dns_seen[h % SP_DNS_SEEN_MAX] = (struct sp_dns_seen){
		.hash = h,
		.at_ms = sp_loop_now(g->loop),
	};
}

/*
 * Invented names would fill the log as fast as questions come: what is over
 * the rate (or comes while the keeper cannot keep up) is counted, and the
 * count goes into the next record.
 */
static bool may_record(struct sp_gate *g)
{
	uint64_t now = sp_loop_now(g->loop);
	uint64_t n = (now - g->dns_rate.at_ms) * RECORD_RATE / 1000u;

	if (n > 0) {
		n += g->dns_rate.tokens;
		g->dns_rate.tokens =
			n < RECORD_BURST ? (uint32_t)n : RECORD_BURST;
		g->dns_rate.at_ms = now;
	}
	if (g->dns_rate.tokens == 0 || !sp_link_healthy(g->link)) {
		g->dns_rate.left_out++;
		return false;
	}
	g->dns_rate.tokens--;
	return true;
}

static void record(struct sp_gate *g, const struct sp_dns_event *e)
{
	char detail[64];
	struct sp_rec_open r = {
		.proto = SP_PROTO_DNS,
		.verdict = e->denied ? SP_VERDICT_DENY : SP_VERDICT_ALLOW,
		.final = true,
		.reason = e->denied ? SP_REASON_HOST_DENIED : SP_REASON_NONE,
		.port = 53,
		.host = e->name,
		.qtype = e->qtype,
	};

	if (!e->has_name || seen(g, slot_of(e)) || !may_record(g))
		return;
	remember(g, slot_of(e));
	if (g->dns_rate.left_out > 0) {
		snprintf(detail, sizeof(detail),
		         "%" PRIu64 " questions before this not recorded",
		         g->dns_rate.left_out);
		r.detail = sp_str(detail);
		g->dns_rate.left_out = 0;
	}
	r.id = ++g->last_txn;
	r.start_us = sp_loop_wall_us();
	sp_link_note(g->link, &r);
}

enum sp_rc sp_gate_dns(struct sp_gate *g, struct sp_str query, bool tcp,
                       struct sp_buf *out)
{
	struct sp_dns_env env = {
		.pool = g->names,
		.now_ms = sp_loop_now(g->loop),
		.tcp = tcp,
		.allowed = allowed,
		.denied_nxdomain = sp_policy_dns_nxdomain(g->policy),
		.arg = g,
	};
	struct sp_dns_event e = { 0 };

	SP_TRY(sp_dns_answer(query, &env, out, &e));
	record(g, &e);
	return SP_OK;
}

/* RFC 7766: two bytes of length before each message, pipelining allowed. */
bool sp_dns_tcp_run(struct sp_conn *c)
{
	struct sp_buf *in = &c->client.plain;
	bool full = false;

	for (;;) {
		SP_CLEANUP(sp_buf_fini) struct sp_buf out;
		struct sp_str s = sp_buf_str(in);
		size_t n;

		if (sp_flow_room(&c->client) < SP_DNS_PACKET_MAX + 2)
			sp_flow_flush(&c->client); /* or an event tells */
		full = sp_flow_room(&c->client) < SP_DNS_PACKET_MAX + 2;
		if (s.n < 2 || full)
			break;
		n = (size_t)s.p[0] << 8 | s.p[1];
		if (n > SP_DNS_PACKET_MAX) {
			sp_conn_abort(c);
			return false;
		}
		if (s.n < n + 2)
			break;
		sp_buf_init(&out, SP_DNS_PACKET_MAX);
		if (sp_gate_dns(c->gate, (struct sp_str){ s.p + 2, n }, true,
		                &out) < 0) {
			sp_conn_abort(c);
			return false;
		}
		n += 2;
		uint8_t len[2] = { (uint8_t)(sp_buf_len(&out) >> 8),
			           (uint8_t)sp_buf_len(&out) };

		sp_flow_send(&c->client, (struct sp_str){ len, 2 });
		sp_flow_send(&c->client, sp_buf_str(&out));
		sp_buf_consume(in, n);
		sp_conn_deadline(c, IDLE_MS);
	}
	/* Who has asked all may wait for the answers. */
	if (c->client.eof && (!full || c->client.gone))
		sp_conn_drain(c);
	return false;
}
