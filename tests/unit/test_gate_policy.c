/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new policy, and a keeper that is slow, at each step of an exchange.
 */
#include "test.h"

#include "a_gate.h"

/* 127.0.0.1 is an address that needs a rule: the override is one. */
static const char open_policy[] = "allowed_hosts: [a.test]\n"
				  "resolve:\n"
				  "  \"a.test:80\": \"127.0.0.1:%P\"\n";
static const char other_address[] = "allowed_hosts: [a.test]\n"
				    "resolve:\n"
				    "  \"a.test:80\": \"127.0.0.2:%P\"\n";
static const char no_path[] = "allowed_hosts: [a.test]\n"
			      "rules:\n"
			      "  - host: a.test\n"
			      "    paths: [\"/x\"]\n"
			      "    action: deny\n"
			      "resolve:\n"
			      "  \"a.test:80\": \"127.0.0.1:%P\"\n";
static const char no_host[] = "allowed_hosts: [b.test]\n";

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define OK_2(body) "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" body

static void change(struct world *w, const char *text)
{
	sp_gate_set_policy(&w->gate, world_policy(w, text), w->gate.epoch + 1);
}

static const struct {
	const char *text;
	enum sp_reason reason;
} changes[] = {
	{ no_host, SP_REASON_HOST_DENIED },
	{ no_path, SP_REASON_RULE_DENIED },
	{ other_address, SP_REASON_ADDRESS_DENIED },
};

/* Before it is recorded nobody is connected; after it the connection ends. */
static void test_forbidden_while_it_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(changes); i++) {
		for (unsigned step = 0; step < 3; step++) {
			struct world *w = world_new(open_policy);
			int client = world_client(w, "a.test", 80);
			int server = -1;

			w->hold = step == 0;
			say(client, GET("/x"));
			if (step > 0) {
				server = world_server(w);
				expect(w, server, "GET /x");
			}
			if (step > 1) {
				say(server, "HTTP/1.1 200 OK\r\n\r\nabc");
				expect(w, client, "abc");
			}
			world_settle(w);
			change(w, changes[i].text);
			world_let_go(w, true);
			if (step < 2)
				expect(w, client, "403 Forbidden");
			else
				assert_true(ends_reset(w, client));
			if (server >= 0)
				assert_true(ends_reset(w, server));
			world_settle(w);
			assert_int_equal(w->opens, 1);
			assert_int_equal(w->closes, 1);
			assert_int_equal(w->reason, changes[i].reason);
			assert_int_equal(
				accept4(w->listener, NULL, NULL, SOCK_CLOEXEC),
				-1);
			close(client);
			if (server >= 0)
				close(server);
			world_free(w);
		}
	}
}

/* What is still allowed goes on; its connection is not used again, because
 * it was opened under other rules. */
static void test_allowed_goes_on(void **state)
{
	struct world *w = world_new(open_policy);
	int client = world_client(w, "a.test", 80), server, again;

	(void)state;
	say(client, GET("/y"));
	server = world_server(w);
	expect(w, server, "GET /y");
	change(w, no_path);
	say(server, OK_2("hi"));
	expect(w, client, "\r\n\r\nhi");
	say(client, GET("/z"));
	again = world_server(w);
	expect(w, again, "GET /z");
	say(again, OK_2("ok"));
	expect(w, client, "\r\n\r\nok");
	say(client, GET("/x")); /* judged by the new one */
	expect(w, client, "403 Forbidden");
	change(w, no_host); /* kept connections are closed */
	world_settle(w);
	assert_false(ends_reset(w, again));
	close(client);
	close(server);
	close(again);
	world_free(w);
}

/* -------------------------------------------------------------- the keeper */

/*
 * A keeper that does not read for a while: denials are records, too. Clients
 * that go on asking wait; nothing is lost, nobody is told a lie, and the
 * channel survives.
 */
static void test_slow_keeper(void **state)
{
	struct world *w = world_new(open_policy);
	int client[16];
	size_t asked = 0, told = 0;
	struct sp_buf ask;

	(void)state;
	sp_buf_init(&ask, 4096);
	sp_buf_printf(&ask, "GET /%0300d HTTP/1.1\r\nHost: denied.test\r\n\r\n",
	              1);
	w->deaf = true;
	for (size_t i = 0; i < SP_COUNT(client); i++)
		client[i] = world_client(w, "denied.test", 80);
	for (unsigned round = 0; round < 400; round++) {
		for (size_t i = 0; i < SP_COUNT(client); i++) {
			asked += send(client[i], ask.p, sp_buf_len(&ask),
			              MSG_NOSIGNAL) > 0;
		}
		world_turn(w, 0);
	}
	assert_false(sp_link_healthy(w->gate.link));
	assert_int_equal(w->lost, 0);
	assert_calm(w);
	w->deaf = false;
	for (size_t i = 0; i < SP_COUNT(client); i++) {
		struct sp_buf b;

		sp_buf_init(&b, 1u << 26);
		shutdown(client[i], SHUT_WR);
		hear(w, client[i], &b, NULL);
		for (struct sp_str s = sp_buf_str(&b);;) {
			const uint8_t *at =
				memmem(s.p, s.n, "HTTP/1.1 403", 12);

			if (at == NULL)
				break;
			told++;
			sp_str_take(&s, (size_t)(at - s.p) + 12);
		}
		sp_buf_fini(&b);
		close(client[i]);
	}
	assert_int_equal(told, asked);
	world_settle(w);
	assert_int_equal(w->finals, asked);
	sp_buf_fini(&ask);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden_while_it_goes_on),
		cmocka_unit_test(test_allowed_goes_on),
		cmocka_unit_test(test_slow_keeper),
	};

	if (getenv("FILTER") != NULL)
		cmocka_set_test_filter(getenv("FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
