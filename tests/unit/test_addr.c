/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <netinet/in.h>

#include "name/addr.h"
#include "rng.h"

static struct sp_addr addr(const char *text)
{
	struct sp_addr a;

	assert_int_equal(sp_addr_parse(sp_str(text), &a), SP_OK);
	return a;
}

/* clang-format off */
static const struct {
	const char *text;
	enum sp_addr_class c;
} classes[] = {
	{ "0.0.0.0", SP_ADDR_UNSPECIFIED }, { "0.255.255.255", SP_ADDR_UNSPECIFIED },
	{ "1.0.0.0", SP_ADDR_PUBLIC }, { "9.255.255.255", SP_ADDR_PUBLIC },
	{ "10.0.0.0", SP_ADDR_PRIVATE }, { "10.255.255.255", SP_ADDR_PRIVATE },
	{ "11.0.0.0", SP_ADDR_PUBLIC }, { "100.63.255.255", SP_ADDR_PUBLIC },
	{ "100.64.0.0", SP_ADDR_SHARED }, { "100.127.255.255", SP_ADDR_SHARED },
	{ "100.128.0.0", SP_ADDR_PUBLIC }, { "100.100.100.200", SP_ADDR_METADATA },
	{ "126.255.255.255", SP_ADDR_PUBLIC }, { "127.0.0.0", SP_ADDR_LOOPBACK },
	{ "127.255.255.255", SP_ADDR_LOOPBACK }, { "128.0.0.0", SP_ADDR_PUBLIC },
	{ "168.63.129.16", SP_ADDR_METADATA }, { "168.63.129.17", SP_ADDR_PUBLIC },
	{ "169.253.255.255", SP_ADDR_PUBLIC }, { "169.254.0.0", SP_ADDR_LINK_LOCAL },
	{ "169.254.169.254", SP_ADDR_METADATA }, { "169.254.255.255", SP_ADDR_LINK_LOCAL },
	{ "172.15.255.255", SP_ADDR_PUBLIC }, { "172.16.0.0", SP_ADDR_PRIVATE },
	{ "172.31.255.255", SP_ADDR_PRIVATE }, { "172.32.0.0", SP_ADDR_PUBLIC },
	{ "192.0.0.0", SP_ADDR_SPECIAL }, { "192.0.0.192", SP_ADDR_METADATA },
	{ "192.0.1.0", SP_ADDR_PUBLIC }, { "192.0.2.255", SP_ADDR_SPECIAL },
	{ "192.88.99.1", SP_ADDR_SPECIAL }, { "192.168.0.0", SP_ADDR_PRIVATE },
	{ "192.169.0.0", SP_ADDR_PUBLIC }, { "198.17.255.255", SP_ADDR_PUBLIC },
	{ "198.18.0.0", SP_ADDR_SPECIAL }, { "198.19.255.255", SP_ADDR_SPECIAL },
	{ "198.20.0.0", SP_ADDR_PUBLIC }, { "198.51.100.7", SP_ADDR_SPECIAL },
	{ "203.0.113.7", SP_ADDR_SPECIAL }, { "223.255.255.255", SP_ADDR_PUBLIC },
	{ "224.0.0.0", SP_ADDR_MULTICAST }, { "239.255.255.255", SP_ADDR_MULTICAST },
	{ "240.0.0.0", SP_ADDR_RESERVED }, { "255.255.255.255", SP_ADDR_RESERVED },
	{ "::", SP_ADDR_UNSPECIFIED }, { "::1", SP_ADDR_LOOPBACK },
	{ "fc00::", SP_ADDR_PRIVATE }, { "fdff:ffff::1", SP_ADDR_PRIVATE },
	{ "fd00:ec2::254", SP_ADDR_METADATA }, { "fd20:ce::254", SP_ADDR_METADATA },
	{ "fe80::1", SP_ADDR_LINK_LOCAL }, { "febf::1", SP_ADDR_LINK_LOCAL },
	{ "fec0::1", SP_ADDR_PRIVATE }, { "fbff::1", SP_ADDR_PUBLIC },
	{ "ff02::1", SP_ADDR_MULTICAST }, { "100::1", SP_ADDR_SPECIAL },
	{ "64:ff9b:1::1", SP_ADDR_SPECIAL }, { "2001:2::1", SP_ADDR_SPECIAL },
	{ "2001:10::1", SP_ADDR_SPECIAL }, { "2001:db8::1", SP_ADDR_SPECIAL },
	{ "3fff:fff::1", SP_ADDR_SPECIAL }, { "3fff:1000::1", SP_ADDR_PUBLIC },
	{ "5f00::1", SP_ADDR_SPECIAL }, { "2606:4700::1111", SP_ADDR_PUBLIC },
	/* the IPv4 address inside decides */
	{ "::ffff:127.0.0.1", SP_ADDR_LOOPBACK }, { "::ffff:8.8.8.8", SP_ADDR_PUBLIC },
	{ "::127.0.0.1", SP_ADDR_LOOPBACK }, { "::8.8.8.8", SP_ADDR_PUBLIC },
	{ "::ffff:0:10.0.0.1", SP_ADDR_PRIVATE }, { "64:ff9b::169.254.169.254", SP_ADDR_METADATA },
	{ "64:ff9b::8.8.8.8", SP_ADDR_PUBLIC }, { "2002:7f00:1::", SP_ADDR_LOOPBACK },
	{ "2002:808:808::", SP_ADDR_PUBLIC }, { "2001:0:1:2:3:4:80ff:fffe", SP_ADDR_LOOPBACK },
	{ "2001:0:1:2:3:4:f7f7:f7f7", SP_ADDR_PUBLIC },
	{ "2a00::5efe:192.168.0.1", SP_ADDR_PRIVATE }, { "2a00::200:5efe:10.0.0.1", SP_ADDR_PRIVATE },
	{ "2a00::5efe:8.8.8.8", SP_ADDR_PUBLIC },
};

static const struct { const char *in, *out; } texts[] = {
	{ "1.2.3.4", "1.2.3.4" }, { "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "0:0:0:0:0:0:0:0", "::" }, { "1:0:0:0:0:0:0:0", "1::" },
	{ "0:0:0:0:0:0:0:1", "::1" }, { "1:0:1:0:1:0:1:0", "1:0:1:0:1:0:1:0" },
	{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" }, { "::ffff:127.0.0.1", "::ffff:7f00:1" },
	{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
	{ "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888" },
};

static const char *const bad[] = {
	"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", "0x7f.0.0.1",
	":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::12345",
	"fe80::1%eth0", "[::1]", "::1.2.3", "1:2:3:4::5:6:7:8",
};

static const struct { const char *net; const char *in, *out; } nets[] = {
	{ "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
	{ "10.1.2.3/8", "10.0.0.0", "9.255.255.255" },
	{ "192.168.1.128/25", "192.168.1.255", "192.168.1.127" },
	{ "0.0.0.0/0", "255.255.255.255", "::" },
	{ "fc00::/7", "fdff::1", "fe00::" },
	{ "::/0", "ffff::", "0.0.0.0" },
	{ "1.2.3.4", "1.2.3.4", "1.2.3.5" },
	{ "2001:db8::1/128", "2001:db8::1", "2001:db8::2" },
};
/* clang-format on */

static void test_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(classes); i++) {
		struct sp_addr a = addr(classes[i].text);

		if (sp_addr_class(&a) != classes[i].c)
			fail_msg("%s is %s", classes[i].text,
			         sp_addr_class_name(sp_addr_class(&a)));
	}
}

static void test_text_is_canonical(void **state)
{
	char text[SP_ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		struct sp_addr a = addr(texts[i].in);

		sp_addr_text(&a, text);
		assert_string_equal(text, texts[i].out);
	}
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		struct sp_addr a;

		assert_int_equal(sp_addr_parse(sp_str(bad[i]), &a), SP_E_PROTO);
	}
}

static void test_text_round_trips(void **state)
{
	struct rng r = { .state = 3 };
	char text[SP_ADDR_TEXT_MAX];

	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		struct sp_addr a = { .family = 6 }, b;

		for (unsigned i = 0; i < 16; i++)
			a.b[i] = rng_below(&r, 3) > 0
			                 ? 0
			                 : (uint8_t)rng_below(&r, 256);
		sp_addr_text(&a, text);
		b = addr(text);
		assert_true(sp_addr_eq(&a, &b));
	}
}

static void test_networks(void **state)
{
	static const char *const wrong[] = { "10.0.0.0/33", "10.0.0.0/",
		                             "10.0.0.0/08", "fc00::/129",
		                             "10/8",        "/8",
		                             "10.0.0.0/-1" };
	struct sp_net n;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(nets); i++) {
		struct sp_addr in = addr(nets[i].in), out = addr(nets[i].out);

		assert_int_equal(sp_net_parse(sp_str(nets[i].net), &n), SP_OK);
		assert_true(sp_net_has(&n, &in));
		assert_false(sp_net_has(&n, &out));
	}
	for (size_t i = 0; i < SP_COUNT(wrong); i++)
		assert_int_equal(sp_net_parse(sp_str(wrong[i]), &n),
		                 SP_E_PROTO);
}

static void test_socket_addresses(void **state)
{
	struct sp_addr a = addr("::ffff:1.2.3.4"), b;
	struct sockaddr_storage ss;
	uint16_t port;

	(void)state;
	assert_int_equal(sp_addr_to_sockaddr(&a, 443, &ss),
	                 sizeof(struct sockaddr_in6));
	assert_int_equal(sp_addr_from_sockaddr(&ss, &b, &port), SP_OK);
	assert_int_equal(port, 443);
	assert_int_equal(b.family, 4);
	a = addr("1.2.3.4");
	assert_true(sp_addr_eq(&a, &b));
	assert_int_equal(sp_addr_to_sockaddr(&a, 1, &ss),
	                 sizeof(struct sockaddr_in));
	ss.ss_family = AF_UNIX;
	assert_int_equal(sp_addr_from_sockaddr(&ss, &b, &port), SP_E_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_text_is_canonical),
		cmocka_unit_test(test_text_round_trips),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_socket_addresses),
	};

	return cmocka_run_group_tests_name("name/addr", tests, NULL, NULL);
}
