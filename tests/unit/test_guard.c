/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address guard: what a name leads to, what a literal needs, and what
 * only an exception opens.
 */
#include "test.h"

#include "policy.h"

static const char yaml[] =
	"ports: any\n"
	"allowed_hosts: [\"*\", 1.1.1.1, 9.9.9.0/24, 192.168.7.0/24]\n"
	"denied_hosts: [203.0.114.0/24, 10.66.0.0/16]\n"
	"rules: [{ host: 8.8.4.4, action: allow }]\n"
	"tcp: [\"8.8.8.8:53\"]\n"
	"addresses:\n"
	"  allow: [\"db.internal:5432\", \"10.1.2.0/24:443\",\n"
	"    \"127.0.0.1:8080\", \"[::1]:8080\", \"meta.example.com:80\",\n"
	"    \"10.66.1.1:443\", \"169.254.169.254:81\", "
	"\"*.corp.example.com:443\"]\n"
	"resolve:\n"
	"  \"pin.example.com:443\": \"127.0.0.1:8443\"\n"
	"  \"pin.example.com\": \"192.0.2.7\"\n"
	"  v6.example.com: \"[fd00::1]:1\"\n"
	"  home.internal: 10.9.9.9\n"
	"  bad.example.com: 10.66.0.1\n";

/* clang-format off */
static const struct {
	const char *host;
	uint16_t port;
	const char *address;
	enum sp_reason reason; /* NONE: passes */
	const char *rule;
} cases[] = {
	{ "a.com", 443, "93.184.216.34", SP_REASON_NONE, "" },
	{ "a.com", 443, "2606:4700::1", SP_REASON_NONE, "" },
	{ "a.com", 443, "127.0.0.1", SP_REASON_ADDRESS_DENIED, "loopback" },
	{ "a.com", 443, "10.0.0.1", SP_REASON_ADDRESS_DENIED, "private" },
	{ "a.com", 443, "169.254.169.254", SP_REASON_ADDRESS_DENIED, "metadata" },
	{ "a.com", 443, "::ffff:127.0.0.1", SP_REASON_ADDRESS_DENIED, "loopback" },
	{ "a.com", 443, "64:ff9b::10.0.0.1", SP_REASON_ADDRESS_DENIED, "private" },
	{ "a.com", 443, "224.0.0.1", SP_REASON_ADDRESS_DENIED, "multicast" },
	{ "a.com", 443, "192.168.7.1", SP_REASON_ADDRESS_DENIED, "private" },
	/* an exception for a network, whatever the name */
	{ "a.com", 443, "10.1.2.3", SP_REASON_NONE, "" },
	{ "a.com", 443, "::ffff:10.1.2.3", SP_REASON_NONE, "" },
	{ "a.com", 443, "64:ff9b::10.1.2.3", SP_REASON_ADDRESS_DENIED, "private" },
	{ "a.com", 444, "10.1.2.3", SP_REASON_ADDRESS_DENIED, "private" },
	{ "a.com", 8080, "::1", SP_REASON_NONE, "" },
	{ "a.com", 8081, "::1", SP_REASON_ADDRESS_DENIED, "loopback" },
	/* denied networks hold for answers too, before any exception */
	{ "a.com", 443, "203.0.114.9", SP_REASON_HOST_BLOCKED, "203.0.114.0/24" },
	{ "a.com", 443, "64:ff9b::203.0.114.9", SP_REASON_HOST_BLOCKED, "203.0.114.0/24" },
	{ "a.com", 443, "10.66.1.1", SP_REASON_HOST_BLOCKED, "10.66.0.0/16" },
	/* an exception for a name: its port, and no metadata */
	{ "db.internal", 5432, "10.9.9.9", SP_REASON_NONE, "" },
	{ "db.internal", 5432, "127.0.0.1", SP_REASON_NONE, "" },
	{ "db.internal", 5433, "10.9.9.9", SP_REASON_ADDRESS_DENIED, "internal-name" },
	{ "db.internal", 5433, "93.184.216.34", SP_REASON_ADDRESS_DENIED, "internal-name" },
	{ "x.corp.example.com", 443, "10.9.9.9", SP_REASON_NONE, "" },
	{ "meta.example.com", 80, "10.0.0.1", SP_REASON_NONE, "" },
	{ "meta.example.com", 80, "169.254.169.254", SP_REASON_ADDRESS_DENIED, "metadata" },
	{ "meta.example.com", 80, "0.0.0.0", SP_REASON_ADDRESS_DENIED, "this-network" },
	{ "meta.example.com", 81, "169.254.169.254", SP_REASON_NONE, "" },
	/* literals need an entry that is an address; "*" is none */
	{ "1.1.1.1", 443, "1.1.1.1", SP_REASON_NONE, "" },
	{ "9.9.9.9", 443, "9.9.9.9", SP_REASON_NONE, "" },
	{ "8.8.4.4", 443, "8.8.4.4", SP_REASON_NONE, "" },
	{ "8.8.8.8", 53, "8.8.8.8", SP_REASON_NONE, "" },
	{ "8.8.8.8", 443, "8.8.8.8", SP_REASON_NO_NAME, "public" },
	{ "[2606:4700::1]", 443, "2606:4700::1", SP_REASON_NO_NAME, "public" },
	{ "192.168.7.1", 443, "192.168.7.1", SP_REASON_ADDRESS_DENIED, "private" },
	{ "127.0.0.1", 8080, "127.0.0.1", SP_REASON_NONE, "" },
	{ "127.0.0.1", 8081, "127.0.0.1", SP_REASON_NO_NAME, "loopback" },
	/* names that lead home are not asked about */
	{ "localhost", 443, "93.184.216.34", SP_REASON_ADDRESS_DENIED, "internal-name" },
	{ "x.nip.io", 443, "93.184.216.34", SP_REASON_ADDRESS_DENIED, "internal-name" },
	/* overrides are their own exception, with either port */
	{ "pin.example.com", 443, "127.0.0.1", SP_REASON_NONE, "" },
	{ "pin.example.com", 8443, "127.0.0.1", SP_REASON_NONE, "" },
	{ "pin.example.com", 80, "127.0.0.1", SP_REASON_ADDRESS_DENIED, "loopback" },
	{ "pin.example.com", 80, "192.0.2.7", SP_REASON_NONE, "" },
	{ "v6.example.com", 443, "fd00::1", SP_REASON_NONE, "" },
	{ "home.internal", 80, "10.9.9.9", SP_REASON_NONE, "" },
	{ "home.internal", 80, "10.9.9.8", SP_REASON_ADDRESS_DENIED, "internal-name" },
	{ "bad.example.com", 80, "10.66.0.1", SP_REASON_HOST_BLOCKED, "10.66.0.0/16" },
};
/* clang-format on */

static void test_addresses(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, yaml);
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_decision d = ask_address(
			&p, cases[i].host, cases[i].port, cases[i].address);

		if (d.reason != cases[i].reason ||
		    strcmp(d.rule, cases[i].rule) != 0 ||
		    (d.verdict == SP_VERDICT_ALLOW) !=
		            (d.reason == SP_REASON_NONE))
			fail_msg("%s:%u %s: %s (%s)", cases[i].host,
			         cases[i].port, cases[i].address,
			         sp_reason_code(d.reason), d.rule);
	}
	pair_fini(&p);
}

static void test_names_before_dns(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		bool ok;
	} names[] = {
		{ "a.com", 443, true },         { "localhost", 80, false },
		{ "db.internal", 5432, true },  { "db.internal", 0, true },
		{ "db.internal", 1, false },    { "home.internal", 1, true },
		{ "other.internal", 0, false }, { "127.0.0.1", 1, true },
	};
	struct sp_decision d;
	struct pair p;

	(void)state;
	pair_init(&p, yaml);
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		struct sp_host h = as_host(names[i].host);

		sp_policy_name(p.sent, &h, names[i].port, &d);
		assert_int_equal(d.verdict == SP_VERDICT_ALLOW, names[i].ok);
	}
	pair_fini(&p);
}

static void test_overrides(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		const char *address; /* NULL: none */
		uint16_t to;
	} pins[] = {
		{ "pin.example.com", 443, "127.0.0.1", 8443 },
		{ "pin.example.com", 80, "192.0.2.7", 80 },
		{ "v6.example.com", 80, "fd00::1", 1 },
		{ "x.pin.example.com", 443, NULL, 0 },
	};
	struct pair p;

	(void)state;
	pair_init(&p, yaml);
	for (size_t i = 0; i < SP_COUNT(pins); i++) {
		struct sp_host h = as_host(pins[i].host);
		char text[SP_ADDR_TEXT_MAX];
		struct sp_addr a;
		uint16_t port;
		bool hit =
			sp_policy_override(p.sent, &h, pins[i].port, &a, &port);

		assert_int_equal(hit, pins[i].address != NULL);
		if (!hit)
			continue;
		sp_addr_text(&a, text);
		assert_string_equal(text, pins[i].address);
		assert_int_equal(port, pins[i].to);
	}
	pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_names_before_dns),
		cmocka_unit_test(test_overrides),
	};

	return cmocka_run_group_tests_name("policy/guard", tests, NULL, NULL);
}
