/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/flow.h"
#include "rng.h"

struct pair {
	struct sp_loop *loop;
	struct sp_flow a, b;
	unsigned ready;
};

static void on_ready(void *arg)
{
	((struct pair *)arg)->ready++;
}

static void open_pair(struct pair *p)
{
	struct sp_err err;
	int sv[2];

	*p = (struct pair){ .ready = 0 };
	assert_int_equal(sp_loop_new(&p->loop, &err), SP_OK);
	assert_int_equal(socketpair(AF_UNIX,
	                            SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	                            0, sv),
	                 0);
	assert_int_equal(sp_flow_open(&p->a, p->loop, sv[0], on_ready, p),
	                 SP_OK);
	assert_int_equal(sp_flow_open(&p->b, p->loop, sv[1], on_ready, p),
	                 SP_OK);
}

static void close_pair(struct pair *p)
{
	sp_flow_fini(&p->a);
	sp_flow_fini(&p->b);
	sp_flow_fini(&p->b); /* twice is harmless */
	sp_loop_free(p->loop);
}

/* Random sizes, a slow reader: all bytes arrive, in order, within bounds. */
static void test_bytes_arrive_and_memory_is_bounded(void **state)
{
	struct rng r = { .state = 99 };
	uint64_t sent = 0, got = 0;
	struct pair p;

	(void)state;
	open_pair(&p);
	for (unsigned i = 0; i < 200000 && got < 20000000; i++) {
		uint8_t piece[3000];
		size_t n = rng_below(&r, sizeof(piece)), room;
		struct sp_str s;

		room = sp_flow_room(&p.a);
		n = n < room ? n : room;
		for (size_t k = 0; k < n; k++)
			piece[k] = (uint8_t)((sent + k) * 31u >> 3);
		sp_flow_send(&p.a, (struct sp_str){ piece, n });
		sent += n;
		sp_flow_flush(&p.a);
		assert_true(sp_buf_len(&p.a.out) <= SP_FLOW_HIGH);
		assert_int_equal(sp_loop_turn(p.loop, 0), SP_OK);
		sp_flow_fill(&p.b);
		s = sp_buf_str(&p.b.plain);
		assert_true(s.n <= SP_FLOW_HIGH);
		n = rng_below(&r, 3) == 0 ? s.n : s.n / 3;
		for (size_t k = 0; k < n; k++)
			assert_int_equal(s.p[k],
			                 (uint8_t)((got + k) * 31u >> 3));
		got += n;
		sp_buf_consume(&p.b.plain, n);
	}
	assert_true(got >= 20000000);
	close_pair(&p);
}

/* The last bytes are read before the end is told, and the end is orderly. */
static void test_end_comes_after_the_data(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	sp_flow_send(&p.a, sp_str("last words"));
	sp_flow_shut(&p.a);
	assert_int_equal(sp_flow_room(&p.a), 0);
	assert_int_equal(sp_loop_turn(p.loop, 100), SP_OK);
	for (unsigned i = 0; i < 3; i++)
		sp_flow_fill(&p.b);
	assert_true(sp_str_is(sp_buf_str(&p.b.plain), "last words"));
	assert_true(p.b.eof && !p.b.truncated && !p.b.dead);
	/* The other direction still works. */
	sp_flow_send(&p.b, sp_str("answer"));
	sp_flow_flush(&p.b);
	assert_int_equal(sp_loop_turn(p.loop, 100), SP_OK);
	sp_flow_fill(&p.a);
	assert_true(sp_str_is(sp_buf_str(&p.a.plain), "answer"));
	close_pair(&p);
}

/* A full buffer stops the reading, and taking from it starts it again. */
static void test_a_full_buffer_stops_reading(void **state)
{
	uint8_t piece[8192] = { 0 };
	size_t written = 0;
	struct pair p;

	(void)state;
	open_pair(&p);
	while (written < 2 * SP_FLOW_HIGH) {
		ssize_t n = send(p.b.watch.fd, piece, sizeof(piece), 0);

		assert_true(n > 0);
		written += (size_t)n;
	}
	sp_flow_fill(&p.a);
	assert_int_equal(sp_buf_len(&p.a.plain), SP_FLOW_HIGH);
	assert_false(sp_flow_may_have_more(&p.a));
	sp_buf_consume(&p.a.plain, SP_FLOW_HIGH);
	assert_true(sp_flow_may_have_more(&p.a));
	sp_flow_fill(&p.a);
	assert_int_equal(sp_buf_len(&p.a.plain), SP_FLOW_HIGH);
	close_pair(&p);
}

static void test_sending_to_a_closed_peer_is_no_signal(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	sp_flow_fini(&p.b);
	sp_flow_send(&p.a, sp_str("anybody?"));
	sp_flow_flush(&p.a);
	assert_int_equal(sp_flow_room(&p.a), 0);
	assert_int_equal(sp_loop_turn(p.loop, 100), SP_OK);
	sp_flow_fill(&p.a);
	assert_true(p.a.eof);
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_arrive_and_memory_is_bounded),
		cmocka_unit_test(test_end_comes_after_the_data),
		cmocka_unit_test(test_a_full_buffer_stops_reading),
		cmocka_unit_test(test_sending_to_a_closed_peer_is_no_signal),
	};

	return cmocka_run_group_tests_name("net/flow", tests, NULL, NULL);
}
