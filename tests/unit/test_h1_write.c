/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "http/h1.h"
#include "rng.h"

#define OUT_MAX (4 * SP_H1_HEAD_MAX)

static void check_text(const struct sp_buf *out, const char *want)
{
	struct sp_str s = sp_buf_str(out);

	assert_true(sp_buf_ok(out));
	if (!sp_str_is(s, want))
		print_error("wrote: %.*s\nnot: %s\n", (int)s.n,
		            (const char *)s.p, want);
	assert_true(sp_str_is(s, want));
}

/* clang-format off */
static const struct {
	const char *name, *in, *out;
	bool with_expect;
} requests[] = {
	{ "order, case, values",
	  "GET /a%2f?B=c HTTP/1.1\r\nuser-Agent:x  y\r\nHOST: a\r\nACCEPT:  */* \r\nX-Empty:\r\nx-b: \xff\r\n\r\n",
	  "GET /a%2f?B=c HTTP/1.1\r\nuser-Agent: x  y\r\nHOST: b:81\r\nACCEPT: */*\r\nX-Empty: \r\nx-b: \xff\r\n\r\n", false },
	{ "same field twice",
	  "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\nX: 3\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: b:81\r\nX: 1\r\nY: 2\r\nX: 3\r\n\r\n", false },
	{ "origin form, always",
	  "GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET /x?y HTTP/1.1\r\nHost: b:81\r\n\r\n", false },
	{ "no path",
	  "GET https://a?y HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET /?y HTTP/1.1\r\nHost: b:81\r\n\r\n", false },
	{ "OPTIONS of all",
	  "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS * HTTP/1.1\r\nHost: b:81\r\n\r\n", false },
	{ "HTTP/1.0 goes on as 1.1, Host first",
	  "GET / HTTP/1.0\r\nX: y\r\nConnection: keep-alive\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: b:81\r\nX: y\r\n\r\n", false },
	{ "length in its place, made anew",
	  "POST / HTTP/1.1\r\ncontent-LENGTH: 007\r\nHost: a\r\nX: y\r\n\r\n",
	  "POST / HTTP/1.1\r\ncontent-LENGTH: 7\r\nHost: b:81\r\nX: y\r\n\r\n", false },
	{ "length 0 stays",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: b:81\r\nContent-Length: 0\r\n\r\n", false },
	{ "chunked in its place",
	  "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\nTrailer: Digest\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: b:81\r\ntransfer-encoding: chunked\r\nTrailer: Digest\r\n\r\n", false },
	{ "hop-by-hop",
	  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-A\r\nx-a: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: p\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-B: 2\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: b:81\r\nX-B: 2\r\n\r\n", false },
	{ "TE: trailers",
	  "GET / HTTP/1.1\r\nHost: a\r\nte: gzip, trailers\r\nX: y\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: b:81\r\nte: trailers\r\nX: y\r\nConnection: TE\r\n\r\n", false },
	{ "Expect is kept on demand",
	  "PUT / HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: b:81\r\nexpect: 100-Continue\r\nContent-Length: 5\r\n\r\n", true },
	{ "and else dropped",
	  "PUT / HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: b:81\r\nContent-Length: 5\r\n\r\n", false },
	{ "and dropped without a body",
	  "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: b:81\r\n\r\n", true },
	{ "no Via, no Forwarded, credentials untouched",
	  "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eA==\r\nCookie: a=b; c=d\r\nX-Forwarded-For: z\r\nAlt-Svc: h3\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: b:81\r\nAuthorization: Basic eA==\r\nCookie: a=b; c=d\r\nX-Forwarded-For: z\r\nAlt-Svc: h3\r\n\r\n", false },
};

static const struct {
	const char *name, *method, *in;
	struct sp_h1_reply how;
	const char *out;
} responses[] = {
	{ "order, case, status text", "GET",
	  "HTTP/1.0 299 Very \xc3\xa4 OK\r\nserver:x\r\nContent-length: 05\r\nSET-Cookie: a\r\nset-cookie: b\r\n\r\n",
	  { SP_H1_LENGTH, 1, false },
	  "HTTP/1.1 299 Very \xc3\xa4 OK\r\nserver: x\r\nContent-length: 5\r\nSET-Cookie: a\r\nset-cookie: b\r\n\r\n" },
	{ "no reason", "GET",
	  "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	  { SP_H1_LENGTH, 1, false },
	  "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n" },
	{ "closing server, chunked for the client", "GET",
	  "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\n",
	  { SP_H1_CHUNKED, 1, false },
	  "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ "chunked server, client of HTTP/1.0", "GET",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n",
	  { SP_H1_CLOSE, 0, false },
	  "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\n" },
	{ "chunked in its place", "GET",
	  "HTTP/1.1 200 OK\r\nTransfer-encoding: chunked\r\nX: y\r\n\r\n",
	  { SP_H1_CHUNKED, 1, false },
	  "HTTP/1.1 200 OK\r\nTransfer-encoding: chunked\r\nX: y\r\n\r\n" },
	{ "length becomes chunked", "GET",
	  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\n\r\n",
	  { SP_H1_CHUNKED, 1, false },
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n" },
	{ "close", "GET",
	  "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
	  { SP_H1_LENGTH, 1, true },
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n" },
	{ "keep-alive for HTTP/1.0", "GET",
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
	  { SP_H1_LENGTH, 0, false },
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n" },
	{ "HEAD keeps its length", "HEAD",
	  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	  { SP_H1_NONE, 1, false },
	  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" },
	{ "HEAD, chunked", "HEAD",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	  { SP_H1_NONE, 1, false },
	  "HTTP/1.1 200 OK\r\n\r\n" },
	{ "304 keeps its length", "GET",
	  "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n",
	  { SP_H1_NONE, 1, false },
	  "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n" },
	{ "204 has none", "GET",
	  "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
	  { SP_H1_NONE, 1, false },
	  "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "1xx has none", "GET",
	  "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\nLink: a\r\n\r\n",
	  { SP_H1_NONE, 1, false },
	  "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" },
	{ "hop-by-hop, Alt-Svc", "GET",
	  "HTTP/1.1 200 OK\r\nKeep-Alive: 5\r\nAlt-Svc: h3=\":443\"\r\nConnection: x-a\r\nX-A: 1\r\nProxy-Authenticate: x\r\nUpgrade: h2\r\nContent-Length: 0\r\n\r\n",
	  { SP_H1_LENGTH, 1, false },
	  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
	{ "Alt-Svc: clear", "GET",
	  "HTTP/1.1 200 OK\r\nalt-svc: clear\r\nContent-Length: 0\r\n\r\n",
	  { SP_H1_LENGTH, 1, false },
	  "HTTP/1.1 200 OK\r\nalt-svc: clear\r\nContent-Length: 0\r\n\r\n" },
};
/* clang-format on */

static struct sp_h1_head head, again;

static enum sp_rc parse_request(struct sp_str s, struct sp_h1_head *h)
{
	struct sp_h1_error why;

	return sp_h1_parse_request(s, h, &why);
}

static void test_requests(void **state)
{
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < SP_COUNT(requests); i++) {
		assert_int_equal(parse_request(sp_str(requests[i].in), &head),
		                 SP_OK);
		sp_buf_reset(&out);
		sp_h1_write_request(&head, sp_str("b:81"),
		                    requests[i].with_expect, &out);
		check_text(&out, requests[i].out);
	}
	sp_buf_fini(&out);
}

static void test_responses(void **state)
{
	struct sp_h1_error why;
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < SP_COUNT(responses); i++) {
		assert_int_equal(
			sp_h1_parse_response(sp_str(responses[i].in),
		                             sp_str(responses[i].method), &head,
		                             &why),
			SP_OK);
		sp_buf_reset(&out);
		sp_h1_write_response(&head, &responses[i].how, &out);
		check_text(&out, responses[i].out);
	}
	sp_buf_fini(&out);
}

static void test_interim_responses(void **state)
{
	struct sp_h1_error why;
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	assert_int_equal(
		sp_h1_parse_response(
			sp_str("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n"
	                       "Connection: x\r\nX: y\r\nContent-Length: 0\r\n"
	                       "\r\n"),
			sp_str("GET"), &head, &why),
		SP_OK);
	sp_h1_write_interim(&head, &out);
	check_text(&out, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
	sp_buf_reset(&out);
	sp_h1_write_continue(&out);
	check_text(&out, "HTTP/1.1 100 Continue\r\n\r\n");
	sp_buf_fini(&out);
}

/* A caller may change what follows: another framing, one more field. */
static void test_framing_is_that_of_the_head(void **state)
{
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	assert_int_equal(
		parse_request(sp_str("POST / HTTP/1.1\r\nHost: a\r\n"
	                             "Content-Length: 5\r\nX: y\r\n\r\n"),
	                      &head),
		SP_OK);
	head.framing = SP_H1_CHUNKED;
	head.field[3] =
		(struct sp_h1_field){ sp_str("content-length"), sp_str("9") };
	head.drop[3] = false;
	head.n_fields = 4;
	sp_h1_write_request(&head, sp_str("a"), false, &out);
	check_text(&out, "POST / HTTP/1.1\r\nHost: a\r\n"
	                 "Transfer-Encoding: chunked\r\nX: y\r\n\r\n");

	head.framing = SP_H1_NONE;
	sp_buf_reset(&out);
	sp_h1_write_request(&head, sp_str("a"), false, &out);
	check_text(&out, "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
	sp_buf_fini(&out);
}

/* What does not fit poisons the buffer; nothing is cut in silence. */
static void test_full_buffer(void **state)
{
	struct sp_buf out;

	(void)state;
	assert_int_equal(
		parse_request(sp_str("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	                      &head),
		SP_OK);
	for (size_t max = 0; max <= 27; max++) {
		sp_buf_init(&out, max);
		sp_h1_write_request(&head, sp_str("a"), false, &out);
		assert_int_equal(sp_buf_ok(&out), max == 27);
		sp_buf_fini(&out);
	}
}

static const char *const field_lines[] = {
	"X: y\r\n",
	"x-lower:z \r\n",
	"Accept: */*\r\n",
	"Cookie: a=b\r\n",
	"Connection: close\r\n",
	"Connection: X-Hop, te\r\n",
	"X-Hop: 1\r\n",
	"TE: trailers, gzip\r\n",
	"Keep-Alive: 5\r\n",
	"Upgrade: websocket\r\n",
	"Expect: 100-continue\r\n",
	"Content-Length: 12\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Proxy-X: y\r\n",
	"X-Empty:\r\n",
	"Alt-Svc: clear\r\n",
};

static const char *const start_lines[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n",
	"POST http://a/b?c HTTP/1.1\r\nhost: a\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n",
	"PUT /\057a%2f?%00 HTTP/1.0\r\nHost: a\r\n",
};

static void random_request(struct rng *r, struct sp_buf *ret)
{
	unsigned n = rng_below(r, 12);

	sp_buf_reset(ret);
	sp_buf_text(ret, start_lines[rng_below(r, SP_COUNT(start_lines))]);
	while (n-- > 0)
		sp_buf_text(ret,
		            field_lines[rng_below(r, SP_COUNT(field_lines))]);
	sp_buf_text(ret, "\r\n");
}

/* The fields of a that go on are exactly those of b, in the same order. */
static void check_same_fields(const struct sp_h1_head *a,
                              const struct sp_h1_head *b)
{
	size_t k = 0;

	for (size_t i = 0; i < a->n_fields; i++) {
		if (a->drop[i] ||
		    (sp_str_is_nocase(a->field[i].name, "expect") &&
		     !a->expect_continue))
			continue;
		assert_true(k < b->n_fields);
		assert_true(sp_str_eq(a->field[i].name, b->field[k].name));
		assert_true(sp_str_eq(a->field[i].value, b->field[k].value));
		k++;
	}
	/* Connection: TE, which is ours */
	assert_int_equal(b->n_fields, k + (a->te_trailers ? 1 : 0));
}

static void test_round_trip(void **state)
{
	struct rng r = { .state = 11 };
	struct sp_buf in, out;
	unsigned accepted = 0;

	(void)state;
	sp_buf_init(&in, OUT_MAX);
	sp_buf_init(&out, OUT_MAX);
	for (unsigned round = 0; round < 20000; round++) {
		random_request(&r, &in);
		if (parse_request(sp_buf_str(&in), &head) < 0)
			continue;
		accepted++;
		sp_buf_reset(&out);
		sp_h1_write_request(&head, sp_str("a"), true, &out);
		assert_int_equal(parse_request(sp_buf_str(&out), &again),
		                 SP_OK);
		assert_true(sp_str_eq(head.method, again.method));
		assert_true(sp_str_eq(head.path, again.path));
		assert_true(sp_str_eq(head.query, again.query));
		assert_int_equal(head.framing, again.framing);
		assert_int_equal(head.length, again.length);
		assert_int_equal(head.te_trailers, again.te_trailers);
		assert_int_equal(head.expect_continue, again.expect_continue);
		assert_int_equal(again.minor, 1);
		assert_true(again.keep_alive);
		assert_false(again.upgrade);
		check_same_fields(&head, &again);
	}
	assert_true(accepted > 5000);
	sp_buf_fini(&in);
	sp_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_interim_responses),
		cmocka_unit_test(test_framing_is_that_of_the_head),
		cmocka_unit_test(test_full_buffer),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests_name("http/h1_write", tests, NULL, NULL);
}
