/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden bytes of the messages that bring up a sandbox's network. They were
 * accepted by Linux 6.18; multi-byte fields are those of a little-endian host.
 */
#include "test.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "sandbox/net.h"

static void test_one_message(void **state)
{
	static const uint8_t want[] = {
		/* length, type, flags REQUEST|ACK, seq 1, pid */
		48, 0, 0, 0, 0x21, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		/* body, padded */
		'a', 'b', 'c', 0,
		/* text "hi", 7 bytes and one of padding */
		7, 0, 1, 0, 'h', 'i', 0, 0,
		/* nest of 12 with a big-endian word in it */
		12, 0, 2, 0x80, 8, 0, 3, 0, 1, 2, 3, 4,
		/* a byte, padded */
		5, 0, 4, 0, 0xee, 0, 0, 0
	};
	struct sp_nl m;

	(void)state;
	sp_nl_init(&m);
	sp_nl_begin(&m, 0x21, NLM_F_ACK, "abc", 3);
	sp_nl_text(&m, 1, "hi");
	sp_nl_nest(&m, 2);
	sp_nl_be32(&m, 3, 0x01020304);
	sp_nl_unnest(&m);
	sp_nl_put(&m, 4, "\xee", 1);
	sp_nl_end(&m);
	assert_false(m.bad);
	assert_int_equal(m.n, sizeof(want));
	assert_memory_equal(m.p, want, sizeof(want));
	assert_int_equal(m.acks, 1);
}

static void test_routes(void **state)
{
	static const uint8_t address[] = {
		/* RTM_NEWADDR, REQUEST|ACK|CREATE, seq 2 */
		40, 0, 0, 0, 20, 0, 5, 4, 2, 0, 0, 0, 0, 0, 0, 0,
		/* AF_INET /32 on index 1 */
		2, 32, 0, 0, 1, 0, 0, 0,
		/* IFA_LOCAL and IFA_ADDRESS 10.200.0.1 */
		8, 0, 2, 0, 10, 200, 0, 1, 8, 0, 1, 0, 10, 200, 0, 1
	};
	static const uint8_t route[] = {
		44, 0, 0, 0, 24, 0, 5, 4, 3, 0, 0, 0, 0, 0, 0, 0,
		/* AF_INET 0.0.0.0/0, table main, static, host, RTN_LOCAL */
		2, 0, 0, 0, 254, 4, 254, 2, 0, 0, 0, 0,
		/* RTA_OIF lo, RTA_PREFSRC */
		8, 0, 4, 0, 1, 0, 0, 0, 8, 0, 7, 0, 10, 200, 0, 1
	};
	uint32_t optional;
	struct sp_nl m;

	(void)state;
	sp_net_build_routes(&m, &optional);
	assert_false(m.bad);
	assert_int_equal(m.acks, 5);
	assert_int_equal(optional, 4);
	/* RTM_NEWLINK is 16 + 16 bytes. */
	assert_memory_equal(m.p + 32, address, sizeof(address));
	assert_memory_equal(m.p + 32 + sizeof(address), route, sizeof(route));
}

/* Every message lies in the batch, and attributes fill it exactly. */
static size_t count_messages(const struct sp_nl *m)
{
	size_t at = 0, n = 0;

	while (at < m->n) {
		struct nlmsghdr h;

		memcpy(&h, m->p + at, sizeof(h));
		assert_true(h.nlmsg_len >= sizeof(h));
		assert_true(h.nlmsg_len <= m->n - at);
		assert_int_equal(h.nlmsg_len % 4, 0);
		n++;
		assert_int_equal(h.nlmsg_seq, n);
		at += h.nlmsg_len;
	}
	return n;
}

static void test_rules(void **state)
{
	/* table, chain, 4 local, 2 tproxy, chain, tcp, 4 local, dns, reject
	 * between begin and end; redirect has one rule where tproxy has two */
	static const struct {
		enum sp_capture how;
		uint32_t acks;
	} rows[] = { { SP_CAPTURE_TPROXY, 16 }, { SP_CAPTURE_REDIRECT, 15 } };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_nl m;

		sp_net_build_rules(&m, rows[i].how);
		assert_false(m.bad);
		assert_int_equal(m.acks, rows[i].acks);
		assert_int_equal(count_messages(&m), rows[i].acks + 2);
		assert_true(m.n <= SP_NL_MAX);
	}
}

static void test_limits(void **state)
{
	static const uint8_t block[SP_NL_MAX];
	struct sp_nl m;
	uint32_t seq;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		sp_nl_init(&m);
		sp_nl_begin(&m, 1, 0, block, 0);
		sp_nl_put(&m, 1, block, SP_NL_MAX - 20 + over);
		sp_nl_end(&m);
		assert_int_equal(m.bad, over);
	}
	assert_int_not_equal(sp_nl_talk(-1, &m, 0, &seq), 0);
	sp_nl_init(&m);
	sp_nl_begin(&m, 1, 0, block, 0);
	for (unsigned i = 0; i <= SP_NL_DEPTH; i++)
		sp_nl_nest(&m, 1);
	assert_true(m.bad);
}

static void test_names_of_capture(void **state)
{
	enum sp_capture how;

	(void)state;
	for (unsigned i = 0; i <= SP_CAPTURE_AUTO; i++) {
		const char *name = sp_capture_name((enum sp_capture)i);

		assert_int_equal(sp_capture_parse(name, &how), SP_OK);
		assert_int_equal(how, i);
	}
	assert_int_equal(sp_capture_parse("TPROXY", &how), SP_E_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_message),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names_of_capture),
	};

	return cmocka_run_group_tests_name("sandbox/netlink", tests, NULL,
	                                   NULL);
}
