/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "http/deny.h"

#define OUT_MAX 65536u

static struct sp_str written(struct sp_buf *out, const struct sp_denial *d)
{
	sp_buf_reset(out);
	sp_denial_write(d, out);
	assert_true(sp_buf_ok(out));
	return sp_buf_str(out);
}

static bool has(struct sp_str s, const char *text)
{
	return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static struct sp_str body_of(struct sp_str s)
{
	const uint8_t *end = memmem(s.p, s.n, "\r\n\r\n", 4);

	assert_non_null(end);
	(void)sp_str_take(&s, (size_t)(end - s.p) + 4); /* the head */
	return s;
}

static const struct sp_denial example = {
	.reason = SP_REASON_METHOD_DENIED,
	.host = { (const uint8_t *)"example.com", 11 },
	.port = 8443,
	.method = { (const uint8_t *)"POST", 4 },
	.path = { (const uint8_t *)"/a", 2 },
	.rule = { (const uint8_t *)"rules[0]", 8 },
	.id = { (const uint8_t *)"7", 1 },
	.client_minor = 1,
};

static void test_json(void **state)
{
	static const char body[] =
		"{\"type\":\"urn:sallyport:reason:method_denied\""
		",\"title\":\"The policy does not allow this method here.\""
		",\"status\":403"
		",\"detail\":\"The policy does not allow this method here.\""
		",\"code\":\"method_denied\""
		",\"host\":\"example.com\",\"port\":8443"
		",\"method\":\"POST\",\"path\":\"/a\",\"rule\":\"rules[0]\""
		",\"request_id\":\"7\",\"retryable\":false"
		",\"hint\":\"add the method to the rule of this host\""
		",\"error\":{\"type\":\"sallyport_denied\""
		",\"code\":\"method_denied\""
		",\"message\":\"sallyport: The policy does not allow this "
		"method here. (example.com:8443) Hint: add the method to the "
		"rule of this host.\"}}\n";
	struct sp_buf out;
	char head[256];

	(void)state;
	snprintf(head, sizeof(head),
	         "HTTP/1.1 403 Forbidden\r\n"
	         "Content-Type: application/problem+json\r\n"
	         "Content-Length: %zu\r\n"
	         "Cache-Control: no-store\r\n"
	         "X-Sallyport-Reason: method_denied\r\n\r\n",
	         strlen(body));
	sp_buf_init(&out, OUT_MAX);
	assert_true(sp_str_is(body_of(written(&out, &example)), body));
	assert_true(has(sp_buf_str(&out), head));
	sp_buf_fini(&out);
}

static void test_which_body(void **state)
{
	static const struct {
		const char *accept;
		bool text;
	} cases[] = {
		{ "", false },
		{ "*/*", false },
		{ "application/json", false },
		{ "application/vnd.x+json", false },
		{ "image/png", false },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", true },
		{ "Text/Plain", true },
		{ "text/event-stream, application/json", false },
	};
	struct sp_denial d = example;
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		d.accept = sp_str(cases[i].accept);
		assert_int_equal(has(written(&out, &d), "text/plain"),
		                 cases[i].text);
		assert_int_equal(body_of(sp_buf_str(&out)).p[0] == '{',
		                 !cases[i].text);
	}
	sp_buf_fini(&out);
}

static void test_head_gets_a_head(void **state)
{
	struct sp_denial d = example;
	struct sp_buf out;
	size_t n;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	d.method = sp_str("HEAD");
	n = body_of(written(&out, &d)).n;
	assert_int_equal(n, 0);
	assert_true(has(sp_buf_str(&out), "Content-Length: "));
	assert_false(has(sp_buf_str(&out), "Content-Length: 0\r\n"));
	sp_buf_fini(&out);
}

static void test_persistence(void **state)
{
	struct sp_denial d = example;
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	assert_false(has(written(&out, &d), "Connection:"));
	d.client_minor = 0;
	assert_true(has(written(&out, &d), "Connection: keep-alive\r\n"));
	d.close = true;
	assert_true(has(written(&out, &d), "Connection: close\r\n"));
	sp_buf_fini(&out);
}

/* Every reason has an answer, or has no status and nothing is written. */
static void test_all_reasons(void **state)
{
	struct sp_denial d = example;
	struct sp_buf out;
	char line[64];

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (unsigned r = 0; r < SP_REASON_COUNT; r++) {
		struct sp_str s;

		d.reason = (enum sp_reason)r;
		s = written(&out, &d);
		if (sp_reason_status(d.reason) == 0) {
			assert_int_equal(s.n, 0);
			continue;
		}
		snprintf(line, sizeof(line), "HTTP/1.1 %u ",
		         sp_reason_status(d.reason));
		assert_memory_equal(s.p, line, strlen(line));
		snprintf(line, sizeof(line), "\r\nX-Sallyport-Reason: %s\r\n",
		         sp_reason_code(d.reason));
		assert_true(has(s, line));
		assert_true(has(s, sp_reason_text(d.reason)));
		assert_true(has(s, sp_reason_hint(d.reason)));
		assert_int_equal(has(s, "\r\nRetry-After: "),
		                 sp_reason_status(d.reason) == 503);
		assert_int_equal(has(s, "\r\nAllow: "),
		                 sp_reason_status(d.reason) == 405);
	}
	sp_buf_fini(&out);
}

/* clang-format off */
static const struct {
	const char *raw, *json, *plain;
} texts[] = {
	{ "a\"b\\c/", "a\\\"b\\\\c/", "a\"b\\c/" },
	{ "\r\n\t\x1b[0m\x7f", "\\u000d\\u000a\\u0009\\u001b[0m\\u007f", "????[0m?" },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\x80", "\\ufffd", "\xef\xbf\xbd" },
	{ "\xc3", "\\ufffd", "\xef\xbf\xbd" },
	{ "\xe2\x82", "\\ufffd\\ufffd", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xc0\xaf", "\\ufffd\\ufffd", NULL },                     /* over-long */
	{ "\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd", NULL },          /* over-long */
	{ "\xe0\xa0\x80", "\xe0\xa0\x80", NULL },
	{ "\xed\x9f\xbf", "\xed\x9f\xbf", NULL },
	{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd", NULL },          /* surrogate */
	{ "\xf0\x8f\xbf\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd", NULL }, /* over-long */
	{ "\xf0\x90\x80\x80", "\xf0\x90\x80\x80", NULL },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", NULL },
	{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", NULL }, /* beyond */
	{ "\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", NULL },
	{ "\xff" "a", "\\ufffda", "\xef\xbf\xbd" "a" },
};
/* clang-format on */

static void test_texts_from_outside(void **state)
{
	struct sp_denial d = example;
	struct sp_buf out;
	char line[128];

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		d.path = sp_str(texts[i].raw);
		d.accept = sp_str("*/*");
		snprintf(line, sizeof(line), ",\"path\":\"%s\",",
		         texts[i].json);
		assert_true(has(written(&out, &d), line));
		if (texts[i].plain == NULL)
			continue;
		d.accept = sp_str("text/plain");
		snprintf(line, sizeof(line), "path: %s\n", texts[i].plain);
		assert_true(has(written(&out, &d), line));
	}
	sp_buf_fini(&out);
}

/* The head is ours alone, whatever the request held. */
static void test_nothing_gets_into_the_head(void **state)
{
	static const char evil[] = "x\r\nSet-Cookie: a=b\r\n\r\n<html>";
	struct sp_denial d = example;
	struct sp_str s, body;
	struct sp_buf out;

	(void)state;
	d.host = d.method = d.path = d.rule = d.id = d.detail = sp_str(evil);
	sp_buf_init(&out, OUT_MAX);
	s = written(&out, &d);
	body = body_of(s);
	assert_false(has((struct sp_str){ s.p, s.n - body.n }, "Set-Cookie"));
	assert_false(has(body, "\r"));
	sp_buf_fini(&out);
}

static void test_texts_are_cut(void **state)
{
	static uint8_t bytes[SP_DENIAL_TEXT_MAX + 1];
	struct sp_denial d = example;
	struct sp_buf out;

	(void)state;
	/* the worst: each byte becomes six, in every text */
	memset(bytes, 0x01, sizeof(bytes));
	sp_buf_init(&out, OUT_MAX);
	for (size_t n = sizeof(bytes) - 2; n <= sizeof(bytes); n++) {
		d.host = d.method = d.path = d.rule = d.id = d.detail =
			(struct sp_str){ bytes, n };
		assert_int_equal(has(written(&out, &d), "\\u0001...\""),
		                 n > SP_DENIAL_TEXT_MAX);
	}
	sp_buf_fini(&out);
}

/* What is cut within a character ends in the character for that. */
static void test_no_byte_behind_the_text_counts(void **state)
{
	struct sp_denial d = example;
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, OUT_MAX);
	d.path = (struct sp_str){ (const uint8_t *)"/\xe2\x82\xac", 3 };
	assert_true(has(written(&out, &d), "\"path\":\"/\\ufffd\\ufffd\","));
	d.path.n = 2;
	assert_true(has(written(&out, &d), "\"path\":\"/\\ufffd\","));
	sp_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_which_body),
		cmocka_unit_test(test_head_gets_a_head),
		cmocka_unit_test(test_persistence),
		cmocka_unit_test(test_all_reasons),
		cmocka_unit_test(test_texts_from_outside),
		cmocka_unit_test(test_nothing_gets_into_the_head),
		cmocka_unit_test(test_texts_are_cut),
		cmocka_unit_test(test_no_byte_behind_the_text_counts),
	};

	return cmocka_run_group_tests_name("http/deny", tests, NULL, NULL);
}
