/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "role/resolv.h"

static const struct {
	const char *text, *want;
} cases[] = {
	{ "", "127.0.0.1" },
	{ "search lan\noptions ndots:5\n", "127.0.0.1" },
	{ "nameserver 9.9.9.9\n", "9.9.9.9" },
	{ "nameserver 9.9.9.9", "9.9.9.9" },
	{ "\tnameserver \t 9.9.9.9 \r\n", "9.9.9.9" },
	{ "nameserver 1.1.1.1\n# x\nnameserver 2620:fe::fe\n",
	  "1.1.1.1,2620:fe::fe" },
	{ "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n"
	  "nameserver 4.4.4.4\n",
	  "1.1.1.1,2.2.2.2,3.3.3.3" },
	{ "nameserver fe80::1%eth0\nnameserver 1.1.1.1\n", "1.1.1.1" },
	{ "nameserver 1.1.1.1,9.9.9.9\nnameserver 300.1.1.1\n", "127.0.0.1" },
	{ "nameserver\nnameserver   \nnameservers 1.1.1.1\n", "127.0.0.1" },
	{ ";nameserver 1.1.1.1\n#nameserver 1.1.1.1\n", "127.0.0.1" },
	{ "nameserver 0000:0000:0000:0000:0000:0000:0000:00000000000001\n",
	  "127.0.0.1" },
};

static void test_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_buf b;

		sp_buf_init(&b, 256);
		sp_resolv_servers(sp_str(cases[i].text), &b);
		if (!sp_str_is(sp_buf_str(&b), cases[i].want))
			fail_msg("%s: %.*s", cases[i].text, (int)sp_buf_len(&b),
			         (const char *)b.p);
		sp_buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
	};

	return cmocka_run_group_tests_name("role/resolv", tests, NULL, NULL);
}
