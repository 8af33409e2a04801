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
#define BIG 4000000u

static int start(struct world *w, int client, const char *request)
{
	int server;

	say(client, request);
	server = world_server(w);
	expect(w, server, "\r\n\r\n");
	return server;
}

static size_t read_some(int fd, size_t max)
{
	uint8_t buf[8192];
	ssize_t n = recv(fd, buf, max < sizeof(buf) ? max : sizeof(buf), 0);

	return n > 0 ? (size_t)n : 0;
}

/* The client reads only when it must for the server to get rid of its body,
 * then sleeps longer than a drain takes, then reads the rest: all is there. */
static void slow_reader(const char *request, bool half_close)
{
	static const char block[65536] = { 0 };
	struct world *w = world_new(policy);
	size_t sent = 0, got = 0;
	int client, server;

	w->narrow = true;
	client = world_client(w, "a.test", 80);
	server = start(w, client, request);
	if (half_close)
		shutdown(client, SHUT_WR);
	say(server, "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n");
	while (sent < BIG) {
		size_t n = BIG - sent < 65536 ? BIG - sent : 65536;
		ssize_t k = send(server, block, n, MSG_NOSIGNAL);

		if (k > 0)
			sent += (size_t)k;
		else
			got += read_some(client, 1000);
		world_turn(w, 0);
	}
	for (unsigned i = 0; i < 5000 && w->closes == 0; i++) {
		world_turn(w, 1);
		got += read_some(client, 20000);
	}
	assert_int_equal(w->closes, 1); /* for the gate it is over */
	for (unsigned i = 0; i < 130; i++)
		world_turn(w, 10);
	for (unsigned i = 0; i < 5000 && got <= BIG; i++) {
		size_t n = read_some(client, 65536);

		got += n;
		world_turn(w, n > 0 ? 0 : 1);
	}
	assert_true(got > BIG && got < BIG + 200);
	world_settle(w);
	assert_int_equal(w->gate.n_conns, 0);
	close(client);
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
	for (unsigned i = 0; i < 400; i++) { /* until nothing moves */
		static const char block[65536] = { 0 };

		(void)send(d.server, block, sizeof(block), MSG_NOSIGNAL);
		world_turn(w, 0);
	}
	world_race(&race, &w->gate.conns->client, die, &d);
	say(client, "more body");
	world_settle(w);
	say(client, "more body");
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

	if (getenv("FILTER") != NULL)
		cmocka_set_test_filter(getenv("FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
