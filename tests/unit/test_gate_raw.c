/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that are relayed as they are, through a whole gate.
 */
#include "test.h"

#include "a_gate.h"
#include "a_hello.h"
#include "rng.h"

static const char policy[] = "allowed_hosts: [s.test]\n"
			     "tcp: [\"a.test:2222\"]\n"
			     "tls:\n"
			     "  splice: [s.test]\n"
			     "resolve:\n"
			     "  \"a.test:2222\": \"127.0.0.1:%P\"\n"
			     "  \"s.test:443\": \"127.0.0.1:%P\"\n";

/* The server speaks first; then each half is closed by its owner. */
static void test_both_ways_and_half_close(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 2222), server = world_server(w);

	(void)state;
	assert_int_equal(w->opens, 1);
	say(server, "hello\n");
	expect(w, client, "hello\n");
	say(client, "last words");
	shutdown(client, SHUT_WR);
	expect(w, server, "last words");
	world_settle(w);
	assert_int_equal(recv(server, &(char){ 0 }, 1, 0), 0);
	say(server, "answer");
	expect(w, client, "answer");
	assert_int_equal(w->closes, 0);
	shutdown(server, SHUT_WR);
	assert_false(ends_reset(w, client));
	world_settle(w);
	assert_int_equal(w->outcome, SP_OUT_COMPLETE);
	assert_int_equal(w->up, 10);
	assert_int_equal(w->down, 12);
	close(client);
	close(server);
	world_free(w);
}

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

static void push(int fd, struct rng *r, uint64_t *sent, uint64_t all)
{
	uint8_t buf[8192];
	size_t n = rng_below(r, sizeof(buf));

	if (n > all - *sent)
		n = (size_t)(all - *sent);
	for (size_t i = 0; i < n; i++)
		buf[i] = byte_at(*sent + i);
	ssize_t k = send(fd, buf, n, MSG_NOSIGNAL);
	*sent += k > 0 ? (uint64_t)k : 0;
}

static void pull(int fd, struct rng *r, uint64_t *got)
{
	uint8_t buf[8192];
	ssize_t n = recv(fd, buf, 1 + rng_below(r, sizeof(buf) - 1), 0);

	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], byte_at(*got + (uint64_t)i));
	*got += n > 0 ? (uint64_t)n : 0;
}

/* Megabytes both ways at once, by fits and starts. */
static void test_much_both_ways(void **state)
{
	struct world *w = world_new(policy);
	uint64_t up_in = 0, up_out = 0, down_in = 0, down_out = 0;
	const uint64_t all = 3000000;
	struct rng r = { .state = 5 };
	int client, server;

	(void)state;
	w->narrow = true;
	client = world_client(w, "a.test", 2222);
	server = world_server(w);
	while (up_out < all || down_out < all) {
		unsigned do_what = rng_below(&r, 8);

		if (do_what < 3)
			push(client, &r, &up_in, all);
		else if (do_what < 6)
			push(server, &r, &down_in, all);
		if (do_what % 2 == 0 || rng_below(&r, 2) == 0)
			pull(server, &r, &up_out);
		else
			pull(client, &r, &down_out);
		if (rng_below(&r, 4) == 0)
			world_turn(w, 0);
	}
	assert_calm(w);
	close(client);
	close(server);
	world_free(w);
}

/* A reset on one side is one on the other side, never an orderly end. */
static void test_resets_are_passed_on(void **state)
{
	(void)state;
	for (unsigned by_client = 0; by_client < 2; by_client++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 2222);
		int server = world_server(w);

		say(client, "up");
		say(server, "down");
		expect(w, server, "up");
		expect(w, client, "down");
		reset(by_client ? client : server);
		assert_true(ends_reset(w, by_client ? server : client));
		world_settle(w);
		assert_int_equal(w->reason, by_client
		                                    ? SP_REASON_CLIENT_GONE
		                                    : SP_REASON_UPSTREAM_RESET);
		assert_int_equal(w->gate.n_conns, 0);
		close(by_client ? server : client);
		world_free(w);
	}
}

static void reset_it(void *arg)
{
	reset(*(int *)arg);
}

/* The server is gone, and it was a write that noticed. */
static void test_server_resets_while_we_write(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 2222), server = world_server(w);
	struct world_race race;

	(void)state;
	say(client, "up");
	expect(w, server, "up");
	world_race(&race, &w->gate.conns->client, reset_it, &server);
	say(client, "more");
	world_turn(w, 10);
	say(client, "and more");
	assert_calm(w);
	assert_true(ends_reset(w, client));
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->reason, SP_REASON_UPSTREAM_RESET);
	close(client);
	world_free(w);
}

/* The server closes and the client goes on sending, to nobody. */
static void test_server_closes_first(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 2222), server = world_server(w);

	(void)state;
	say(server, "bye");
	close(server);
	expect(w, client, "bye");
	say(client, "who hears this?");
	world_settle(w);
	say(client, "or this?");
	world_settle(w);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->outcome, SP_OUT_COMPLETE);
	close(client);
	world_settle(w);
	assert_int_equal(w->gate.n_conns, 0);
	world_free(w);
}

/* Bytes that TCP calls urgent are bytes. */
static void test_urgent_data(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 2222), server = world_server(w);

	(void)state;
	say(client, "ab");
	assert_int_equal(send(client, "c", 1, MSG_OOB), 1);
	say(client, "de");
	assert_int_equal(send(client, "f", 1, MSG_OOB), 1);
	say(client, "gh");
	expect(w, server, "abcdefgh");
	close(client);
	close(server);
	world_free(w);
}

/* ----------------------------------------------------------------- splice */

static void put(int fd, const struct sp_buf *b)
{
	assert_int_equal(send(fd, b->p, sp_buf_len(b), MSG_NOSIGNAL),
	                 sp_buf_len(b));
}

/* A second hello, sent in one piece with the first, or when it was asked for;
 * behind a change-cipher-spec, as OpenSSL does it. */
static void second_hello(const char *name, bool at_once, bool ok)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "s.test", 443), server;
	struct sp_buf first, second, answer, got;

	sp_buf_init(&first, 4096);
	sp_buf_init(&second, 4096);
	sp_buf_init(&answer, 4096);
	sp_buf_init(&got, 1u << 20);
	put_hello(&first, "s.test", 16384);
	put_record(&second, 20, (struct sp_str){ (const uint8_t *)"\1", 1 });
	put_hello(&second, name, 16384);
	put_answer(&answer, true, 16384);
	if (at_once)
		sp_buf_add(&first, sp_buf_str(&second));
	put(client, &first);
	server = world_server(w);
	hear(w, server, &got, "s.test");
	world_settle(w);
	assert_int_equal(w->opens, 1);
	put(server, &answer);
	hear(w, client, &got, "\xa8\x33\x9c");
	sp_buf_reset(&got);
	if (!at_once)
		put(client, &second);
	if (ok) {
		hear(w, server, &got, name);
	} else {
		assert_true(ends_reset(w, client));
		assert_true(ends_reset(w, server));
		world_settle(w);
		assert_int_equal(w->reason, SP_REASON_SNI_MISMATCH);
	}
	sp_buf_fini(&first);
	sp_buf_fini(&second);
	sp_buf_fini(&answer);
	sp_buf_fini(&got);
	close(client);
	close(server);
	world_free(w);
}

static void test_second_hello(void **state)
{
	(void)state;
	for (unsigned at_once = 0; at_once < 2; at_once++) {
		second_hello("s.test", at_once, true);
		second_hello("evil.test", at_once, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways_and_half_close),
		cmocka_unit_test(test_much_both_ways),
		cmocka_unit_test(test_resets_are_passed_on),
		cmocka_unit_test(test_server_resets_while_we_write),
		cmocka_unit_test(test_server_closes_first),
		cmocka_unit_test(test_urgent_data),
		cmocka_unit_test(test_second_hello),
	};

	if (getenv("FILTER") != NULL)
		cmocka_set_test_filter(getenv("FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
