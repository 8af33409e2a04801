/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "name/url.h"

/* clang-format off */
static const struct {
	const char *in;
	enum sp_rc rc;
	const char *host;
	unsigned port;
	const char *path, *query;
	bool irregular;
} cases[] = {
	{ "http://example.com", SP_OK, "example.com", 80, "/", "", false },
	{ "HTTPS://Example.com:8443/a?b#c", SP_OK, "example.com", 8443, "/a", "b", false },
	{ "https://a.b?q", SP_OK, "a.b", 443, "/", "q", false },
	{ "https://a.b#f?x", SP_OK, "a.b", 443, "/", "", false },
	{ "https://a.b:/x", SP_OK, "a.b", 443, "/x", "", false },
	{ "https://u:p@a.b/", SP_OK, "a.b", 443, "/", "", false },
	{ "https://a.b/@scope/x", SP_OK, "a.b", 443, "/@scope/x", "", false },
	{ "https://a.b/?m=x@y", SP_OK, "a.b", 443, "/", "m=x@y", false },
	{ "http://[::1]:81/", SP_OK, "[::1]", 81, "/", "", false },
	{ "http://user.name@a.b/", SP_OK, "a.b", 80, "/", "", true },
	{ "http:a.b/x", SP_OK, "a.b", 80, "/x", "", true },
	{ "http:/a.b/x", SP_OK, "a.b", 80, "/x", "", true },
	{ "http:\\\\a.b\\x", SP_OK, "a.b", 80, "\\x", "", true },
	{ "http://a.b/x\ty", SP_OK, "a.b", 80, "/x\ty", "", true },
	{ "http:///a.b/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http:////a.b/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a.b\\x", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a.b\\@c.d/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http:\\\\a.b\\@c.d/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a.b#@c.d/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a.b?@c.d/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://x@y@a.b/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ " http://a.b/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a.b/ ", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a\t.b/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "ht\ntp://a.b/", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "http://a.b/\r\nx", SP_E_DENIED, NULL, 0, NULL, NULL, false },
	{ "", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "//a.b/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "a.b", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://?", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://@/x", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://:80/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://a.b:1:2/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://a.b:80:", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://a.b::/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://a.b:x/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://a.b%40c.d/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
	{ "http://a b/", SP_E_PROTO, NULL, 0, NULL, NULL, false },
};
/* clang-format on */

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_url u;
		enum sp_rc rc = sp_url_parse(sp_str(cases[i].in), &u);

		if (rc != cases[i].rc)
			fail_msg("%s: %s", cases[i].in, sp_rc_text(rc));
		if (rc < 0)
			continue;
		assert_string_equal(u.host.text, cases[i].host);
		assert_int_equal(u.port, cases[i].port);
		assert_true(sp_str_is(u.path, cases[i].path));
		assert_true(sp_str_is(u.query, cases[i].query));
		assert_int_equal(u.irregular, cases[i].irregular);
	}
}

static void test_schemes(void **state)
{
	struct sp_url u;

	(void)state;
	assert_int_equal(sp_url_parse(sp_str("gopher://a.b/"), &u), SP_OK);
	assert_int_equal(u.scheme, SP_SCHEME_OTHER);
	assert_int_equal(u.host.kind, SP_HOST_NONE);
	assert_int_equal(sp_url_parse(sp_str("hTTpS://u@a.b/"), &u), SP_OK);
	assert_int_equal(u.scheme, SP_SCHEME_HTTPS);
	assert_true(u.has_userinfo);
	assert_string_equal(sp_scheme_name(SP_SCHEME_TCP), "tcp");
}

static void test_limit(void **state)
{
	static uint8_t text[SP_URL_MAX + 1];
	struct sp_url u;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "http://a.b/", 11);
	for (size_t n = SP_URL_MAX - 1; n <= SP_URL_MAX + 1; n++)
		assert_int_equal(sp_url_parse((struct sp_str){ text, n }, &u),
		                 n <= SP_URL_MAX ? SP_OK : SP_E_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests_name("name/url", tests, NULL, NULL);
}
