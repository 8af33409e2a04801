/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "h1_case.h"

#define OK(fields) W("HTTP/1.1 200 OK\r\n" fields "\r\n")

/* clang-format off */
static const struct {
	const char *name, *method;
	struct wire wire;
	bool refused;
	const char *want; /* see h1_case.h */
} cases[] = {
	/* status line */
	{ "plain", "GET", OK("Content-Length: 5\r\n"), false, "200 OK length=5 ka" },
	{ "reason of several words", "GET", W("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), false, "404 Not Found length=0 ka" },
	{ "reason with high bytes and tab", "GET", W("HTTP/1.1 200 \xc3\xa4\ta\r\nContent-Length: 0\r\n\r\n"), false, "200 \xc3\xa4\ta length=0 ka" },
	{ "empty reason", "GET", W("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"), false, "200  length=0 ka" },
	{ "no reason", "GET", W("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), false, "200  length=0 ka" },
	{ "odd status", "GET", W("HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n"), false, "999 Denied length=0 ka" },
	{ "HTTP/1.0", "GET", W("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"), false, "200 OK length=5" },
	{ "HTTP/1.0 keep-alive", "GET", W("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"), false, "200 OK length=5 ka -Connection" },
	{ "incomplete", "GET", W("HTTP/1.1 200 OK\r\n"), false, "more" },
	{ "status of two digits", "GET", W("HTTP/1.1 20 OK\r\n\r\n"), true, "status" },
	{ "status of four digits", "GET", W("HTTP/1.1 2000 OK\r\n\r\n"), true, "status" },
	{ "status 099", "GET", W("HTTP/1.1 099 OK\r\n\r\n"), true, "status" },
	{ "no status", "GET", W("HTTP/1.1 OK\r\n\r\n"), true, "status" },
	{ "only a version", "GET", W("HTTP/1.1\r\n\r\n"), true, "status" },
	{ "signed status", "GET", W("HTTP/1.1 +20 OK\r\n\r\n"), true, "status" },
	{ "two spaces", "GET", W("HTTP/1.1  200 OK\r\n\r\n"), true, "status" },
	{ "tab behind the status", "GET", W("HTTP/1.1 200\tOK\r\n\r\n"), true, "status" },
	{ "HTTP/2.0", "GET", W("HTTP/2.0 200 OK\r\n\r\n"), true, "version" },
	{ "HTTP/1.2", "GET", W("HTTP/1.2 200 OK\r\n\r\n"), true, "version" },
	{ "ICY", "GET", W("ICY 200 OK\r\n\r\n"), true, "version" },
	{ "body without a head", "GET", W("<html>\r\n\r\n"), true, "version" },
	{ "empty line before", "GET", W("\r\nHTTP/1.1 200 OK\r\n\r\n"), true, "empty-line" },
	{ "bare LF", "GET", W("HTTP/1.1 200 OK\nX: y\n\n"), true, "bare-lf" },
	{ "bare CR in the reason", "GET", W("HTTP/1.1 200 O\rK\r\n\r\n"), true, "bare-cr" },
	{ "NUL in the reason", "GET", W("HTTP/1.1 200 O\0K\r\n\r\n"), true, "control-byte" },
	{ "SSH at once", "GET", W("SSH-2.0-x\n"), true, "bare-lf" },

	/* fields: the rules of requests */
	{ "space before the colon", "GET", OK("X : y\r\n"), true, "space-before-colon" },
	{ "folded", "GET", OK("X: y\r\n z\r\n"), true, "folded-line" },
	{ "bare CR in a value", "GET", OK("X: y\rSet-Cookie: a\r\n"), true, "bare-cr" },
	{ "NUL in a value", "GET", OK("X: y\0\r\n"), true, "control-byte" },
	{ "high bytes in a value", "GET", OK("X: \xe9\r\n"), false, "200 OK close" },
	{ "Host and Expect mean nothing here", "GET", OK("Host: a b\r\nHost: c\r\nExpect: x\r\n"), false, "200 OK close" },

	/* where the body ends */
	{ "neither", "GET", OK(""), false, "200 OK close" },
	{ "neither, but keep-alive", "GET", OK("Connection: keep-alive\r\n"), false, "200 OK close -Connection" },
	{ "chunked", "GET", OK("Transfer-Encoding: chunked\r\n"), false, "200 OK chunked ka" },
	{ "chunked and close", "GET", OK("Transfer-Encoding: chunked\r\nConnection: close\r\n"), false, "200 OK chunked -Connection" },
	{ "both", "GET", OK("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), true, "te-and-cl" },
	{ "both, to HEAD", "HEAD", OK("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), true, "te-and-cl" },
	{ "two lengths", "GET", OK("Content-Length: 5\r\nContent-Length: 6\r\n"), true, "content-length-twice" },
	{ "two lengths, the same", "GET", OK("Content-Length: 5\r\nContent-Length: 5\r\n"), true, "content-length-twice" },
	{ "list of lengths", "GET", OK("Content-Length: 5, 5\r\n"), true, "content-length" },
	{ "negative length", "GET", OK("Content-Length: -1\r\n"), true, "content-length" },
	{ "length over 2^63", "GET", OK("Content-Length: 9223372036854775808\r\n"), true, "content-length-range" },
	{ "gzip", "GET", OK("Transfer-Encoding: gzip, chunked\r\n"), true, "transfer-coding" },
	{ "identity", "GET", OK("Transfer-Encoding: identity\r\n"), true, "transfer-coding" },
	{ "chunked twice", "GET", OK("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), true, "transfer-encoding-twice" },
	{ "chunked in HTTP/1.0", "GET", W("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), true, "te-in-1.0" },
	{ "disguised", "GET", OK("Transfer_Encoding: chunked\r\n"), true, "disguised-framing" },
	{ "HEAD", "HEAD", OK("Content-Length: 5\r\n"), false, "200 OK none=5 ka" },
	{ "HEAD, chunked", "HEAD", OK("Transfer-Encoding: chunked\r\n"), false, "200 OK none ka" },
	{ "head is no HEAD", "head", OK("Content-Length: 5\r\n"), false, "200 OK length=5 ka" },
	{ "CONNECT", "CONNECT", W("HTTP/1.1 200 OK\r\n\r\n"), false, "200 OK none ka" },
	{ "CONNECT, refused", "CONNECT", W("HTTP/1.1 502 No\r\nContent-Length: 5\r\n\r\n"), false, "502 No length=5 ka" },
	{ "100", "POST", W("HTTP/1.1 100 Continue\r\n\r\n"), false, "100 Continue none ka" },
	{ "103", "GET", W("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), false, "103 Early Hints none ka" },
	{ "101 that nobody asked for", "GET", W("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"), true, "unasked-101" },
	{ "204", "GET", W("HTTP/1.1 204 No Content\r\n\r\n"), false, "204 No Content none ka" },
	{ "204 with length 0", "GET", W("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), false, "204 No Content none=0 ka" },
	{ "304 keeps the length", "GET", W("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), false, "304 Not Modified none=5 ka" },
	{ "205 with length 0", "GET", W("HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n"), false, "205 Reset none=0 ka" },
	{ "205 without framing", "GET", W("HTTP/1.1 205 Reset\r\n\r\n"), false, "205 Reset none" },
	{ "205 with a body", "GET", W("HTTP/1.1 205 Reset\r\nContent-Length: 5\r\n\r\n"), true, "body-in-205" },
	{ "205, chunked", "GET", W("HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n"), true, "body-in-205" },

	/* what belongs to the hop */
	{ "hop-by-hop", "GET", OK("Content-Length: 0\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nUpgrade: h2,h2c\r\nTE: trailers\r\n"), false, "200 OK length=0 ka -Keep-Alive -Proxy-Authenticate -Upgrade -TE" },
	{ "named", "GET", OK("Content-Length: 0\r\nConnection: X-A\r\nX-A: b\r\n"), false, "200 OK length=0 ka -Connection -X-A" },
	{ "names framing", "GET", OK("Content-Length: 0\r\nConnection: Content-Length\r\n"), true, "connection-names-field" },
	{ "odd Connection", "GET", OK("Content-Length: 0\r\nConnection: a b, close\r\n"), false, "200 OK length=0 -Connection" },
	{ "Alt-Svc", "GET", OK("Content-Length: 0\r\nAlt-Svc: h3=\":443\"\r\n"), false, "200 OK length=0 ka -Alt-Svc" },
	{ "Alt-Svc: clear", "GET", OK("Content-Length: 0\r\nAlt-Svc: Clear\r\n"), false, "200 OK length=0 ka" },
};
/* clang-format on */

static void test_cases_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		for (struct split s = { 0 }; split_plan(&s, cases[i].wire.n);) {
			struct outcome o =
				run_head(cases[i].wire, cases[i].method, &s);

			if (strcmp(o.text, cases[i].want) != 0)
				print_error("%s, pieces of %zu, %zu\n",
				            cases[i].name, s.first, s.piece);
			assert_string_equal(o.text, cases[i].want);
			assert_int_equal(o.rc,
			                 cases[i].refused ? SP_E_PROTO : SP_OK);
			assert_int_equal(o.reason,
			                 cases[i].refused
			                         ? SP_REASON_UPSTREAM_PROTOCOL
			                         : SP_REASON_NONE);
		}
	}
}

/* Limits are the server's fault, too: not one of them is answered as a 4xx. */
static void test_limits_have_the_reason_of_responses(void **state)
{
	static char text[SP_H1_HEAD_MAX + 64];
	static const char start[] = "HTTP/1.1 200 ";
	struct outcome o;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, start, strlen(start));
	o = run_head_whole((struct wire){ text, SP_H1_TARGET_MAX }, "GET");
	assert_string_equal(o.text, "more");
	o = run_head_whole((struct wire){ text, sizeof(text) }, "GET");
	assert_string_equal(o.text, "start-line");
	assert_int_equal(o.rc, SP_E_LIMIT);
	assert_int_equal(o.reason, SP_REASON_UPSTREAM_PROTOCOL);

	memcpy(text + strlen(start), "\r\nX:", 4);
	o = run_head_whole((struct wire){ text, sizeof(text) }, "GET");
	assert_string_equal(o.text, "head-size");
	assert_int_equal(o.reason, SP_REASON_UPSTREAM_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_limits_have_the_reason_of_responses),
	};

	return cmocka_run_group_tests_name("http/h1 responses", tests, NULL,
	                                   NULL);
}
