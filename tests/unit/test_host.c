/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "name/host.h"

/* clang-format off */
static const struct { const char *in, *out; enum sp_host_kind kind; } good[] = {
	{ "example.com", "example.com", SP_HOST_NAME },
	{ "EXAMPLE.COM", "example.com", SP_HOST_NAME },
	{ "example.com.", "example.com", SP_HOST_NAME },
	{ "example.com..", "example.com", SP_HOST_NAME },
	{ "exa%6dple.com", "example.com", SP_HOST_NAME },
	{ "_dmarc.example.com", "_dmarc.example.com", SP_HOST_NAME },
	{ "a--b.-c-.d", "a--b.-c-.d", SP_HOST_NAME },
	{ "b\u00fccher.de", "xn--bcher-kva.de", SP_HOST_NAME },
	{ "b%C3%BCcher.de", "xn--bcher-kva.de", SP_HOST_NAME },
	{ "XN--bcher-KVA.de", "xn--bcher-kva.de", SP_HOST_NAME },
	{ "fa\u00df.example", "xn--fa-hia.example", SP_HOST_NAME },
	{ "\uff47\uff4f.com", "go.com", SP_HOST_NAME },
	{ "a\u3002b", "a.b", SP_HOST_NAME },
	{ "loc\u00adalhost", "localhost", SP_HOST_NAME },
	{ "0x7f.example.com", "0x7f.example.com", SP_HOST_NAME },
	{ "127.0.0.1", "127.0.0.1", SP_HOST_IPV4 },
	{ "0x7f.1", "127.0.0.1", SP_HOST_IPV4 },
	{ "2130706433", "127.0.0.1", SP_HOST_IPV4 },
	{ "017700000001", "127.0.0.1", SP_HOST_IPV4 },
	{ "127.1.", "127.0.0.1", SP_HOST_IPV4 },
	{ "127.0.0.1..", "127.0.0.1", SP_HOST_IPV4 },
	{ "foo.09..", "foo.09..", SP_HOST_NAME },
	{ "0x", "0.0.0.0", SP_HOST_IPV4 },
	{ "0377.0377.0xff.255", "255.255.255.255", SP_HOST_IPV4 },
	{ "\u2460\u2461\u2466.0.0.1", "127.0.0.1", SP_HOST_IPV4 },
	{ "[::1]", "[::1]", SP_HOST_IPV6 },
	{ "[0:0:0:0:0:0:0:1]", "[::1]", SP_HOST_IPV6 },
	{ "[::FFFF:127.0.0.1]", "[::ffff:7f00:1]", SP_HOST_IPV6 },
};

static const char *const bad[] = {
	"", ".", "..", ".a", "a..b", "a b", "a\tb", "a/b", "a\\b", "a:b", "a@b",
	"a%", "a%2", "a%zz", "a%00b", "a%20b", "a%2fb", "a<b", "a[b", "a]b",
	"a^b", "a|b", ("a\x7f" "b"), "256.0.0.1", "1.2.3.4.5", "foo.09", "foo.1.2.3.4",
	"4294967296", "0x100000000", "1.2.3.256", "1.256.3.4", "09.1", "1..2",
	"[", "[]", "[::1", "::1", "[::1%25lo]", "[1.2.3.4]", "[::1]x", "[example.com]",
	"xn--", "a.xn--pokxncvks", "\u00ad", "\xff", "\xc3", "\uffff",
};

static const struct { const char *in, *host; int port; } authorities[] = {
	{ "example.com", "example.com", 0 }, { "Example.com:8080", "example.com", 8080 },
	{ "[::1]", "[::1]", 0 }, { "[::1]:443", "[::1]", 443 }, { "127.1:80", "127.0.0.1", 80 },
	{ "a:65535", "a", 65535 }, { "a:00080", "a", 80 },
	{ "a:", NULL, 0 }, { "a:0", NULL, 0 }, { "a:65536", NULL, 0 }, { "a:1:2", NULL, 0 },
	{ "a:-1", NULL, 0 }, { "a: 1", NULL, 0 }, { ":80", NULL, 0 }, { "u@a", NULL, 0 },
	{ "a:080800", NULL, 0 }, { "::1", NULL, 0 }, { "[::1]80", NULL, 0 }, { " a", NULL, 0 },
};

static const char *const internal[] = {
	"localhost", "foo.localhost", "localhost.localdomain", "intranet", "a",
	"printer.local", "x.internal", "metadata.google.internal", "nas.lan",
	"kubernetes.default.svc", "svc.cluster.local", "web.service.consul",
	"router.home.arpa", "localtest.me", "169-254-169-254.nip.io", "a.b.1u.ms",
};

static const char *const outside[] = {
	"example.com", "localhost.example.com", "my-localhost.dev", "internal.example.com",
	"notnip.io", "local.com", "xn--bcher-kva.de", "127.0.0.1",
};
/* clang-format on */

static struct sp_host host(const char *text)
{
	struct sp_host h;

	if (sp_host_parse(sp_str(text), &h) < 0)
		fail_msg("refused: %s", text);
	return h;
}

static void test_canonical_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(good); i++) {
		struct sp_host h = host(good[i].in), again;

		assert_string_equal(h.text, good[i].out);
		assert_int_equal(h.kind, good[i].kind);
		assert_int_equal(h.n, strlen(h.text));
		again = host(h.text);
		assert_true(sp_host_eq(&h, &again));
		assert_int_equal(again.kind, h.kind);
	}
}

static void test_refusals(void **state)
{
	struct sp_host h;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(bad); i++)
		if (sp_host_parse(sp_str(bad[i]), &h) != SP_E_PROTO)
			fail_msg("accepted: %s as %s", bad[i], h.text);
}

/* Labels of 62, 63, 64; names of 252, 253, 254. */
static void test_limits(void **state)
{
	uint8_t text[4200];
	struct sp_host h;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t n = 62; n <= 64; n++)
		assert_int_equal(sp_host_parse((struct sp_str){ text, n }, &h),
		                 n <= 63 ? SP_OK : SP_E_PROTO);
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	for (size_t n = 252; n <= 254; n++)
		assert_int_equal(sp_host_parse((struct sp_str){ text, n }, &h),
		                 n <= SP_HOST_MAX ? SP_OK : SP_E_PROTO);
	assert_int_equal(
		sp_host_parse((struct sp_str){ text, sizeof(text) }, &h),
		SP_E_PROTO);
}

static void test_authorities(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(authorities); i++) {
		struct sp_host h;
		uint16_t port;
		enum sp_rc rc = sp_authority_parse(sp_str(authorities[i].in),
		                                   &h, &port);

		if (authorities[i].host == NULL) {
			assert_int_equal(rc, SP_E_PROTO);
			continue;
		}
		assert_int_equal(rc, SP_OK);
		assert_string_equal(h.text, authorities[i].host);
		assert_int_equal(port, authorities[i].port);
	}
}

static void test_internal_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(internal); i++) {
		struct sp_host h = host(internal[i]);

		if (!sp_host_is_internal(&h))
			fail_msg("not internal: %s", internal[i]);
	}
	for (size_t i = 0; i < SP_COUNT(outside); i++) {
		struct sp_host h = host(outside[i]);

		if (sp_host_is_internal(&h))
			fail_msg("internal: %s", outside[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical_form),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_internal_names),
	};

	return cmocka_run_group_tests_name("name/host", tests, NULL, NULL);
}
