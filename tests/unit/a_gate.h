/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/a_gate.h - a gate with everything around it: the test is keeper
 * (a_world.h), server and client.
 */
#ifndef SP_TEST_A_GATE_H
#define SP_TEST_A_GATE_H

#include "a_world.h"

/* ----------------------------------------------------------- client, server */

static inline uint64_t world_late(void)
{
	return sp_loop_mono_us() + WORLD_WAIT_MS * UINT64_C(1000);
}

/* A connection from the sandbox to name:port; the test holds its other end,
 * which does not block. */
static inline int world_client(struct world *w, const char *name, uint16_t port)
{
	struct sp_endpoint from = { { 4, { 10, 200, 0, 2 } }, 40000 };
	struct sp_endpoint dest = { .port = port };
	struct sp_addr six;
	struct sp_host h;
	int sv[2];

	assert_int_equal(sp_host_parse(sp_str(name), &h), SP_OK);
	if (h.kind == SP_HOST_NAME)
		assert_int_equal(sp_pool_get(w->gate.names, &h,
		                             sp_loop_now(w->loop), &dest.addr,
		                             &six),
		                 SP_OK);
	else
		dest.addr = h.addr;
	world_pair(sv);
	assert_int_equal(fcntl(sv[0], F_SETFL, O_NONBLOCK), 0);
	if (w->narrow) {
		setsockopt(sv[0], SOL_SOCKET, SO_RCVBUF, &(int){ 131072 },
		           sizeof(int));
		setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &(int){ 65536 },
		           sizeof(int));
	}
	sp_gate_admit(&w->gate, sv[1], &from, &dest);
	return sv[0];
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
	                 strlen(text));
}

/* So many bytes, however slowly the other side takes them. */
static inline void say_much(struct world *w, int fd, size_t n)
{
	static const char block[65536] = { 0 };

	for (uint64_t late = world_late(); n > 0 && sp_loop_mono_us() < late;) {
		ssize_t k =
			send(fd, block, n < 65536 ? n : 65536, MSG_NOSIGNAL);

		if (k > 0)
			n -= (size_t)k;
		world_turn(w, k > 0 ? 0 : 1);
	}
	assert_int_equal(n, 0);
}

/* The next connection to the server. */
static inline int world_server(struct world *w)
{
	for (uint64_t late = world_late(); sp_loop_mono_us() < late;) {
		int fd = accept4(w->listener, NULL, NULL,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			return fd;
		world_turn(w, 1);
	}
	fail_msg("no connection to the server");
	return -1;
}

/* All that comes until text is in it (or the end, if text is NULL). What was
 * read is in b, terminated. */
static inline void hear(struct world *w, int fd, struct sp_buf *b,
                        const char *text)
{
	for (uint64_t late = world_late(); sp_loop_mono_us() < late;) {
		uint8_t *p = sp_buf_room(b, 65537);
		ssize_t n = recv(fd, p, 65536, 0);

		assert_non_null(p);
		if (n > 0)
			sp_buf_commit(b, (size_t)n);
		p[n > 0 ? n : 0] = '\0';
		if (text != NULL && sp_buf_len(b) > 0 &&
		    memmem(b->p + b->head, sp_buf_len(b), text, strlen(text)) !=
		            NULL)
			return;
		if (n == 0 && text == NULL)
			return;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			fail_msg("it ended: %s", sp_buf_str(b).p);
		world_turn(w, n > 0 ? 0 : 1);
	}
	fail_msg("nothing came: %s", sp_buf_str(b).p);
}

/* As hear(), and forget it. */
static inline void expect(struct world *w, int fd, const char *text)
{
	struct sp_buf b;

	sp_buf_init(&b, 1u << 24);
	hear(w, fd, &b, text);
	sp_buf_fini(&b);
}

/* The connection ends with a reset (true) or orderly. */
static inline bool ends_reset(struct world *w, int fd)
{
	char buf[4096];

	for (uint64_t late = world_late(); sp_loop_mono_us() < late;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n == 0)
			return false;
		if (n < 0 && errno != EAGAIN)
			return true;
		world_turn(w, n > 0 ? 0 : 1);
	}
	fail_msg("it does not end");
	return false;
}

static inline void reset(int fd)
{
	sp_sock_reset(fd);
}

/* The deadline of the newest connection passes now. */
static inline void world_timeout(struct world *w)
{
	struct sp_timer *t = &w->gate.conns->timer;

	assert_int_not_equal(t->index, 0);
	sp_timer_del(w->loop, t);
	t->run(t);
}

/* What happens between the kernel's note about one socket and the work that
 * follows it: races that a test cannot win otherwise. */
struct world_race {
	void (*then)(void *arg);
	void *arg;
	void (*on_ready)(void *arg);
	void *ready_arg;
};

static inline void world_race_run(void *arg)
{
	struct world_race *r = arg;

	if (r->then != NULL)
		r->then(r->arg);
	r->then = NULL;
	r->on_ready(r->ready_arg);
}

static inline void world_race(struct world_race *r, struct sp_flow *f,
                              void (*then)(void *arg), void *arg)
{
	*r = (struct world_race){ then, arg, f->on_ready, f->arg };
	f->on_ready = world_race_run;
	f->arg = r;
}

/* With nothing to do, a turn waits. A loop that spins is a denial of service
 * for the price of one connection. */
static inline void assert_calm(struct world *w)
{
	uint64_t from;

	world_settle(w);
	from = sp_loop_mono_us();
	for (unsigned i = 0; i < 20; i++)
		world_turn(w, 5);
	assert_true(sp_loop_mono_us() - from > 60000);
}

#endif
