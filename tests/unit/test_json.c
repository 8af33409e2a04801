/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "json/read.h"
#include "json/text.h"
#include "json/write.h"

#define DEEP8     "[[[[[[[["
#define DEEP8_END "]]]]]]]]"

/* text, its canonical form (NULL: refused), result */
static const struct {
	const char *in, *want;
	enum sp_rc rc;
} cases[] = {
	{ "{}", "{}", SP_OK },
	{ " [ ] ", "[]", SP_OK },
	{ "{\"b\":1,\"a\":[true,false,null]}",
	  "{\"a\":[true,false,null],\"b\":1}", SP_OK },
	{ "\t{\"a\" :\r\n{\"y\":-7,\"x\":0}}", "{\"a\":{\"x\":0,\"y\":-7}}",
	  SP_OK },
	/* RFC 8785, 3.2.3: order by UTF-16 code units */
	{ "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,"
	  "\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
	  "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,"
	  "\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}",
	  SP_OK },
	/* and 3.2.2.2: escapes */
	{ "\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
	  "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"", SP_OK },
	{ "\"\\b\\t\\n\\f\\r\\u001f\\u007f\"", "\"\\b\\t\\n\\f\\r\\u001f\x7f\"",
	  SP_OK },
	{ "{\"a\":1,\"ab\":2,\"A\":3,\"\":4}",
	  "{\"\":4,\"A\":3,\"a\":1,\"ab\":2}", SP_OK },
	{ "9007199254740991", "9007199254740991", SP_OK },
	{ "-9007199254740991", "-9007199254740991", SP_OK },
	{ "9007199254740992", NULL, SP_E_LIMIT },
	{ "99999999999999999999999", NULL, SP_E_LIMIT },
	{ "-0", NULL, SP_E_PROTO },
	{ "01", NULL, SP_E_PROTO },
	{ "-", NULL, SP_E_PROTO },
	{ "+1", NULL, SP_E_PROTO },
	{ "1.0", NULL, SP_E_PROTO },
	{ "1e3", NULL, SP_E_PROTO },
	{ "tru", NULL, SP_E_PROTO },
	{ "null0", NULL, SP_E_PROTO },
	{ "", NULL, SP_E_PROTO },
	{ "{} {}", NULL, SP_E_PROTO },
	{ "{\"a\":1,}", NULL, SP_E_PROTO },
	{ "[1,]", NULL, SP_E_PROTO },
	{ "[,1]", NULL, SP_E_PROTO },
	{ "{\"a\"}", NULL, SP_E_PROTO },
	{ "{a:1}", NULL, SP_E_PROTO },
	{ "{\"a\":1", NULL, SP_E_PROTO },
	{ "[1", NULL, SP_E_PROTO },
	{ "{\"a\":1]", NULL, SP_E_PROTO },
	{ "\"a", NULL, SP_E_PROTO },
	{ "\"\n\"", NULL, SP_E_PROTO },
	{ "\"\\x41\"", NULL, SP_E_PROTO },
	{ "\"\\u12\"", NULL, SP_E_PROTO },
	{ "\"\\ud800\"", NULL, SP_E_PROTO },
	{ "\"\\udc00\"", NULL, SP_E_PROTO },
	{ "\"\\ud800\\u0041\"", NULL, SP_E_PROTO },
	{ "\"\xff\"", NULL, SP_E_PROTO },
	{ "\"\xed\xa0\x80\"", NULL, SP_E_PROTO },
	/* duplicates, in order, out of order, and in disguise */
	{ "{\"a\":1,\"a\":2}", NULL, SP_E_PROTO },
	{ "{\"b\":1,\"a\":2,\"b\":3}", NULL, SP_E_PROTO },
	{ "{\"a\":1,\"\\u0061\":2}", NULL, SP_E_PROTO },
	{ "[{\"x\":{\"k\":1,\"k\":1}}]", NULL, SP_E_PROTO },
	{ DEEP8 DEEP8_END, DEEP8 DEEP8_END, SP_OK },
	{ "[" DEEP8 DEEP8_END "]", NULL, SP_E_LIMIT },
};

static void check(const char *in, const char *want, enum sp_rc rc)
{
	struct sp_buf b;
	struct sp_json j;

	assert_int_equal(sp_json_read(sp_str(in), &j), rc);
	if (rc != SP_OK)
		return;
	sp_buf_init(&b, 4096);
	sp_json_canon(&j, &b);
	assert_true(sp_str_is(sp_buf_str(&b), want));
	assert_int_equal(sp_json_is_canon(&j), strcmp(in, want) == 0);
	sp_buf_fini(&b);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		check(cases[i].in, cases[i].want, cases[i].rc);
		if (cases[i].want != NULL)
			check(cases[i].want, cases[i].want, SP_OK);
	}
}

/* Nothing that is cut short is a whole text of another meaning. */
static void test_every_prefix(void **state)
{
	static const char text[] =
		"{\"a\":[1,\"x\\u0041\"],\"b\":{\"c\":null}}";
	struct sp_json j;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		assert_int_equal(
			sp_json_read(
				(struct sp_str){ (const uint8_t *)text, n },
				&j),
			n == sizeof(text) - 1 ? SP_OK : SP_E_PROTO);
}

static void test_token_limit(void **state)
{
	char text[1024] = "[";
	struct sp_json j;
	size_t n = 1;

	(void)state;
	for (unsigned tokens = 1; tokens <= SP_JSON_TOKENS_MAX; tokens++) {
		bool fits = tokens < SP_JSON_TOKENS_MAX;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s1",
		                      tokens > 1 ? "," : "");
		text[n] = ']';
		text[n + 1] = '\0';
		assert_int_equal(sp_json_read(sp_str(text), &j),
		                 fits ? SP_OK : SP_E_LIMIT);
	}
}

static void test_members(void **state)
{
	struct sp_json j;
	struct sp_buf b;

	(void)state;
	assert_int_equal(
		sp_json_read(sp_str("{\"x\":{\"k\":2},\"\\u006b\":\"a\\nb\"}"),
	                     &j),
		SP_OK);
	assert_null(sp_json_member(&j, 0, "y"));
	assert_null(sp_json_member(&j, 0, "kk"));
	assert_non_null(sp_json_member(&j, 0, "x"));
	assert_true(sp_json_text_is(sp_json_member(&j, 0, "k"), "a\nb"));
	assert_false(sp_json_text_is(sp_json_member(&j, 0, "k"), "a\nbc"));
	assert_false(sp_json_text_is(sp_json_member(&j, 0, "k"), "a\n"));
	sp_buf_init(&b, 16);
	sp_json_text(sp_json_member(&j, 0, "k"), &b);
	assert_true(sp_str_is(sp_buf_str(&b), "a\nb"));
	sp_buf_fini(&b);
}

/* Each byte at each place of two words. */
static void test_plain(void **state)
{
	uint8_t text[17];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

		for (size_t at = 0; at < sizeof(text); at++) {
			struct sp_str s = { text, sizeof(text) };

			memset(text, 'x', sizeof(text));
			text[at] = (uint8_t)c;
			assert_int_equal(sp_json_plain(s),
			                 plain ? sizeof(text) : at);
			memset(text, (int)c, sizeof(text));
			assert_int_equal(sp_json_plain(s),
			                 plain ? sizeof(text) : 0);
		}
	}
}

static void test_writer(void **state)
{
	static const uint8_t odd[] = { 'a', 0, 0xff, '"', 0x1f, 0xe2, 0x82 };
	struct sp_json_object x = { 0 }, y = { 0 };
	struct sp_buf b;

	(void)state;
	sp_json_add_u64(&x, "n", UINT64_MAX);
	sp_json_add_flag(&x, "no", false);
	sp_json_add_flag(&x, "b", true); /* not in order */
	sp_json_add_text(&y, "m", (struct sp_str){ odd, sizeof(odd) });
	sp_json_add_text(&y, "a", sp_str(""));
	assert_false(x.replaced);
	assert_true(y.replaced);
	sp_buf_init(&b, 4096);
	sp_json_put_merged(&b, &x, &y);
	assert_true(sp_str_is(
		sp_buf_str(&b),
		"{\"a\":\"\",\"b\":true,\"m\":\"a\\u0000\xef\xbf\xbd\\\""
		"\\u001f\xef\xbf\xbd\",\"n\":9007199254740991}"));
	sp_buf_fini(&b);
}

static void test_writer_at_its_maximum(void **state)
{
	struct sp_json_object o = { 0 }, none = { 0 };
	struct sp_buf b;

	(void)state;
	sp_json_add_u64(&o, "key", 1);
	sp_buf_init(&b, 9); /* {"key":1} */
	sp_json_put_merged(&b, &o, &none);
	assert_true(sp_buf_ok(&b));
	sp_buf_fini(&b);
	sp_buf_init(&b, 8);
	sp_json_put_merged(&b, &o, &none);
	assert_false(sp_buf_ok(&b));
	sp_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_token_limit),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_at_its_maximum),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
