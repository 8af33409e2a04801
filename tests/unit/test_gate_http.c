/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP through a whole gate: what may go wrong at each step.
 */
#include "test.h"

#include "a_gate.h"

static const char policy[] = "allowed_hosts: [a.test, b.test]\n"
			     "rules:\n"
			     "  - host: a.test\n"
			     "    paths: [\"/secret/**\"]\n"
			     "    action: deny\n"
			     "resolve:\n"
			     "  \"a.test:80\": \"127.0.0.1:%P\"\n"
			     "  \"b.test:80\": \"127.0.0.1:%P\"\n";

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define POST(path, length)                                                     \
	"POST " path " HTTP/1.1\r\nHost: a.test\r\nContent-Length: " length    \
	"\r\n\r\n"
#define OK_2(body) "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" body

static void test_one_request(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;

	(void)state;
	say(client, GET("/x"));
	server = world_server(w);
	expect(w, server, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
	assert_int_equal(w->opens, 1);
	say(server, OK_2("hi"));
	expect(w, client, "\r\n\r\nhi");
	world_settle(w);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->outcome, SP_OUT_COMPLETE);
	assert_int_equal(w->down, 2);
	assert_calm(w);
	close(client);
	close(server);
	world_free(w);
}

/* ------------------------------------------------------- before it leaves */

/* Nobody is connected before the record is acknowledged. */
static void test_no_connection_before_the_record(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;

	(void)state;
	w->hold = true;
	say(client, GET("/x"));
	world_settle(w);
	assert_int_equal(w->opens, 1);
	assert_int_equal(accept4(w->listener, NULL, NULL, SOCK_CLOEXEC), -1);
	world_let_go(w, true);
	server = world_server(w);
	expect(w, server, "GET /x");
	close(client);
	close(server);
	world_free(w);
}

static void test_keeper_refuses_or_is_silent(void **state)
{
	(void)state;
	for (unsigned silent = 0; silent < 2; silent++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80);

		w->hold = true;
		say(client, GET("/x"));
		world_settle(w);
		if (silent)
			world_timeout(w);
		else
			world_let_go(w, false);
		expect(w, client, "503 Service Unavailable\r\n");
		world_let_go(w, true); /* late: changes nothing */
		world_settle(w);
		assert_int_equal(accept4(w->listener, NULL, NULL, SOCK_CLOEXEC),
		                 -1);
		assert_int_equal(w->reason, SP_REASON_AUDIT);
		assert_int_equal(w->closes, 1);
		close(client);
		world_free(w);
	}
}

/* The second request on a connection is judged like the first. */
static void test_each_request_is_judged(void **state)
{
	static const char *const bad[] = {
		GET("/secret/x"),
		"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n",
		"GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.test:81\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80), server;

		say(client, GET("/x"));
		server = world_server(w);
		expect(w, server, "GET /x");
		say(server, OK_2("hi"));
		expect(w, client, "hi");
		say(client, bad[i]);
		expect(w, client, "X-Sallyport-Reason: ");
		world_settle(w);
		assert_int_equal(w->finals, 1);
		close(client);
		assert_true(recv(server, &(char){ 0 }, 1, 0) < 1);
		close(server);
		world_free(w);
	}
}

/* The server gets the name that was judged, in a form that can be read in one
 * way only. */
static void test_host_as_it_was_read(void **state)
{
	static const struct {
		const char *host, *server;
	} cases[] = {
		{ "a.test", "Host: a.test\r\n" },
		{ "A.Test:80", "Host: A.Test:80\r\n" },
		{ "a.test.", "Host: a.test.\r\n" },
		{ "%61.test", "Host: a.test\r\n" },
		{ "a%2etest:80", "Host: a.test\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80), server;

		say(client, "GET / HTTP/1.1\r\nHost: ");
		say(client, cases[i].host);
		say(client, "\r\n\r\n");
		server = world_server(w);
		expect(w, server, cases[i].server);
		close(client);
		close(server);
		world_free(w);
	}
}

/* What was read of a head that cannot be parsed is in the record. */
static void test_record_of_a_bad_head(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80);

	(void)state;
	say(client, "PUT /a%20b?q HTTP/1.1\r\nHost: a.test\r\nBad Name: x\r\n"
	            "\r\n");
	expect(w, client, "400 Bad Request");
	world_settle(w);
	assert_int_equal(w->finals, 1);
	assert_string_equal(w->method, "PUT");
	assert_string_equal(w->path, "/a%20b");
	close(client);
	client = world_client(w, "a.test", 80);
	say(client, "GE\001 / HTTP/1.1\r\n\r\n");
	assert_true(ends_reset(w, client)); /* no HTTP at all */
	close(client);
	client = world_client(w, "a.test", 80);
	say(client, "GET / HTTP/9.9\r\n\r\n");
	expect(w, client, "505 HTTP");
	world_settle(w);
	assert_string_equal(w->method, "GET");
	assert_string_equal(w->path, "/");
	close(client);
	world_free(w);
}

/* An empty line and a head that never ends: refused, not waited for. */
static void test_endless_head_behind_an_empty_line(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80);

	(void)state;
	say(client, "\r\nGET / HTTP/1.1\r\nHost: a.test\r\n");
	for (unsigned i = 0; i < 3500; i++)
		say(client, "x-padding-field: 0\r\n");
	expect(w, client, "431 Request Header Fields Too Large");
	close(client);
	world_free(w);
}

/* Many requests at once, none of the answers read: all are answered, whole
 * and in order, as soon as the client reads. */
static void test_pipeline_without_reading(void **state)
{
	struct world *w = world_new(policy);
	size_t n = 0, asked = 0;
	struct sp_buf b;
	int client;

	(void)state;
	w->narrow = true;
	client = world_client(w, "a.test", 80);
	sp_buf_init(&b, 1u << 26);
	for (unsigned i = 0; i < 20000 && asked < 6000; i++) {
		if (send(client, GET("/secret/x"), sizeof(GET("/secret/x")) - 1,
		         MSG_NOSIGNAL) < 0)
			break;
		asked++;
		if (i % 64 == 0)
			world_turn(w, 0);
	}
	assert_true(asked > 2000);
	shutdown(client, SHUT_WR);
	hear(w, client, &b, NULL);
	for (struct sp_str s = sp_buf_str(&b);;) {
		const uint8_t *at = memmem(s.p, s.n, "HTTP/1.1 403 ", 13);

		if (at == NULL)
			break;
		n++;
		sp_str_take(&s, (size_t)(at - s.p) + 13);
	}
	assert_int_equal(n, asked);
	sp_buf_fini(&b);
	close(client);
	world_free(w);
}

/* ------------------------------------------------------------- the pool */

/* One exchange, after which the connection to the server is kept. */
static int kept(struct world *w, int client)
{
	int server;

	say(client, GET("/first"));
	server = world_server(w);
	expect(w, server, "GET /first");
	say(server, OK_2("hi"));
	expect(w, client, "\r\n\r\nhi");
	world_settle(w);
	return server;
}

/* The server ends (or talks on) a kept connection while the record of the
 * next request is on its way: nothing has left, so any request may go out on
 * another connection, and what the server said is for nobody. */
static void test_kept_connection_dies_before_the_record(void **state)
{
	static const char *const last_words[] = { "", OK_2("no") };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(last_words); i++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80);
		int server = kept(w, client), again;

		w->hold = true;
		say(client, POST("/p", "0"));
		world_settle(w);
		say(server, last_words[i]);
		if (last_words[i][0] == '\0')
			close(server);
		world_settle(w);
		world_let_go(w, true);
		again = world_server(w);
		expect(w, again, "POST /p HTTP/1.1\r\n");
		say(again, OK_2("ok"));
		expect(w, client, "\r\n\r\nok");
		world_settle(w);
		assert_int_equal(w->closes, 2);
		if (last_words[i][0] != '\0')
			close(server);
		close(client);
		close(again);
		world_free(w);
	}
}

/* A request that has left is sent again only if that changes nothing. */
static void test_kept_connection_dies_after_the_request(void **state)
{
	static const struct {
		const char *request;
		bool again;
	} cases[] = {
		{ GET("/p"), true },
		{ POST("/p", "0"), false },
		{ POST("/p", "4") "body", false },
		/* its body has an end that was sent already */
		{ "PUT /p HTTP/1.1\r\nHost: a.test\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80);
		int server = kept(w, client), again;

		say(client, cases[i].request);
		expect(w, server, " /p HTTP/1.1\r\n");
		close(server);
		if (cases[i].again) {
			again = world_server(w);
			expect(w, again, "GET /p");
			say(again, OK_2("ok"));
			expect(w, client, "\r\n\r\nok");
			close(again);
		} else {
			expect(w, client, "502 Bad Gateway");
		}
		world_settle(w);
		assert_int_equal(w->closes, 2);
		close(client);
		world_free(w);
	}
}

/* Bytes behind a complete response: the connection is not used again. */
static void test_bytes_behind_a_response(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server, again;

	(void)state;
	say(client, GET("/first"));
	server = world_server(w);
	expect(w, server, "GET /first");
	say(server, OK_2("hi") OK_2("no"));
	expect(w, client, "\r\n\r\nhi");
	say(client, GET("/second"));
	again = world_server(w);
	expect(w, again, "GET /second");
	say(again, OK_2("ok"));
	expect(w, client, "\r\n\r\nok");
	close(client);
	close(server);
	close(again);
	world_free(w);
}

/* ------------------------------------------------------------ the response */

/* The whole answer of the server, then its end: what the client is told. */
static const struct {
	const char *name, *answer, *expect;
	enum sp_reason reason;
} answers[] = {
	{ "nothing", "", "502 Bad", SP_REASON_UPSTREAM_RESET },
	{ "half a head", "HTTP/1.1 200 OK\r\nContent-Le", "502 Bad",
	  SP_REASON_UPSTREAM_TRUNCATED },
	{ "half a line", "HTT", "502 Bad", SP_REASON_UPSTREAM_TRUNCATED },
	{ "only interim", "HTTP/1.1 103 Early\r\n\r\n", "502 Bad",
	  SP_REASON_UPSTREAM_RESET },
	{ "101", "HTTP/1.1 101 Sw\r\nUpgrade: x\r\n\r\n", "502 Bad",
	  SP_REASON_UPSTREAM_PROTOCOL },
	{ "bare LF", "HTTP/1.1 200 OK\n\n", "502 Bad",
	  SP_REASON_UPSTREAM_PROTOCOL },
	{ "two lengths",
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
	  "502 Bad", SP_REASON_UPSTREAM_PROTOCOL },
	{ "short body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
	  "\r\n\r\nabc", SP_REASON_UPSTREAM_TRUNCATED },
	{ "short chunk",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
	  "3\r\nabc\r\n", SP_REASON_UPSTREAM_TRUNCATED },
	{ "no last chunk",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	  "3\r\nabc\r\n", SP_REASON_UPSTREAM_TRUNCATED },
	{ "bad chunk",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "3\r\nabc\r\nzz\r\n",
	  "3\r\nabc\r\n", SP_REASON_UPSTREAM_PROTOCOL },
	{ "until the end", "HTTP/1.0 200 OK\r\n\r\nabc",
	  "3\r\nabc\r\n0\r\n\r\n", SP_REASON_NONE },
};

static void test_answers_and_their_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(answers); i++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80), server;

		say(client, GET("/x"));
		server = world_server(w);
		expect(w, server, "GET /x");
		say(server, answers[i].answer);
		shutdown(server, SHUT_WR);
		expect(w, client, answers[i].expect);
		world_settle(w);
		assert_int_equal(w->closes, 1);
		if (w->reason != answers[i].reason)
			fail_msg("%s: %s", answers[i].name,
			         sp_reason_code(w->reason));
		close(client);
		close(server);
		world_free(w);
	}
}

/* Interim responses without end, or larger than what the client takes. */
static void test_interim_flood(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;

	(void)state;
	say(client, GET("/x"));
	server = world_server(w);
	expect(w, server, "GET /x");
	for (unsigned i = 0; i < 33; i++)
		say(server, "HTTP/1.1 102 Processing\r\n\r\n");
	expect(w, client, "502 Bad");
	close(client);
	close(server);
	world_free(w);
}

static void test_large_interims_to_a_slow_client(void **state)
{
	struct world *w = world_new(policy);
	struct sp_buf b, big;
	int client, server;
	size_t n = 0;

	(void)state;
	w->narrow = true;
	client = world_client(w, "a.test", 80);
	sp_buf_init(&b, 1u << 26);
	sp_buf_init(&big, 1u << 20);
	sp_buf_text(&big, "HTTP/1.1 103 Early Hints\r\n");
	for (unsigned i = 0; i < 60; i++)
		sp_buf_printf(&big, "Link: %01000d\r\n", i);
	sp_buf_text(&big, "\r\n");
	say(client, GET("/x"));
	server = world_server(w);
	expect(w, server, "GET /x");
	for (unsigned i = 0; i < 30; i++) {
		struct sp_str s = sp_buf_str(&big);

		while (s.n > 0) {
			ssize_t k = send(server, s.p, s.n, MSG_NOSIGNAL);

			if (k > 0)
				sp_str_take(&s, (size_t)k);
			else if (++n > 200)
				hear(w, client, &b, "Link");
			world_turn(w, k > 0 ? 0 : 1);
		}
	}
	say(server, OK_2("hi"));
	hear(w, client, &b, "\r\n\r\nhi");
	n = 0;
	for (struct sp_str s = sp_buf_str(&b);;) {
		const uint8_t *at = memmem(s.p, s.n, "HTTP/1.1 103 ", 13);

		if (at == NULL)
			break;
		n++;
		sp_str_take(&s, (size_t)(at - s.p) + 13);
	}
	assert_int_equal(n, 30);
	sp_buf_fini(&b);
	sp_buf_fini(&big);
	close(client);
	close(server);
	world_free(w);
}

/* An answer before the request is complete: it is told, and that is all. */
static void test_early_answer(void **state)
{
	struct world *w = world_new(policy);
	int client = world_client(w, "a.test", 80), server;

	(void)state;
	say(client, POST("/up", "1000000") "the beginning");
	server = world_server(w);
	expect(w, server, "the beginning");
	say(server, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	expect(w, client, "Connection: close\r\n\r\nno");
	assert_false(ends_reset(w, client));
	world_settle(w);
	assert_int_equal(w->outcome, SP_OUT_COMPLETE);
	close(client);
	close(server);
	world_free(w);
}

static void test_continue(void **state)
{
	static const char request[] =
		"POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n"
		"Expect: 100-continue\r\n\r\n";

	(void)state;
	for (unsigned by_server = 0; by_server < 2; by_server++) {
		struct world *w = world_new(policy);
		int client = world_client(w, "a.test", 80), server;

		say(client, request);
		server = world_server(w);
		expect(w, server, "Expect: 100-continue\r\n");
		if (by_server)
			say(server, "HTTP/1.1 100 Continue\r\n\r\n");
		else
			world_timeout(w); /* we say it */
		expect(w, client, "100 Continue\r\n\r\n");
		say(client, "body");
		expect(w, server, "body");
		if (!by_server) /* too late: not said twice */
			say(server, "HTTP/1.1 100 Continue\r\n\r\n");
		say(server, OK_2("ok"));
		expect(w, client, "ok");
		close(client);
		close(server);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_no_connection_before_the_record),
		cmocka_unit_test(test_keeper_refuses_or_is_silent),
		cmocka_unit_test(test_each_request_is_judged),
		cmocka_unit_test(test_host_as_it_was_read),
		cmocka_unit_test(test_record_of_a_bad_head),
		cmocka_unit_test(test_endless_head_behind_an_empty_line),
		cmocka_unit_test(test_pipeline_without_reading),
		cmocka_unit_test(test_kept_connection_dies_before_the_record),
		cmocka_unit_test(test_kept_connection_dies_after_the_request),
		cmocka_unit_test(test_bytes_behind_a_response),
		cmocka_unit_test(test_answers_and_their_end),
		cmocka_unit_test(test_interim_flood),
		cmocka_unit_test(test_large_interims_to_a_slow_client),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_continue),
	};

	if (getenv("FILTER") != NULL)
		cmocka_set_test_filter(getenv("FILTER"));
	return cmocka_run_group_tests_name("txn/gate", tests, NULL, NULL);
}
