/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "http/body.h"
#include "rng.h"
#include "split.h"

#define OUT_MAX 4096u

struct result {
	enum sp_rc rc;
	struct sp_buf body, trailers;
	size_t rest; /* bytes behind the message */
};

static struct result decode(enum sp_h1_framing framing, uint64_t length,
                            struct sp_str all, struct split *s)
{
	struct result r = { .rc = SP_OK };
	struct sp_h1_body b;

	sp_h1_body_init(&b, framing, length);
	sp_buf_init(&r.body, OUT_MAX);
	sp_buf_init(&r.trailers, OUT_MAX);
	if (b.done)
		r.rc = SP_DONE;
	while (all.n > 0 && r.rc == SP_OK) {
		struct sp_str in = split_take(s, &all), out;

		while (in.n > 0 && r.rc == SP_OK) {
			r.rc = sp_h1_body_feed(&b, &in, &out);
			sp_buf_add(&r.body, out);
		}
		all.p -= in.n;
		all.n += in.n;
	}
	r.rest = all.n;
	assert_int_equal(b.seen, sp_buf_len(&r.body));
	assert_int_equal(b.done, r.rc == SP_DONE);
	sp_buf_add(&r.trailers, sp_buf_str(&b.trailers));
	assert_true(sp_buf_ok(&r.body) && sp_buf_ok(&r.trailers));
	sp_h1_body_fini(&b);
	return r;
}

static void result_fini(struct result *r)
{
	sp_buf_fini(&r->body);
	sp_buf_fini(&r->trailers);
}

/* clang-format off */
static const struct {
	const char *name;
	enum sp_h1_framing framing;
	uint64_t length;
	const char *wire;
	enum sp_rc rc;
	const char *body, *trailers, *rest;
} cases[] = {
	{ "none", SP_H1_NONE, 0, "GET /", SP_DONE, "", "", "GET /" },
	{ "length 0", SP_H1_LENGTH, 0, "GET /", SP_DONE, "", "", "GET /" },
	{ "length", SP_H1_LENGTH, 5, "abcdeGET /", SP_DONE, "abcde", "", "GET /" },
	{ "short of a byte", SP_H1_LENGTH, 5, "abcd", SP_OK, "abcd", "", "" },
	{ "largest length", SP_H1_LENGTH, INT64_MAX, "abcd", SP_OK, "abcd", "", "" },
	{ "until the end", SP_H1_CLOSE, 0, "abc\r\n\r\n", SP_OK, "abc\r\n\r\n", "", "" },
	{ "a length is no matter of others", SP_H1_CLOSE, 2, "abc", SP_OK, "abc", "", "" },
	{ "chunked", SP_H1_CHUNKED, 0, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /", SP_DONE, "abcde", "\r\n", "GET /" },
	{ "extensions", SP_H1_CHUNKED, 0, "3;a=b\r\nabc\r\n0;c\r\n\r\n", SP_DONE, "abc", "\r\n", "" },
	{ "a trailer", SP_H1_CHUNKED, 0, "1\r\na\r\n0\r\nX: y\r\n\r\nGET /", SP_DONE, "a", "X: y\r\n\r\n", "GET /" },
	{ "trailers", SP_H1_CHUNKED, 0, "0;x\r\nX: y\r\nZ:\r\n\r\n", SP_DONE, "", "X: y\r\nZ:\r\n\r\n", "" },
	{ "no last chunk", SP_H1_CHUNKED, 0, "1\r\na\r\n", SP_OK, "a", "", "" },
	{ "no end of the trailers", SP_H1_CHUNKED, 0, "0\r\nX: y\r\n", SP_OK, "", "X: y\r\n", "" },
	{ "bare LF", SP_H1_CHUNKED, 0, "1\na\n", SP_E_PROTO, "", "", NULL },
	{ "prefix", SP_H1_CHUNKED, 0, "0x1\r\na\r\n", SP_E_PROTO, "", "", NULL },
	{ "no end of the data", SP_H1_CHUNKED, 0, "1\r\nab\r\n", SP_E_PROTO, "a", "", NULL },
	{ "control byte in a trailer", SP_H1_CHUNKED, 0, "0\r\nX: \x01\r\n\r\n", SP_E_PROTO, "", NULL, NULL },
};
/* clang-format on */

static void test_cases_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_str wire = sp_str(cases[i].wire);

		for (struct split s = { 0 }; split_plan(&s, wire.n);) {
			struct result r = decode(cases[i].framing,
			                         cases[i].length, wire, &s);

			if (r.rc != cases[i].rc)
				print_error("%s, pieces of %zu, %zu\n",
				            cases[i].name, s.first, s.piece);
			assert_int_equal(r.rc, cases[i].rc);
			assert_true(
				sp_str_is(sp_buf_str(&r.body), cases[i].body));
			if (cases[i].trailers != NULL)
				assert_true(sp_str_is(sp_buf_str(&r.trailers),
				                      cases[i].trailers));
			if (cases[i].rest != NULL)
				assert_int_equal(r.rest, strlen(cases[i].rest));
			result_fini(&r);
		}
	}
}

static void test_complete_with_empty_input(void **state)
{
	struct sp_str in = { 0 }, out;
	struct sp_h1_body b;

	(void)state;
	sp_h1_body_init(&b, SP_H1_NONE, 0);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_DONE);
	sp_h1_body_init(&b, SP_H1_LENGTH, 0);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_DONE);
	sp_h1_body_init(&b, SP_H1_LENGTH, 1);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_OK);
	sp_h1_body_init(&b, SP_H1_CLOSE, 0);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_OK);
	sp_h1_body_init(&b, SP_H1_CHUNKED, 0);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_OK);
	sp_h1_body_fini(&b);
}

static void test_end_and_error_are_final(void **state)
{
	struct sp_str in = sp_str("0\r\n\r\nGET"), out;
	struct sp_h1_body b;
	enum sp_rc rc = SP_OK;

	(void)state;
	sp_h1_body_init(&b, SP_H1_CHUNKED, 0);
	while (rc == SP_OK)
		rc = sp_h1_body_feed(&b, &in, &out);
	assert_int_equal(rc, SP_DONE);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_DONE);
	assert_true(sp_str_is(in, "GET"));
	sp_h1_body_fini(&b);

	in = sp_str("x1\r\n");
	sp_h1_body_init(&b, SP_H1_CHUNKED, 0);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_E_PROTO);
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_E_STATE);
	sp_h1_body_fini(&b);
}

/* As many line feeds as the decoder lets through fit into the buffer. */
static void test_densest_trailers_fit(void **state)
{
	struct sp_h1_body b;
	struct sp_str in, out;
	enum sp_rc rc = SP_OK;
	size_t lines = 0;

	(void)state;
	sp_h1_body_init(&b, SP_H1_CHUNKED, 0);
	in = sp_str("0\r\n");
	assert_int_equal(sp_h1_body_feed(&b, &in, &out), SP_OK);
	while (rc == SP_OK) {
		in = sp_str("a\r\n");
		rc = sp_h1_body_feed(&b, &in, &out);
		lines += rc == SP_OK;
	}
	assert_int_equal(rc, SP_E_LIMIT);
	assert_int_equal(lines, SP_CHUNKED_META_MAX / 2);
	assert_int_equal(sp_buf_len(&b.trailers), 3 * lines);
	sp_h1_body_fini(&b);
}

static void test_chunk_sizes(void **state)
{
	static const struct {
		size_t n;
		const char *want;
	} sizes[] = {
		{ 1, "1\r\n" },         { 15, "f\r\n" },
		{ 16, "10\r\n" },       { 0xabc, "abc\r\n" },
		{ 65536, "10000\r\n" }, { SIZE_MAX, "ffffffffffffffff\r\n" },
	};
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < SP_COUNT(sizes); i++) {
		sp_buf_reset(&out);
		sp_h1_chunk_begin(&out, sizes[i].n);
		assert_true(sp_str_is(sp_buf_str(&out), sizes[i].want));
	}
	sp_buf_reset(&out);
	sp_h1_chunk_last(&out, (struct sp_str){ 0 });
	assert_true(sp_str_is(sp_buf_str(&out), "0\r\n\r\n"));
	sp_buf_reset(&out);
	sp_h1_chunk_last(&out, sp_str("A: b\r\n\r\n"));
	assert_true(sp_str_is(sp_buf_str(&out), "0\r\nA: b\r\n\r\n"));
	sp_buf_fini(&out);
}

/* What was encoded in random chunks is decoded from random pieces. */
static void test_encode_decode(void **state)
{
	struct rng r = { .state = 5 };
	uint8_t data[512];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rng_below(&r, 256);
	for (unsigned round = 0; round < 2000; round++) {
		size_t n = rng_below(&r, sizeof(data) + 1);
		struct sp_str left = { data, n };
		struct split s = { .first = rng_below(&r, 64) + 1,
			           .piece = rng_below(&r, 64) + 1 };
		struct result res;
		struct sp_buf wire;

		sp_buf_init(&wire, 8 * sizeof(data));
		while (left.n > 0) {
			size_t k = 1 + rng_below(&r, (uint32_t)left.n);

			sp_h1_chunk_begin(&wire, k);
			sp_buf_add(&wire, sp_str_take(&left, k));
			sp_h1_chunk_end(&wire);
		}
		sp_h1_chunk_last(&wire, sp_str("A: b\r\n\r\n"));
		res = decode(SP_H1_CHUNKED, 0, sp_buf_str(&wire), &s);
		assert_int_equal(res.rc, SP_DONE);
		assert_true(sp_str_eq(sp_buf_str(&res.body),
		                      (struct sp_str){ data, n }));
		assert_true(
			sp_str_is(sp_buf_str(&res.trailers), "A: b\r\n\r\n"));
		assert_int_equal(res.rest, 0);
		result_fini(&res);
		sp_buf_fini(&wire);
	}
}

/* clang-format off */
static const struct {
	const char *block, *rule, *out;
} trailers[] = {
	{ "\r\n", NULL, "\r\n" },
	{ "X:y \r\nGrpc-Status: 0\r\n\r\n", NULL, "X: y\r\nGrpc-Status: 0\r\n\r\n" },
	{ "Content-Digest: a\r\nContent-MD5: b\r\n\r\n", NULL, "Content-Digest: a\r\nContent-MD5: b\r\n\r\n" },
	{ "Content-Length: 5\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n", NULL, "X: y\r\n\r\n" },
	{ "Content_Length: 5\r\nHost: a\r\nConnection: x\r\nTE: a\r\nTrailer: x\r\nUpgrade: b\r\n\r\n", NULL, "\r\n" },
	{ "Authorization: a\r\nproxy-authorization: b\r\nCookie: c\r\nSet-Cookie: d\r\n\r\n", NULL, "\r\n" },
	{ "Content-Type: a\r\nContent-Encoding: b\r\nContent-Range: c\r\nRange: d\r\n\r\n", NULL, "\r\n" },
	{ "If-Match: a\r\nIF-None-Match: b\r\nIf-X: c\r\nIffy: d\r\n\r\n", NULL, "Iffy: d\r\n\r\n" },
	{ "X-Forwarded-For: a\r\nForwarded: b\r\nExpect: c\r\nCache-Control: d\r\n\r\n", NULL, "\r\n" },
	{ "X : y\r\n\r\n", "space-before-colon", NULL },
	{ "X: y\r\n z\r\n\r\n", "folded-line", NULL },
	{ ": y\r\n\r\n", "empty-name", NULL },
	{ "X\r\n\r\n", "no-colon", NULL },
	{ "X: y\nZ: a\r\n\r\n", "bare-lf", NULL },
	{ "X: y\rZ: a\r\n\r\n", "bare-cr", NULL },
	{ "X: \x7f\r\n\r\n", "control-byte", NULL },
	{ "A: b\r\nX: \x7f\r\n\r\n", "control-byte", NULL },
	{ "", "trailer-end", NULL },
	{ "\n", "trailer-end", NULL },
	{ "X: y\r\n", "trailer-end", NULL },
	{ "\r\nX: y\r\n\r\n", "trailer-end", NULL },
	{ "\r\n\r\n", "trailer-end", NULL },
};
/* clang-format on */

static void test_trailers(void **state)
{
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < SP_COUNT(trailers); i++) {
		struct sp_h1_error why = { 0 };
		enum sp_rc rc;

		sp_buf_reset(&out);
		rc = sp_h1_filter_trailers(sp_str(trailers[i].block), &out,
		                           &why);
		if (trailers[i].rule == NULL) {
			assert_int_equal(rc, SP_OK);
			assert_true(
				sp_str_is(sp_buf_str(&out), trailers[i].out));
			continue;
		}
		assert_int_equal(rc, SP_E_PROTO);
		assert_string_equal(why.rule, trailers[i].rule);
		assert_int_equal(sp_buf_len(&out), 0);
	}
	sp_buf_fini(&out);
}

static void test_number_of_trailers(void **state)
{
	struct sp_h1_error why;
	struct sp_buf in, out;

	(void)state;
	sp_buf_init(&in, OUT_MAX);
	sp_buf_init(&out, OUT_MAX);
	for (unsigned n = SP_H1_FIELDS_MAX - 1; n <= SP_H1_FIELDS_MAX + 1;
	     n++) {
		sp_buf_reset(&in);
		for (unsigned i = 0; i < n; i++)
			sp_buf_text(&in, "X: y\r\n");
		sp_buf_text(&in, "\r\n");
		assert_int_equal(
			sp_h1_filter_trailers(sp_buf_str(&in), &out, &why),
			n <= SP_H1_FIELDS_MAX ? SP_OK : SP_E_LIMIT);
	}
	assert_string_equal(why.rule, "field-count");
	sp_buf_fini(&in);
	sp_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_complete_with_empty_input),
		cmocka_unit_test(test_end_and_error_are_final),
		cmocka_unit_test(test_densest_trailers_fit),
		cmocka_unit_test(test_chunk_sizes),
		cmocka_unit_test(test_encode_decode),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_number_of_trailers),
	};

	return cmocka_run_group_tests_name("http/body", tests, NULL, NULL);
}
