/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second ClientHello in a spliced connection. The client may send it behind
 * whatever a client may send, and before it was asked for.
 */
#include "test.h"

#include "a_hello.h"
#include "split.h"
#include "tls/retry.h"

#define WIRE_MAX 65536u

/* In order of sending, behind the first hello for a.example. */
enum piece {
	END,
	SAME,  /* a hello for a.example */
	OTHER, /* for b.example */
	NONE,  /* without a name */
	KEY,   /* another handshake message, as TLS 1.2 has it */
	CCS,
	EARLY,
	JUNK, /* a type of record that TLS does not have */
};

static const struct {
	const char *name;
	bool again; /* the server asks for another hello */
	enum piece client[5];
	bool ok;
} cases[] = {
	{ "TLS 1.3", false, { CCS, EARLY, EARLY }, true },
	{ "TLS 1.2", false, { KEY, CCS, KEY, EARLY }, true },
	{ "again", true, { SAME, CCS, EARLY }, true },
	{ "again, compatible", true, { CCS, SAME, EARLY }, true },
	{ "again, early data", true, { CCS, EARLY, SAME, EARLY }, true },
	{ "other", true, { OTHER, EARLY }, false },
	{ "other behind CCS", true, { CCS, OTHER, EARLY }, false },
	{ "other behind data", true, { CCS, EARLY, OTHER }, false },
	{ "name left out", true, { NONE }, false },
	{ "no hello", true, { KEY }, false },
	{ "junk", true, { JUNK, SAME }, false },
	/* not asked for: the server will not believe it */
	{ "other, unasked", false, { OTHER }, true },
};

static void put_piece(struct sp_buf *b, enum piece p, size_t size)
{
	static const uint8_t data[64] = { 1 };

	if (p == SAME)
		put_hello(b, "a.example", size);
	else if (p == OTHER)
		put_hello(b, "b.example", size);
	else if (p == NONE)
		put_hello(b, NULL, size);
	else if (p == KEY)
		put_message(b, 16, (struct sp_str){ data, 33 }, size);
	else if (p == CCS)
		put_record(b, 20, (struct sp_str){ data, 1 });
	else if (p == EARLY)
		put_record(b, 23, (struct sp_str){ data, 64 });
	else
		put_record(b, 99, (struct sp_str){ data, 64 });
}

struct run {
	struct sp_retry r;
	struct sp_buf client, server;
	size_t first; /* length of the first hello */
	bool refused;
	size_t passed;
};

/* All that may go on with n bytes of the client there. */
static void client_has(struct run *t, size_t n)
{
	size_t may;

	while (!t->refused && t->passed < n) {
		struct sp_str in = { t->client.p + t->passed, n - t->passed };

		t->refused = sp_retry_client(&t->r, in, &may) < 0;
		if (t->refused || may == 0)
			return;
		assert_true(may <= in.n);
		sp_retry_passed(&t->r, may);
		t->passed += may;
	}
}

static void prepare(struct run *t, size_t i, size_t size)
{
	struct sp_hello h;

	*t = (struct run){ .passed = 0 };
	sp_buf_init(&t->client, WIRE_MAX);
	sp_buf_init(&t->server, WIRE_MAX);
	put_hello(&t->client, "a.example", size);
	t->first = sp_buf_len(&t->client);
	for (const enum piece *p = cases[i].client; *p != END; p++)
		put_piece(&t->client, *p, size);
	assert_int_equal(sp_hello_parse(sp_buf_str(&t->client), &h), SP_DONE);
	assert_int_equal(h.wire_n, t->first);
	sp_retry_init(&t->r, &h);
	put_answer(&t->server, cases[i].again, size);
}

static void finish(struct run *t, size_t i)
{
	if (t->refused == cases[i].ok)
		fail_msg("%s: %s", cases[i].name,
		         t->refused ? "refused" : "passed");
	if (!t->refused)
		assert_int_equal(t->passed, sp_buf_len(&t->client));
	sp_buf_fini(&t->client);
	sp_buf_fini(&t->server);
}

/* Everything is sent before the server has said a word: up to the first hello
 * and what is no handshake nothing is held, and no second hello leaves. */
static void test_all_at_once(void **state)
{
	static const size_t sizes[] = { 1, 5, 16384 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		for (size_t k = 0; k < SP_COUNT(sizes); k++) {
			struct run t;

			prepare(&t, i, sizes[k]);
			client_has(&t, sp_buf_len(&t.client));
			if (!t.refused) {
				assert_true(t.passed >= t.first);
				assert_int_equal(t.r.state, SP_RETRY_UNKNOWN);
			}
			sp_retry_server(&t.r, sp_buf_str(&t.server));
			client_has(&t, sp_buf_len(&t.client));
			finish(&t, i);
		}
	}
}

/* Cut anywhere, on both sides: the same. */
static void test_cuts_change_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct split s = { 0 };
		struct run t;

		prepare(&t, i, 16384);
		while (split_plan(&s, sp_buf_len(&t.client))) {
			struct split k = { .first = s.piece, .piece = 3 };
			struct sp_str rest, server;
			struct sp_hello h;

			assert_int_equal(
				sp_hello_parse(sp_buf_str(&t.client), &h),
				SP_DONE);
			sp_retry_init(&t.r, &h);
			t.passed = 0;
			t.refused = false;
			rest = sp_buf_str(&t.client);
			server = sp_buf_str(&t.server);
			while (rest.n > 0 || server.n > 0) {
				split_take(&s, &rest);
				client_has(&t, (size_t)(rest.p - t.client.p));
				sp_retry_server(&t.r, split_take(&k, &server));
			}
			client_has(&t, sp_buf_len(&t.client));
			assert_int_equal(t.refused, !cases[i].ok);
			if (!t.refused)
				assert_int_equal(t.passed,
				                 sp_buf_len(&t.client));
		}
		finish(&t, i);
	}
}

/* What is no ServerHello ends it, too: nothing more is held back. */
static void test_other_answers(void **state)
{
	static const char *const answers[] = { "\x15\x03\x03\x00\x02\x02\x28",
		                               "SSH-2.0-x\r\n",
		                               "\x16\x03\x03\x00\x00" };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(answers); i++) {
		struct run t;

		prepare(&t, 1, 16384);
		sp_retry_server(&t.r, (struct sp_str){
					      (const uint8_t *)answers[i],
					      7 > strlen(answers[i]) ? 5 : 7 });
		assert_int_equal(t.r.state, SP_RETRY_OVER);
		client_has(&t, sp_buf_len(&t.client));
		finish(&t, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_cuts_change_nothing),
		cmocka_unit_test(test_other_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
