/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who ends a connection, how, and what must still arrive: half-closed and slow
 * clients, resets, servers that die. Nothing is cut silently, nothing spins.
 */
#include "test.h"

#include "a_gate.h"

static const char policy[] = "allowed_hosts: [a.test]\n"
			     "resolve:\n"
			     "  \"a.test:80\": \"127.0.0.1:%P\"\n";

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

static int start(struct world *w, int client, const char *request)
{
	int server;

	say(client, request);
	server = world_server(w);
	expect(w, server, "\r\n\r\n");
	return server;
}

/* The kernel takes no more for the client, also after it has thought about it
 * (the timer of TCP that asks for a window is 200 ms). */
static bool is_full(struct world *w)
{
	const struct sp_buf *out = &w->gate.conns->client.out;

	if (sp_buf_len(out) < 40000)
		return false;
	for (unsigned i = 0; i < 50; i++)
		world_turn(w, 10);
	return sp_buf_len(out) >= 40000;
}

/* Chunks until some wait in the gate, because all before it is full. */
static size_t say_until_full(struct world *w, int server)
{
	static const char chunk[] = "1000\r\n" /* and 4096 bytes */;
	struct sp_buf b;
	size_t n = 0;

	sp_buf_init(&b, 8192);
	sp_buf_text(&b, chunk);
	while (sp_buf_len(&b) < sizeof(chunk) - 1 + 4096)
		sp_buf_byte(&b, 'x');
	sp_buf_text(&b, "\r\n");
	while (!is_full(w)) {
		assert_int_equal(send(server, b.p, sp_buf_len(&b), 0),
		                 sp_buf_len(&b));
		n += 4096;
		world_turn(w, 0);
		world_turn(w, 0);
	}
	say(server, "0\r\n\r\n");
	sp_buf_fini(&b);
	return n;
}

/* The client reads nothing until the gate is done with the server, and then
 * longer than a drain takes; all of the body is there all the same. */
static void slow_reader(const char *request, bool half_close)
{
	struct world *w = world_new(policy);
	int client, server;
	struct sp_buf b;
	size_t n, got = 0;

	sp_buf_init(&b, 1u << 24);
	w->narrow = true;
	client = world_client(w, "a.test", 80);
	server = start(w, client, request);
	if (half_close)
		shutdown(client, SHUT_WR);
	say(server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	n = say_until_full(w, server);
	world_settle(w);
	assert_int_equal(w->closes, 1);
	for (unsigned i = 0; i < 130; i++)
		world_turn(w, 10);
	hear(w, client, &b, NULL);
	for (size_t i = 0; i < sp_buf_len(&b); i++)
		got += b.p[i] == 'x';
	assert_int_equal(got, n);
	assert_memory_equal(b.p + sp_buf_len(&b) - 5, "0\r\n\r\n", 5);
	close(client);
	world_settle(w);
	assert_int_equal(w->gate.n_conns, 0);
	sp_buf_fini(&b);
	close(server);
	world_free(w);
}

static void test_slow_reader_of_a_last_response(void **state)
{
	(void)state;
	slow_reader("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n"
	            "\r\n",
	            false);
}

static void test_slow_reader_that_half_closes(void **state)
{
	(void)state;
	slow_reader(GET, true);
}

/* ----------------------------------------------------- a client that resets */

static void reset_client(void *arg)
{
	reset(*(int *)arg);
}

/* The reset comes between the event and the write, which then eats the error
 * that the read would have shown. */
static void test_client_resets_while_we_write(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;
	struct world_race race;

	(void)state;
	server = start(w, client, GET);
	say(server, "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n");
	expect(w, client, "\r\n\r\n");
	world_race(&race, &w->gate.conns->x->up->flow, reset_client, &client);
	say(server, "body");
	world_settle(w);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->reason, SP_REASON_CLIENT_GONE);
	assert_int_equal(w->gate.n_conns, 0);
	assert_calm(w);
	close(server);
	world_free(w);
}

/* FIN first, then a reset: the read side has ended and shows nothing. */
static void test_client_closes_then_resets(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;

	(void)state;
	server = start(w, client, GET);
	shutdown(client, SHUT_WR);
	world_settle(w);
	assert_int_equal(w->closes, 0); /* half-closed is fine */
	reset(client);
	world_settle(w);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->reason, SP_REASON_CLIENT_GONE);
	close(server);
	world_free(w);
}

/* At every step the client may go. */
static void test_client_goes_at_each_step(void **state)
{
	(void)state;
	for (unsigned step = 0; step < 5; step++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80), server = -1;

		w->hold = step == 2;
		if (step == 1)
			say(client, "GET / HT");
		if (step >= 2)
			say(client, "POST / HTTP/1.1\r\nHost: a.test\r\n"
			            "Content-Length: 10\r\n\r\nabc");
		if (step >= 3) {
			server = world_server(w);
			expect(w, server, "\r\n\r\nabc");
		}
		if (step >= 4) {
			say(server, "HTTP/1.1 200 OK\r\n\r\nabc");
			expect(w, client, "abc");
		}
		world_settle(w);
		reset(client);
		world_settle(w);
		if (w->hold)
			world_let_go(w, true);
		world_settle(w);
		assert_int_equal(w->gate.n_conns, 0);
		assert_int_equal(w->closes, w->opens);
		assert_int_equal(w->opens, step >= 2);
		if (server >= 0)
			close(server);
		world_free(w);
	}
}

/* ----------------------------------------------------- a server that resets */

struct dying {
	int server;
	const char *last_words;
};

static void die(void *arg)
{
	struct dying *d = arg;

	say(d->server, d->last_words);
	reset(d->server);
}

/* A reset is never the end of a body that ends with the connection, also if
 * it was the write that saw it. */
static void test_server_resets_while_we_write(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80);
	struct dying d = { .last_words = "only a part" };
	struct world_race race;
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, 1u << 20);
	d.server = start(w, client,
	                 "POST / HTTP/1.1\r\nHost: a.test\r\n"
	                 "Content-Length: 1000\r\n\r\nabc");
	say(d.server, "HTTP/1.1 200 OK\r\n\r\n");
	hear(w, client, &b, "\r\n\r\n");
	world_race(&race, &w->gate.conns->client, die, &d);
	say(client, "more body");
	world_settle(w);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->reason, SP_REASON_UPSTREAM_TRUNCATED);
	assert_true(ends_reset(w, client));
	sp_buf_fini(&b);
	close(client);
	world_free(w);
}

/* The server answers and resets; the client neither reads nor stops sending:
 * nobody spins meanwhile. */
static void test_dead_server_and_a_slow_client(void **state)
{
	struct world *w = world_new(policy);
	struct dying d = { .last_words = "" };
	struct world_race race;
	int client;

	(void)state;
	w->narrow = true;
	client = world_client(w, "a.test", 80);
	d.server = start(w, client,
	                 "POST / HTTP/1.1\r\nHost: a.test\r\n"
	                 "Content-Length: 100000000\r\n\r\n");
	say(d.server, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
	for (unsigned stuck = 0; stuck < 50; stuck++) {
		static const char block[65536] = { 0 };

		if (send(d.server, block, sizeof(block), MSG_NOSIGNAL) > 0)
			stuck = 0;
		world_turn(w, stuck > 20 ? 10 : 0);
	}
	world_race(&race, &w->gate.conns->client, die, &d);
	/* Taken or not: what the reset does to the client is another test. */
	(void)send(client, "more body", 9, MSG_NOSIGNAL);
	world_settle(w);
	(void)send(client, "more body", 9, MSG_NOSIGNAL);
	assert_calm(w);
	close(client);
	world_free(w);
}

/* ---------------------------------------------------------------- records */

/* A denied connection that ends before it has said anything was a try. */
static void test_a_silent_denied_connection_is_recorded(void **state)
{
	struct world *w = world_new(policy);

	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		int client = world_client(w, "denied.test", 80);

		if (how == 1)
			reset(client);
		else if (how == 0)
			close(client);
		world_settle(w);
		if (how == 2) {
			world_timeout(w);
			world_settle(w);
			close(client);
		}
		assert_int_equal(w->finals, how + 1);
		assert_int_equal(w->reason, SP_REASON_HOST_DENIED);
		assert_int_equal(w->gate.n_conns, 0);
	}
	close(world_client(w, "a.test", 80)); /* not denied: nothing to say */
	world_settle(w);
	assert_int_equal(w->finals, 3);
	world_free(w);
}

/* Where the server would speak first, the client will not: no waiting. */
static void test_denied_server_first_ports(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "denied.test", 22);

	(void)state;
	world_turn(w, 0);
	world_turn(w, 0);
	assert_int_equal(w->gate.n_conns, 0);
	assert_true(ends_reset(w, client));
	assert_int_equal(w->reason, SP_REASON_HOST_DENIED);
	assert_int_equal(w->finals, 1);
	close(client);
	client = world_client(w, "denied.test", 8080);
	world_turn(w, 0);
	world_turn(w, 0);
	assert_int_equal(w->gate.n_conns, 1);
	say(client, "GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n");
	expect(w, client, "403 Forbidden");
	close(client);
	world_free(w);
}

static void test_stop_says_why(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;

	(void)state;
	server = start(w, client, GET);
	sp_gate_stop(&w->gate);
	world_settle(w);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->reason, SP_REASON_SHUTDOWN);
	close(client);
	close(server);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_reader_of_a_last_response),
		cmocka_unit_test(test_slow_reader_that_half_closes),
		cmocka_unit_test(test_client_resets_while_we_write),
		cmocka_unit_test(test_client_closes_then_resets),
		cmocka_unit_test(test_client_goes_at_each_step),
		cmocka_unit_test(test_server_resets_while_we_write),
		cmocka_unit_test(test_dead_server_and_a_slow_client),
		cmocka_unit_test(test_a_silent_denied_connection_is_recorded),
		cmocka_unit_test(test_denied_server_first_ports),
		cmocka_unit_test(test_stop_says_why),
	};

	return cmocka_run_group_tests_name("txn/gate ends", tests, NULL, NULL);
}
