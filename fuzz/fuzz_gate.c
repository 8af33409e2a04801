/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole gate between a client and servers, all of whose bytes, ends and
 * deadlines are chosen by the input; the keeper is honest, but may be slow.
 *
 * Properties: what a server receives is whole messages (but the last) that a
 * second reader of HTTP agrees with, each allowed by the policy; each opening
 * record has exactly one close; nothing leaves without a record; nothing
 * crashes, leaks, or goes on for ever.
 *
 * Input: steps of two bytes, an operation and a count, and the bytes it needs.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../tests/unit/http_check.h"
#include "core/alloc.h"
#include "ipc/wire.h"
#include "txn/conn.h"

#define SERVERS  4u
#define TX_MAX   4096u
#define STEP_MAX 400u
#define TURNS    6u
#define WIRE_MAX (1u << 22)

enum tx_state { TX_NONE, TX_OPEN, TX_CLOSED, TX_FINAL };

struct server {
	int fd; /* of the test; -1 when closed */
	struct sp_buf heard;
};

struct world {
	struct sp_loop *loop;
	struct sp_gate gate;
	struct sp_resolver *resolver;
	int channel, keeper, client;
	bool deaf;
	unsigned opens, closes;
	uint8_t tx[TX_MAX];
	struct server server[SERVERS];
};

/* Ports that nobody listens on: when the kept connections are used up, a dial
 * fails. */
static const char policy_text[] = "allowed_hosts: [a.test]\n"
				  "rules:\n"
				  "  - host: a.test\n"
				  "    paths: [\"/no/**\"]\n"
				  "    action: deny\n"
				  "  - host: a.test\n"
				  "    methods: [DELETE]\n"
				  "    action: deny\n"
				  "resolve:\n"
				  "  \"a.test:80\": \"127.0.0.1:1\"\n";

static struct sp_policy *policy(void)
{
	struct sp_policy_source src = { .text = sp_str(policy_text),
		                        .file = "fuzz" };
	struct sp_policy *p;
	struct sp_err err;

	sp_assert(sp_policy_compile(&src, &p, &err) == SP_OK);
	return p;
}

/* ------------------------------------------------------------------ keeper */

static void on_open(struct world *w, struct sp_str *in)
{
	struct sp_rec_open r;

	sp_assert(sp_rec_open_get(in, &r) == SP_OK);
	sp_assert(r.id < TX_MAX && w->tx[r.id] == TX_NONE);
	w->tx[r.id] = r.final ? TX_FINAL : TX_OPEN;
	w->opens += !r.final;
}

static void on_close(struct world *w, struct sp_str *in)
{
	struct sp_rec_close r;

	sp_assert(sp_rec_close_get(in, &r) == SP_OK);
	sp_assert(r.id < TX_MAX && w->tx[r.id] == TX_OPEN);
	w->tx[r.id] = TX_CLOSED;
	w->closes++;
}

static void acknowledge(struct world *w, uint32_t batch)
{
	uint8_t buf[5];
	struct sp_wire wire = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&wire, batch);
	sp_put_u8(&wire, 1);
	sp_assert(sp_chan_send(w->keeper, SP_IPC_ACK,
	                       (struct sp_str){ buf, wire.n }, NULL,
	                       0) == SP_OK);
}

static void read_batch(struct world *w, const struct sp_packet *m)
{
	struct sp_str in = { m->body, m->n };
	uint32_t batch;
	uint8_t kind;

	sp_assert(sp_get_u32(&in, &batch) == SP_OK);
	while (in.n > 0) {
		sp_assert(sp_get_u8(&in, &kind) == SP_OK);
		if (kind == 1)
			on_open(w, &in);
		else if (kind == 2)
			on_close(w, &in);
		else /* a connection: number, two IPv4 ends */
			sp_str_take(&in, 8 + 2 * 7);
	}
	acknowledge(w, batch);
}

static void turn(struct world *w)
{
	static struct sp_packet m;

	sp_assert(sp_loop_turn(w->loop, 0) == SP_OK);
	while (!w->deaf && sp_chan_recv(w->keeper, &m) == SP_OK) {
		read_batch(w, &m);
		sp_packet_fini(&m);
	}
}

static void settle(struct world *w)
{
	for (unsigned i = 0; i < TURNS; i++)
		turn(w);
}

/* ------------------------------------------------------------- life cycle */

static enum sp_rc on_ack(struct sp_peer *p, struct sp_packet *m)
{
	return sp_link_on_ack(((struct world *)p->owner)->gate.link, m);
}

static const struct sp_op ops[SP_IPC_TYPES] = {
	[SP_IPC_ACK] = { .from = SP_R_KEEPER, .max = 5, .run = on_ack },
};

static void recorded(void *arg, struct sp_ref who, uint64_t txn, bool ok)
{
	sp_gate_recorded(&((struct world *)arg)->gate, who, txn, ok);
}

static void relieved(void *arg)
{
	sp_gate_relieved(&((struct world *)arg)->gate);
}

static void lost(void *arg)
{
	(void)arg;
	sp_panic("the channel was lost", __FILE__, __LINE__);
}

static void pair(int type, int sv[2])
{
	sp_assert(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	                     sv) == 0);
}

static void start_link(struct world *w)
{
	const struct sp_link_calls calls = {
		.recorded = recorded,
		.relieved = relieved,
		.lost = lost,
		.arg = w,
	};
	struct sp_err err;
	int sv[2];

	pair(SOCK_SEQPACKET, sv);
	w->channel = sv[0];
	w->keeper = sv[1];
	sp_assert(sp_link_new(w->loop, sv[0], ops, w, &calls, &w->gate.link,
	                      &err) == SP_OK);
}

/* A kept connection to a server; the last one put is the first one used. */
static void start_server(struct world *w, struct server *s,
                         const struct sp_host *name)
{
	struct sp_upstream *u = SP_NEW(struct sp_upstream);
	int sv[2];

	pair(SOCK_STREAM, sv);
	s->fd = sv[1];
	sp_buf_init(&s->heard, WIRE_MAX);
	u->key = (struct sp_upkey){ .host = *name, .port = 80 };
	u->to = (struct sp_endpoint){ { 4, { 127, 0, 0, 1 } }, 1 };
	sp_assert(sp_flow_open(&u->flow, w->loop, sv[0], NULL, NULL) == SP_OK);
	sp_uppool_put(w->gate.uppool, u);
}

static void start_client(struct world *w, const struct sp_host *name)
{
	struct sp_endpoint from = { { 4, { 10, 200, 0, 2 } }, 40000 };
	struct sp_endpoint dest = { .port = 80 };
	struct sp_addr six;
	int sv[2];

	sp_assert(sp_pool_get(w->gate.names, name, sp_loop_now(w->loop),
	                      &dest.addr, &six) == SP_OK);
	pair(SOCK_STREAM, sv);
	w->client = sv[1];
	sp_gate_admit(&w->gate, sv[0], &from, &dest);
}

static struct world *start(void)
{
	struct world *w = SP_NEW(struct world);
	struct sp_host name;
	struct sp_err err;

	sp_assert(sp_host_parse(sp_str("a.test"), &name) == SP_OK);
	sp_assert(sp_loop_new(&w->loop, &err) == SP_OK);
	sp_gate_init(&w->gate, w->loop);
	start_link(w);
	sp_assert(sp_resolver_new(w->loop, "", sp_str(""), &w->resolver,
	                          &err) == SP_OK);
	w->gate.policy = policy();
	w->gate.dialer = (struct sp_dialer){ w->loop, w->resolver, NULL };
	w->gate.uppool = sp_uppool_new(w->loop);
	w->gate.names = sp_pool_new();
	for (size_t i = 0; i < SERVERS; i++)
		start_server(w, &w->server[i], &name);
	start_client(w, &name);
	return w;
}

/* -------------------------------------------------------------- properties */

/* What the server has heard, read by somebody else. */
static void check_server(const struct world *w, const struct server *s)
{
	struct sp_str in = sp_buf_str(&s->heard);
	unsigned n = 0;

	for (;;) {
		struct sp_host name;
		struct sp_decision d;
		struct sp_request rq;
		struct sp_str path;
		struct seen m;
		enum check c = check_message(&in, &m, NULL);
		const uint8_t *query;

		sp_assert(c != CHECK_BAD);
		/* a head without its body was judged, too */
		if (m.hosts == 0 || m.line[2].n == 0)
			return;
		sp_assert(sp_str_is(m.line[2], "HTTP/1.1"));
		sp_assert(sp_str_is_nocase(m.host, "a.test") ||
		          sp_str_is_nocase(m.host, "a.test:80") ||
		          sp_str_is_nocase(m.host, "a.test.") ||
		          sp_str_is_nocase(m.host, "a.test.:80"));
		path = m.line[1];
		query = memchr(path.p, '?', path.n);
		if (query != NULL)
			path.n = (size_t)(query - path.p);
		sp_assert(sp_host_parse(sp_str("a.test"), &name) == SP_OK);
		rq = (struct sp_request){ &name, 80, SP_SCHEME_HTTP, m.line[0],
			                  path };
		sp_policy_request(w->gate.policy, &rq, &d);
		sp_assert(d.verdict == SP_VERDICT_ALLOW);
		sp_assert(++n <= w->opens);
		if (c == CHECK_MORE)
			return;
	}
}

static void hear(struct server *s)
{
	ssize_t n;

	while (s->fd >= 0) {
		uint8_t *p = sp_buf_room(&s->heard, 65536);

		sp_assert(p != NULL);
		n = recv(s->fd, p, 65536, 0);
		if (n <= 0)
			return;
		sp_buf_commit(&s->heard, (size_t)n);
	}
}

static void hear_client(struct world *w)
{
	static uint8_t buf[65536];

	while (w->client >= 0 && recv(w->client, buf, sizeof(buf), 0) > 0)
		continue;
}

static void finish(struct world *w)
{
	w->deaf = false;
	settle(w);
	for (size_t i = 0; i < SERVERS; i++)
		hear(&w->server[i]);
	sp_gate_stop(&w->gate);
	settle(w);
	sp_assert(w->gate.n_conns == 0 && w->opens == w->closes);
	for (size_t i = 0; i < SERVERS; i++) {
		check_server(w, &w->server[i]);
		sp_buf_fini(&w->server[i].heard);
		if (w->server[i].fd >= 0)
			close(w->server[i].fd);
	}
	sp_gate_fini(&w->gate);
	sp_uppool_free(w->gate.uppool);
	sp_link_free(w->gate.link);
	sp_pool_free(w->gate.names);
	sp_resolver_free(w->resolver);
	sp_loop_free(w->loop);
	close(w->channel);
	close(w->keeper);
	if (w->client >= 0)
		close(w->client);
	sp_free(w);
}

/* ------------------------------------------------------------------- steps */

enum op {
	CLIENT_SAYS,
	SERVER_SAYS,
	CLIENT_ENDS,
	SERVER_ENDS,
	DEADLINE,
	KEEPER, /* it stops reading, or goes on */
	READ,   /* both read what there is */
	POLICY, /* the same again: what is kept goes */
	OPS
};

static void end(int *fd, bool half)
{
	if (*fd >= 0 && half)
		shutdown(*fd, SHUT_WR);
	else if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static void deadline(struct world *w)
{
	struct sp_timer *t;

	if (w->gate.conns == NULL || w->gate.conns->timer.index == 0)
		return;
	t = &w->gate.conns->timer;
	sp_timer_del(w->loop, t);
	t->run(t);
}

static void say(int fd, struct sp_str s)
{
	if (fd >= 0 && s.n > 0) /* whoever has gone hears nothing */
		(void)send(fd, s.p, s.n, MSG_NOSIGNAL);
}

static void step(struct world *w, uint8_t op, uint8_t count, struct sp_str *in)
{
	struct server *s = &w->server[(op / OPS) % SERVERS];
	size_t n = count;

	if (n > in->n)
		n = in->n;
	switch ((enum op)(op % OPS)) {
	case CLIENT_SAYS:
		say(w->client, sp_str_take(in, n));
		break;
	case SERVER_SAYS:
		hear(s);
		say(s->fd, sp_str_take(in, n));
		break;
	case CLIENT_ENDS:
		end(&w->client, count % 2);
		break;
	case SERVER_ENDS:
		hear(s);
		end(&s->fd, count % 2);
		break;
	case DEADLINE:
		deadline(w);
		break;
	case KEEPER:
		w->deaf = !w->deaf;
		break;
	case READ:
		hear(s);
		hear_client(w);
		break;
	case POLICY:
		sp_gate_set_policy(&w->gate, policy(), w->gate.epoch + 1);
		break;
	case OPS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_str in = { data, size };
	struct world *w = start();

	for (unsigned i = 0; i < STEP_MAX && in.n >= 2; i++) {
		struct sp_str head = sp_str_take(&in, 2);

		step(w, head.p[0], head.p[1], &in);
		if (i % 2 == 0)
			turn(w);
		else
			settle(w);
	}
	finish(w);
	return 0;
}
