/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow with TLS, and a peer that abuses it.
 */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tls/session_int.h" /* first: OpenSSL names what we ban */
#include "net/flow.h"
#include "tls_peer.h"

static void on_ready(void *arg)
{
	(void)arg;
}

struct fix {
	struct bench b;
	struct pair p;
	struct sp_loop *loop;
	struct sp_flow flow; /* the server's end */
	int peer;
};

/* The handshake is done in memory; what follows goes over a socket. */
static void start(struct fix *f)
{
	struct sp_err err;
	int sv[2];

	*f = (struct fix){ .peer = -1 };
	bench_init(&f->b);
	leaf_as(&f->b, f->b.ca, "a.example", "a.example", f->b.now_s);
	pair_init(&f->b, &f->p, "a.example", "a.example");
	pair_handshake(&f->p);
	assert_int_equal(f->p.c.rc, SP_DONE);
	assert_int_equal(f->p.s.rc, SP_DONE);
	assert_int_equal(side_read(&f->p.c, &f->p.s), SP_OK); /* tickets */
	assert_int_equal(sp_loop_new(&f->loop, &err), SP_OK);
	assert_int_equal(socketpair(AF_UNIX,
	                            SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	                            0, sv),
	                 0);
	f->peer = sv[1];
	setsockopt(f->peer, SOL_SOCKET, SO_SNDBUF, &(int){ 4 << 20 },
	           sizeof(int));
	assert_int_equal(sp_flow_open(&f->flow, f->loop, sv[0], on_ready, f),
	                 SP_OK);
	sp_flow_start_tls(&f->flow, f->p.s.tls);
	f->flow.hand = false;
	f->p.s.tls = NULL; /* the flow's now */
}

static void stop(struct fix *f)
{
	sp_flow_fini(&f->flow);
	close(f->peer);
	sp_loop_free(f->loop);
	pair_fini(&f->p);
	bench_fini(&f->b);
}

/* Into the socket, as much as it takes. */
static size_t put(struct fix *f)
{
	struct sp_str s = sp_buf_str(&f->p.c.out);
	ssize_t n = send(f->peer, s.p, s.n, MSG_NOSIGNAL);

	assert_true(n > 0);
	sp_buf_consume(&f->p.c.out, (size_t)n);
	return (size_t)n;
}

/*
 * Records that carry nothing but themselves fill no buffer that would stop the
 * reading: a peer that sends them as fast as it can has its share of the turn
 * and no more.
 */
static void test_one_peer_has_its_share(void **state)
{
	struct sp_str byte = { (const uint8_t *)"x", 1 };
	size_t sent;
	struct fix f;

	(void)state;
	start(&f);
	for (unsigned i = 0; i < 8000; i++) {
		assert_int_equal(SSL_key_update(f.p.c.tls->ssl,
		                                SSL_KEY_UPDATE_NOT_REQUESTED),
		                 1);
		assert_int_equal(sp_tls_write(f.p.c.tls, byte, &f.p.c.out),
		                 SP_OK);
	}
	sent = put(&f);
	assert_true(sent > 3 * SP_FLOW_WIRE);
	sp_flow_fill(&f.flow);
	assert_true(f.flow.received <= 2 * SP_FLOW_WIRE);
	assert_true(sp_flow_may_have_more(&f.flow));
	for (unsigned i = 0; i < 20; i++)
		sp_flow_fill(&f.flow);
	assert_true(f.flow.received == sent);
	assert_false(f.flow.dead);
	stop(&f);
}

/* The last bytes and then the end; without the end it is truncated. */
static void test_end_of_tls(void **state)
{
	(void)state;
	for (unsigned orderly = 0; orderly < 2; orderly++) {
		struct fix f;

		start(&f);
		assert_int_equal(sp_tls_write(f.p.c.tls, sp_str("last words"),
		                              &f.p.c.out),
		                 SP_OK);
		if (orderly)
			sp_tls_close(f.p.c.tls, &f.p.c.out);
		put(&f);
		shutdown(f.peer, SHUT_WR);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(sp_loop_turn(f.loop, 10), SP_OK);
			sp_flow_fill(&f.flow);
		}
		assert_true(sp_str_is(sp_buf_str(&f.flow.plain), "last words"));
		assert_true(f.flow.eof);
		assert_int_equal(f.flow.truncated, !orderly);
		stop(&f);
	}
}

/* What we still have to say comes before our end, however much it is. */
static void test_our_end_comes_last(void **state)
{
	uint8_t block[4096] = { 0 };
	size_t sent = 0;
	struct fix f;

	(void)state;
	start(&f);
	while (sp_flow_room(&f.flow) >= sizeof(block)) {
		sp_flow_send(&f.flow, (struct sp_str){ block, sizeof(block) });
		sent += sizeof(block);
		if (sent % 8 == 0)
			sp_flow_flush(&f.flow);
	}
	sp_flow_shut(&f.flow);
	assert_false(f.flow.dead);
	for (unsigned i = 0; i < 1000 && f.p.c.rc == SP_DONE; i++) {
		uint8_t *p = sp_buf_room(&f.p.c.in, 65536);
		ssize_t n = recv(f.peer, p, 65536, 0);

		if (n > 0)
			sp_buf_commit(&f.p.c.in, (size_t)n);
		assert_int_equal(sp_loop_turn(f.loop, 0), SP_OK);
		sp_flow_flush(&f.flow);
		if (sp_tls_read(f.p.c.tls, &f.p.c.in, &f.p.c.plain,
		                &f.p.c.out) == SP_DONE)
			break;
	}
	assert_int_equal(sp_buf_len(&f.p.c.plain), sent);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_peer_has_its_share),
		cmocka_unit_test(test_end_of_tls),
		cmocka_unit_test(test_our_end_comes_last),
	};

	return cmocka_run_group_tests_name("net/flow tls", tests, NULL, NULL);
}
