/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "dns/hosts.h"

static const struct {
	const char *text;
	const char *name;
	const char *addrs; /* separated by blanks */
} cases[] = {
	{ "", "a", "" },
	{ "\n\n", "a", "" },
	{ "10.0.0.1 a", "a", "10.0.0.1" },
	{ "10.0.0.1\ta\n", "a", "10.0.0.1" },
	{ "10.0.0.1 \t b  a \r\n", "a", "10.0.0.1" },
	{ "10.0.0.1 A.Example.", "a.example", "10.0.0.1" },
	{ "10.0.0.1 a\n::1 a\n10.0.0.2 a", "a", "10.0.0.1 ::1 10.0.0.2" },
	{ "10.0.0.1 a a a", "a", "10.0.0.1" },
	{ "10.0.0.1 ab b.a xa", "a", "" },
	{ "10.0.0.1 # a", "a", "" },
	{ "10.0.0.1 b#a", "b", "10.0.0.1" },
	{ "10.0.0.1 b#a", "a", "" },
	{ "#10.0.0.1 a", "a", "" },
	{ "  10.0.0.1 a", "a", "10.0.0.1" },
	{ "10.0.0.1", "10.0.0.1", "" },
	{ "10.0.1 a\n10.0.0.2 a", "a", "10.0.0.2" },
	{ "fe80::1%lo0 a\n10.0.0.2 a", "a", "10.0.0.2" },
	{ "a a\n. .\n", "a", "" },
	{ "10.0.0.1 .", "a", "" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_addr found[4];
		struct sp_host host = { .kind = SP_HOST_NAME };
		char got[256] = "", addr[SP_ADDR_TEXT_MAX];
		size_t n, len = 0;

		host.n = (uint8_t)snprintf(host.text, sizeof(host.text), "%s",
		                           cases[i].name);
		n = sp_hosts_find(sp_str(cases[i].text), &host, found, 4);
		for (size_t k = 0; k < n; k++) {
			sp_addr_text(&found[k], addr);
			len += (size_t)snprintf(got + len, sizeof(got) - len,
			                        "%s%s", k > 0 ? " " : "", addr);
		}
		assert_string_equal(got, cases[i].addrs);
	}
}

static void test_the_array_is_the_limit(void **state)
{
	const char *text = "10.0.0.1 a\n10.0.0.2 a\n10.0.0.3 a";
	struct sp_host host = { .kind = SP_HOST_NAME, .n = 1, .text = "a" };
	struct sp_addr found[4];

	(void)state;
	for (size_t max = 0; max <= 4; max++)
		assert_int_equal(sp_hosts_find(sp_str(text), &host, found, max),
		                 max < 3 ? max : 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_the_array_is_the_limit),
	};

	return cmocka_run_group_tests_name("dns/hosts", tests, NULL, NULL);
}
