/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/a_world.h - a gate, and the test as its keeper, over real sockets
 * on loopback and the real loop.
 *
 * The keeper counts: an opening record is answered (at once, or when the test
 * lets go), every final one and every close is noted, and world_free() checks
 * that each open has exactly one close and that nothing was closed twice.
 */
#ifndef SP_TEST_A_WORLD_H
#define SP_TEST_A_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "ipc/wire.h"
#include "txn/conn.h"

#define WORLD_TX_MAX  8192u
#define WORLD_ACK_MAX 512u
#define WORLD_WAIT_MS 20000u /* more than any of these tests needs */

enum tx_state { TX_NONE, TX_OPEN, TX_CLOSED, TX_FINAL };

struct world {
	struct sp_loop *loop;
	struct sp_gate gate;
	struct sp_resolver *resolver;
	int channel, keeper; /* the gate's end, and ours */
	bool deaf;           /* the keeper does not read */
	bool hold;           /* ... reads, but does not acknowledge */
	/* Small socket buffers, but not below the segments of loopback: TCP
	 * would wait for its timers. */
	bool narrow;
	uint32_t acks[WORLD_ACK_MAX];
	size_t n_acks;
	int listener; /* of the server */
	uint16_t port;
	unsigned opens, closes, finals, lost;
	uint8_t tx[WORLD_TX_MAX]; /* enum tx_state by number */
	/* of the record that came last */
	enum sp_reason reason;
	enum sp_outcome outcome;
	uint16_t status;
	uint64_t up, down;
	char method[SP_REC_METHOD_MAX + 1], path[SP_REC_PATH_MAX + 1];
};

/* ---------------------------------------------------------------- keeper */

static inline void world_text(char *to, struct sp_str s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static inline void world_open(struct world *w, struct sp_str *in)
{
	struct sp_rec_open r;

	assert_int_equal(sp_rec_open_get(in, &r), SP_OK);
	assert_true(r.id < WORLD_TX_MAX && w->tx[r.id] == TX_NONE);
	w->tx[r.id] = r.final ? TX_FINAL : TX_OPEN;
	w->finals += r.final;
	w->opens += !r.final;
	if (r.final) {
		w->reason = r.reason;
		w->status = r.status;
	}
	world_text(w->method, r.method);
	world_text(w->path, r.path);
}

static inline void world_close(struct world *w, struct sp_str *in)
{
	struct sp_rec_close r;

	assert_int_equal(sp_rec_close_get(in, &r), SP_OK);
	assert_true(r.id < WORLD_TX_MAX && w->tx[r.id] == TX_OPEN);
	w->tx[r.id] = TX_CLOSED;
	w->closes++;
	w->reason = r.reason;
	w->outcome = r.outcome;
	w->status = r.status;
	w->up = r.up;
	w->down = r.down;
}

static inline void world_addr(struct sp_str *in)
{
	uint8_t family, b;
	uint16_t port;

	assert_int_equal(sp_get_u8(in, &family), SP_OK);
	for (unsigned i = 0; i < (family == 4 ? 4u : 16u); i++)
		assert_int_equal(sp_get_u8(in, &b), SP_OK);
	assert_int_equal(sp_get_u16(in, &port), SP_OK);
}

static inline void world_item(struct world *w, struct sp_str *in)
{
	uint64_t id;
	uint8_t kind;

	assert_int_equal(sp_get_u8(in, &kind), SP_OK);
	if (kind == 1) {
		world_open(w, in);
	} else if (kind == 2) {
		world_close(w, in);
	} else {
		assert_int_equal(kind, 3);
		assert_int_equal(sp_get_u64(in, &id), SP_OK);
		world_addr(in);
		world_addr(in);
	}
}

static inline void world_ack(struct world *w, uint32_t batch, bool ok)
{
	uint8_t buf[5];
	struct sp_wire wire = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&wire, batch);
	sp_put_u8(&wire, ok);
	assert_int_equal(sp_chan_send(w->keeper, SP_IPC_ACK,
	                              (struct sp_str){ buf, wire.n }, NULL, 0),
	                 SP_OK);
}

/* Read what the gate has recorded. */
static inline void world_keep(struct world *w)
{
	struct sp_packet m;

	while (!w->deaf && sp_chan_recv(w->keeper, &m) == SP_OK) {
		struct sp_str in = { m.body, m.n };
		uint32_t batch;

		assert_int_equal(m.type, SP_IPC_AUDIT);
		assert_int_equal(sp_get_u32(&in, &batch), SP_OK);
		while (in.n > 0)
			world_item(w, &in);
		sp_packet_fini(&m);
		if (!w->hold) {
			world_ack(w, batch, true);
			continue;
		}
		assert_true(w->n_acks < WORLD_ACK_MAX);
		w->acks[w->n_acks++] = batch;
	}
}

static inline void world_let_go(struct world *w, bool ok)
{
	w->hold = false;
	for (size_t i = 0; i < w->n_acks; i++)
		world_ack(w, w->acks[i], ok);
	w->n_acks = 0;
}

static inline enum sp_rc world_on_ack(struct sp_peer *p, struct sp_packet *m)
{
	return sp_link_on_ack(((struct world *)p->owner)->gate.link, m);
}

static const struct sp_op world_ops[SP_IPC_TYPES] = {
	[SP_IPC_ACK] = { .from = SP_R_KEEPER, .max = 5, .run = world_on_ack },
};

static inline void world_relieved(void *arg)
{
	sp_gate_relieved(&((struct world *)arg)->gate);
}

static inline void world_recorded(void *arg, struct sp_ref who, uint64_t txn,
                                  bool ok)
{
	sp_gate_recorded(&((struct world *)arg)->gate, who, txn, ok);
}

static inline void world_lost(void *arg)
{
	((struct world *)arg)->lost++;
}

/* ----------------------------------------------------------------- sockets */

static inline int world_listen(uint16_t *ret_port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	*ret_port = ntohs(sin.sin_port);
	return fd;
}

/* Two ends of one TCP connection: a reset is a reset. */
static inline void world_pair(int sv[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	uint16_t port;
	int l = world_listen(&port);

	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(sv[0], (struct sockaddr *)&sin, sizeof(sin)),
	                 0);
	sv[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(sv[1] >= 0);
	close(l);
}

/* ------------------------------------------------------------------ policy */

/* %P in the text is the port of the server. */
static inline struct sp_policy *world_policy(const struct world *w,
                                             const char *yaml)
{
	struct sp_policy_source src = { .file = "test" };
	struct sp_policy *p;
	struct sp_err err;
	struct sp_buf b;
	const char *at;

	sp_buf_init(&b, 65536);
	while ((at = strstr(yaml, "%P")) != NULL) {
		sp_buf_add(&b, (struct sp_str){ (const uint8_t *)yaml,
		                                (size_t)(at - yaml) });
		sp_buf_printf(&b, "%u", w->port);
		yaml = at + 2;
	}
	sp_buf_text(&b, yaml);
	src.text = sp_buf_str(&b);
	if (sp_policy_compile(&src, &p, &err) < 0)
		fail_msg("%s", err.text);
	sp_buf_fini(&b);
	return p;
}

/* ------------------------------------------------------------- life cycle */

static inline void world_channel(struct world *w)
{
	const struct sp_link_calls calls = { .recorded = world_recorded,
		                             .relieved = world_relieved,
		                             .lost = world_lost,
		                             .arg = w };
	struct sp_err err;
	int sv[2];

	assert_int_equal(
		socketpair(AF_UNIX,
	                   SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	                   sv),
		0);
	w->channel = sv[0];
	w->keeper = sv[1];
	assert_int_equal(sp_link_new(w->loop, sv[0], world_ops, w, &calls,
	                             &w->gate.link, &err),
	                 SP_OK);
}

static inline struct world *world_new(const char *yaml)
{
	struct world *w = SP_NEW(struct world);
	struct sp_err err;

	assert_int_equal(sp_loop_new(&w->loop, &err), SP_OK);
	sp_gate_init(&w->gate, w->loop);
	w->listener = world_listen(&w->port);
	world_channel(w);
	assert_int_equal(
		sp_resolver_new(w->loop, "", sp_str(""), &w->resolver, &err),
		SP_OK);
	w->gate.policy = world_policy(w, yaml);
	w->gate.dialer = (struct sp_dialer){ w->loop, w->resolver, NULL };
	w->gate.uppool = sp_uppool_new(w->loop);
	w->gate.names = sp_pool_new();
	snprintf(w->gate.id, sizeof(w->gate.id), "test");
	return w;
}

static inline void world_turn(struct world *w, int wait_ms)
{
	assert_int_equal(sp_loop_turn(w->loop, wait_ms), SP_OK);
	world_keep(w);
}

/* Until nothing happens any more for a moment. */
static inline void world_settle(struct world *w)
{
	for (unsigned i = 0; i < 12; i++)
		world_turn(w, 1);
}

static inline void world_free(struct world *w)
{
	sp_gate_stop(&w->gate);
	for (unsigned i = 0; i < 4; i++)
		world_turn(w, 0); /* the last records */
	assert_int_equal(w->lost, 0);
	assert_int_equal(w->gate.n_conns, 0);
	for (size_t i = 0; i < WORLD_TX_MAX; i++)
		assert_int_not_equal(w->tx[i], TX_OPEN);
	assert_int_equal(w->opens, w->closes);
	sp_gate_fini(&w->gate);
	sp_uppool_free(w->gate.uppool);
	sp_link_free(w->gate.link);
	sp_pool_free(w->gate.names);
	sp_resolver_free(w->resolver);
	sp_loop_free(w->loop);
	close(w->channel);
	close(w->keeper);
	close(w->listener);
	sp_free(w);
}

#endif
