/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "policy.h"

static const char full[] =
	"allowed_hosts: [example.com, \"*.github.com\", \"api.x.com:8443\",\n"
	"  \"google.*\", 9.9.9.0/24]\n"
	"denied_hosts: [\"*.evil.com\", \"evil.*\", 10.0.0.0/8, "
	"\"x.com:444\"]\n"
	"rules:\n"
	"  - host: api.github.com\n"
	"    methods: [GET, HEAD]\n"
	"    paths: [\"/repos/**\", \"/users/*\"]\n"
	"    action: allow\n"
	"  - host: api.github.com\n"
	"    action: deny\n"
	"  - hosts: [upload.example.org, \"put.example.org:8080\"]\n"
	"    methods: [PUT]\n"
	"    ports: [443, 8443]\n"
	"    action: allow\n"
	"    tls: intercept\n"
	"  - host: example.com\n"
	"    methods: [DELETE]\n"
	"    action: deny\n"
	"tls:\n"
	"  splice: [pinned.github.com, upload.example.org]\n"
	"  deny: [old.github.com]\n"
	"tcp: [\"github.com:22\", \"api.github.com:23\", \"a.evil.com:22\"]\n";

/* clang-format off */
#define OK(rule)         SP_VERDICT_ALLOW, SP_REASON_NONE, rule
#define NO(reason, rule) SP_VERDICT_DENY, SP_REASON_##reason, rule

/* An empty method is a connection of which no more will be seen. */
static const struct {
	const char *method, *url;
	enum sp_verdict verdict;
	enum sp_reason reason;
	const char *rule;
} requests[] = {
	{ "GET", "https://example.com/", OK("allowed_hosts[0] example.com") },
	{ "GET", "http://EXAMPLE.com./x", OK("allowed_hosts[0] example.com") },
	{ "GET", "https://example.com:8080/", NO(PORT_DENIED, "allowed_hosts[0] example.com") },
	{ "DELETE", "https://example.com/", NO(RULE_DENIED, "rules[3]") },
	{ "", "https://example.com/", NO(RULE_DENIED, "rules[3]") },
	{ "GET", "https://a.github.com/", OK("allowed_hosts[1] *.github.com") },
	{ "GET", "https://github.com/", NO(HOST_DENIED, "allowed_hosts") },
	{ "GET", "https://api.x.com:8443/", OK("allowed_hosts[2] api.x.com:8443") },
	{ "GET", "https://api.x.com/", NO(PORT_DENIED, "allowed_hosts[2] api.x.com:8443") },
	{ "GET", "https://google.co.uk/", OK("allowed_hosts[3] google.*") },
	{ "GET", "https://google.evil.net/", NO(HOST_DENIED, "allowed_hosts") },
	{ "GET", "http://9.9.9.9/", OK("allowed_hosts[4] 9.9.9.0/24") },
	{ "GET", "http://[::ffff:9.9.9.9]/", NO(NO_NAME, "allowed_hosts") },
	{ "GET", "http://a.evil.com/", NO(HOST_BLOCKED, "denied_hosts[0] *.evil.com") },
	{ "GET", "http://evil.example.net/", NO(HOST_BLOCKED, "denied_hosts[1] evil.*") },
	{ "GET", "http://10.1.2.3/", NO(HOST_BLOCKED, "denied_hosts[2] 10.0.0.0/8") },
	{ "GET", "http://[::ffff:10.1.2.3]/", NO(HOST_BLOCKED, "denied_hosts[2] 10.0.0.0/8") },
	{ "GET", "http://[64:ff9b::10.1.2.3]/", NO(HOST_BLOCKED, "denied_hosts[2] 10.0.0.0/8") },
	{ "GET", "http://x.com:444/", NO(HOST_BLOCKED, "denied_hosts[3] x.com:444") },
	{ "GET", "http://x.com/", NO(HOST_DENIED, "allowed_hosts") },
	/* rules come before allowed_hosts */
	{ "GET", "https://api.github.com/repos/a/b", OK("rules[0]") },
	{ "GET", "https://api.github.com/repos", OK("rules[0]") },
	{ "GET", "https://api.github.com/%72epos/a", OK("rules[0]") },
	{ "POST", "https://api.github.com/repos/a", NO(RULE_DENIED, "rules[1]") },
	{ "get", "https://api.github.com/repos/a", NO(RULE_DENIED, "rules[1]") },
	{ "GET", "https://api.github.com/users/a/b", NO(RULE_DENIED, "rules[1]") },
	{ "", "https://api.github.com/repos/a", NO(RULE_DENIED, "rules[1]") },
	{ "GET", "https://api.github.com/repos/%2e%2e/x", NO(AMBIGUOUS_PATH, "rules[0]") },
	{ "POST", "https://api.github.com/a/../b", NO(AMBIGUOUS_PATH, "rules[0]") },
	{ "GET", "https://a.github.com/a/../b", OK("allowed_hosts[1] *.github.com") },
	{ "PUT", "https://upload.example.org/", OK("rules[2]") },
	{ "PUT", "https://upload.example.org:8443/", OK("rules[2]") },
	{ "GET", "https://upload.example.org/", NO(METHOD_DENIED, "rules") },
	{ "PUT", "http://upload.example.org/", NO(PORT_DENIED, "rules") },
	{ "PUT", "http://put.example.org:8080/", OK("rules[2]") },
	{ "PUT", "https://put.example.org/", NO(PORT_DENIED, "rules") },
	/* TLS that must not be */
	{ "GET", "https://old.github.com/", NO(RULE_DENIED, "tls.deny[0] old.github.com") },
	{ "GET", "http://old.github.com/", OK("allowed_hosts[1] *.github.com") },
	{ "GET", "gopher://example.com/", NO(PROTOCOL, "scheme") },
};
/* clang-format on */

static void expect(const struct sp_decision *d, const char *what,
                   enum sp_verdict verdict, enum sp_reason reason,
                   const char *rule)
{
	if (d->verdict != verdict || d->reason != reason ||
	    strcmp(d->rule, rule) != 0)
		fail_msg("%s: %d %s (%s)", what, (int)d->verdict,
		         sp_reason_code(d->reason), d->rule);
}

static void test_requests(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, full);
	for (size_t i = 0; i < SP_COUNT(requests); i++) {
		struct sp_decision d =
			ask(&p, requests[i].url, requests[i].method);

		expect(&d, requests[i].url, requests[i].verdict,
		       requests[i].reason, requests[i].rule);
	}
	pair_fini(&p);
}

static void test_connections_are_preliminary(void **state)
{
	/* clang-format off */
	static const struct {
		const char *host;
		uint16_t port;
		enum sp_verdict verdict;
		enum sp_reason reason;
		const char *rule;
	} cases[] = {
		{ "api.github.com", 443, OK("rules[0]") },
		{ "api.github.com", 8443, NO(RULE_DENIED, "rules[1]") },
		{ "upload.example.org", 443, OK("rules[2]") },
		{ "upload.example.org", 80, NO(PORT_DENIED, "rules") },
		{ "upload.example.org", 0, OK("rules[2]") },
		{ "example.com", 443, OK("allowed_hosts[0] example.com") },
		{ "example.com", 8080, NO(PORT_DENIED, "allowed_hosts[0] example.com") },
		{ "github.com", 22, OK("tcp[0] github.com:22") },
		{ "github.com", 443, NO(HOST_DENIED, "allowed_hosts") },
		{ "github.com", 0, OK("tcp[0] github.com:22") },
		{ "api.x.com", 0, OK("allowed_hosts[2] api.x.com:8443") },
		{ "x.com", 0, NO(HOST_DENIED, "allowed_hosts") },
		{ "y.x.com", 0, NO(HOST_DENIED, "allowed_hosts") },
		{ "a.evil.com", 22, NO(HOST_BLOCKED, "denied_hosts[0] *.evil.com") },
		{ "api.github.com", 23, NO(RULE_DENIED, "rules[1]") },
		{ "old.github.com", 443, OK("allowed_hosts[1] *.github.com") },
	};
	/* clang-format on */
	struct pair p;

	(void)state;
	pair_init(&p, full);
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_decision d =
			ask_connect(&p, cases[i].host, cases[i].port);

		expect(&d, cases[i].host, cases[i].verdict, cases[i].reason,
		       cases[i].rule);
	}
	pair_fini(&p);
}

static void test_raw_tcp_has_its_own_list(void **state)
{
	struct sp_host h = as_host("github.com");
	struct sp_request rq = { .host = &h,
		                 .port = 22,
		                 .scheme = SP_SCHEME_TCP };
	struct sp_decision d;
	struct pair p;

	(void)state;
	pair_init(&p, full);
	sp_policy_request(p.made, &rq, &d);
	expect(&d, "tcp", OK("tcp[0] github.com:22"));
	rq.port = 23;
	sp_policy_request(p.made, &rq, &d);
	expect(&d, "tcp", NO(PROTOCOL, "tcp"));
	h = as_host("example.com");
	rq.port = 443;
	sp_policy_request(p.made, &rq, &d);
	expect(&d, "tcp", NO(RULE_DENIED, "rules[3]"));
	h = as_host("a.github.com");
	sp_policy_request(p.made, &rq, &d);
	expect(&d, "tcp", NO(PROTOCOL, "tcp"));
	h.kind = SP_HOST_NONE;
	sp_policy_request(p.made, &rq, &d);
	expect(&d, "tcp", NO(BAD_HOST, "host"));
	pair_fini(&p);
}

static void test_tls_modes(void **state)
{
	static const struct {
		const char *host;
		enum sp_tls_mode mode;
	} cases[] = {
		{ "example.com", SP_TLS_INTERCEPT },
		{ "pinned.github.com", SP_TLS_SPLICE },
		{ "old.github.com", SP_TLS_DENY },
		/* the rule comes before the list */
		{ "upload.example.org", SP_TLS_INTERCEPT },
	};
	struct pair p;

	(void)state;
	pair_init(&p, full);
	for (size_t i = 0; i < SP_COUNT(cases); i++)
		assert_int_equal(ask_connect(&p, cases[i].host, 443).tls,
		                 cases[i].mode);
	pair_fini(&p);
}

static void test_what_nothing_decides(void **state)
{
	/* clang-format off */
	static const struct {
		const char *yaml;
		bool allowed;
	} cases[] = {
		{ "", true }, { "internet: false", false }, { "denied_hosts: [a.b]", true },
		{ "allowed_hosts: []", false }, { "allowed_hosts: [a.b]", false },
		{ "internet: true\nallowed_hosts: [a.b]", false },
		{ "rules: [{ host: a.b, action: allow }]", false },
		{ "rules: [{ host: a.b, action: deny }]", true },
		{ "internet: true\nrules: [{ host: a.b, action: allow }]", true },
		{ "allowed_hosts: [\"*\"]", true },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct pair p;

		pair_init(&p, cases[i].yaml);
		assert_int_equal(ask(&p, "https://x.org/", "GET").verdict,
		                 cases[i].allowed ? SP_VERDICT_ALLOW
		                                  : SP_VERDICT_DENY);
		pair_fini(&p);
	}
}

static void test_observe_lets_pass_and_tells(void **state)
{
	struct sp_decision d;
	struct pair p;

	(void)state;
	pair_init(&p, "mode: observe\n"
	              "allowed_hosts: [a.com]\n"
	              "denied_hosts: [bad.com]\n"
	              "rules:\n"
	              "  - { host: r.com, action: deny }\n"
	              "  - { host: m.com, methods: [GET], paths: [/x],\n"
	              "      action: allow }\n");
	d = ask(&p, "https://a.com/", "GET");
	assert_false(d.observed);
	d = ask(&p, "https://x.com/", "GET");
	assert_true(d.observed && d.verdict == SP_VERDICT_ALLOW);
	assert_int_equal(d.reason, SP_REASON_HOST_DENIED);
	d = ask(&p, "https://a.com:81/", "GET");
	assert_true(d.observed && d.reason == SP_REASON_PORT_DENIED);
	d = ask(&p, "https://r.com/", "GET");
	assert_true(d.observed && d.reason == SP_REASON_RULE_DENIED);
	d = ask(&p, "https://m.com/x", "PUT");
	assert_true(d.observed && d.reason == SP_REASON_METHOD_DENIED);
	d = ask(&p, "https://m.com/y", "GET");
	assert_true(d.observed && d.reason == SP_REASON_PATH_DENIED);
	assert_true(ask_connect(&p, "x.com", 443).observed);
	/* enforced all the same */
	d = ask(&p, "https://m.com/x/..", "GET");
	assert_true(!d.observed && d.reason == SP_REASON_AMBIGUOUS_PATH);
	d = ask(&p, "https://bad.com/", "GET");
	assert_true(!d.observed && d.verdict == SP_VERDICT_DENY);
	d = ask_address(&p, "x.com", 443, "10.0.0.1");
	assert_true(!d.observed && d.verdict == SP_VERDICT_DENY);
	pair_fini(&p);
}

static void test_options_are_merged(void **state)
{
	static const char *const allow[] = { "b.com:8443", "localhost:8080",
		                             "10.1.2.3:5432" };
	static const char *const deny[] = { "x.a.com" };
	struct sp_decision d;
	struct pair p;

	(void)state;
	pair_options(&p, "allowed_hosts: [\"*.a.com\"]", allow, 3, deny, 1);
	d = ask(&p, "https://y.a.com/", "GET");
	expect(&d, "y", OK("allowed_hosts[0] *.a.com"));
	d = ask(&p, "https://x.a.com/", "GET");
	expect(&d, "x", NO(HOST_BLOCKED, "--deny x.a.com"));
	d = ask(&p, "https://b.com:8443/", "GET");
	expect(&d, "b", OK("--allow b.com:8443"));
	d = ask(&p, "http://localhost:8080/", "GET");
	expect(&d, "localhost", OK("--allow localhost:8080"));
	d = ask_address(&p, "localhost", 8080, "127.0.0.1");
	assert_int_equal(d.verdict, SP_VERDICT_ALLOW);
	d = ask_address(&p, "localhost", 8081, "127.0.0.1");
	assert_int_equal(d.verdict, SP_VERDICT_DENY);
	d = ask_address(&p, "10.1.2.3", 5432, "10.1.2.3");
	assert_int_equal(d.verdict, SP_VERDICT_ALLOW);
	pair_fini(&p);
	/* without a file, one option is a whole policy */
	pair_options(&p, "", allow, 1, NULL, 0);
	d = ask(&p, "https://c.com/", "GET");
	expect(&d, "c", NO(HOST_DENIED, "allowed_hosts"));
	pair_fini(&p);
}

/* As many rules as there may be, each found, in order. */
static void test_many_rules(void **state)
{
	static char yaml[SP_RULES_MAX * 64];
	char url[64], rule[32];
	struct sp_decision d;
	struct pair p;
	size_t at;

	(void)state;
	at = (size_t)snprintf(yaml, sizeof(yaml), "rules:\n");
	for (unsigned i = 0; i < SP_RULES_MAX; i++)
		at += (size_t)snprintf(
			yaml + at, sizeof(yaml) - at,
			i % 3 == 0
				? "- { host: \"*.h%u.com\", action: allow }\n"
			: i % 3 == 1
				? "- { host: \"h%u.*.com\", action: allow }\n"
				: "- { host: h%u.com, action: allow }\n",
			i);
	pair_init(&p, yaml);
	for (unsigned i = 0; i < SP_RULES_MAX; i += 7) {
		snprintf(url, sizeof(url),
		         i % 3 == 0   ? "https://a.b.h%u.com/"
		         : i % 3 == 1 ? "https://h%u.x.com/"
		                      : "https://h%u.com/",
		         i);
		snprintf(rule, sizeof(rule), "rules[%u]", i);
		d = ask(&p, url, "GET");
		expect(&d, url, OK(rule));
	}
	d = ask(&p, "https://none.org/", "GET");
	expect(&d, "none", NO(HOST_DENIED, "default"));
	pair_fini(&p);
}

/*
 * Forms of one address, patterns that end in a star: what closes reads them
 * widely, what opens narrowly.
 */
static void test_wide_and_narrow(void **state)
{
	/* clang-format off */
	static const struct {
		const char *yaml, *url;
		bool allowed;
	} cases[] = {
		{ "allowed_hosts: [\"9.*\"]", "http://9.1.2.3/", true },
		{ "allowed_hosts: [\"9.*\"]", "http://19.1.2.3/", false },
		{ "allowed_hosts: [\"x.*\"]", "http://x.github.io/", false },
		{ "allowed_hosts: [\"x.*\"]", "http://x.io/", true },
		{ "rules: [{ host: \"x.*\", action: allow }]", "http://x.co.uk/", true },
		{ "rules: [{ host: \"x.*\", action: allow }]", "http://x.evil.com/", false },
		{ "rules: [{ host: \"x.*\", action: deny }]", "http://x.evil.com/", false },
		{ "denied_hosts: [\"x.*\"]", "http://x.evil.com/", false },
		{ "rules: [{ host: 9.0.0.0/8, action: allow }]", "http://9.1.2.3/", true },
		{ "rules: [{ host: 9.0.0.0/8, action: allow }]", "http://[64:ff9b::9.1.2.3]/", false },
		{ "rules: [{ host: 9.1.2.3, action: deny }]", "http://[::ffff:9.1.2.3]/", false },
		{ "rules: [{ host: 9.1.2.3, action: deny }]", "http://[::ffff:9.1.2.4]/", true },
		{ "denied_hosts: [9.1.2.3]", "http://[::ffff:9.1.2.3]/", false },
		{ "denied_hosts: [9.1.2.3]", "http://[2002:901:203::]/", false },
		{ "denied_hosts: [9.1.2.3]", "http://9.1.2.4/", true },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_decision d;
		struct pair p;

		pair_init(&p, cases[i].yaml);
		d = ask(&p, cases[i].url, "GET");
		if ((d.verdict == SP_VERDICT_ALLOW) != cases[i].allowed)
			fail_msg("%s: %s", cases[i].yaml, cases[i].url);
		pair_fini(&p);
	}
}

/* An open internet is one of HTTP and TLS. */
static void test_raw_tcp_is_never_the_default(void **state)
{
	struct sp_host h = as_host("example.com");
	struct sp_request rq = { .host = &h,
		                 .port = 22,
		                 .scheme = SP_SCHEME_TCP };
	struct sp_decision d;
	struct pair p;

	(void)state;
	pair_init(&p, "internet: true\nmode: observe");
	sp_policy_request(p.sent, &rq, &d);
	expect(&d, "tcp", NO(PROTOCOL, "tcp"));
	pair_fini(&p);
}

/* No rule about requests is lost behind a splice. */
static void test_splice_needs_no_request(void **state)
{
	static const struct {
		const char *host;
		enum sp_tls_mode mode;
	} cases[] = {
		{ "a.com", SP_TLS_SPLICE },    { "b.com", SP_TLS_INTERCEPT },
		{ "c.com", SP_TLS_INTERCEPT }, { "d.com", SP_TLS_INTERCEPT },
		{ "e.com", SP_TLS_SPLICE },
	};
	struct pair p;

	(void)state;
	pair_init(&p, "allowed_hosts: [a.com, c.com, e.com]\n"
	              "tls: { splice: [\"*\"] }\n"
	              "rules:\n"
	              "  - { host: b.com, methods: GET, action: allow }\n"
	              "  - { host: c.com, methods: PUT, action: deny }\n"
	              "  - { host: d.com, paths: /x, action: allow }\n"
	              "  - { host: e.com, ports: 8443, methods: PUT,\n"
	              "      action: deny }\n");
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_decision d = ask_connect(&p, cases[i].host, 443);

		assert_int_equal(d.verdict, SP_VERDICT_ALLOW);
		assert_int_equal(d.tls, cases[i].mode);
	}
	pair_fini(&p);
}

/* A denial of one port is not one of the name. */
static void test_names_for_dns(void **state)
{
	static const struct {
		const char *host;
		bool allowed;
	} names[] = {
		{ "a.com", true },  { "b.com", true },  { "c.com", false },
		{ "d.com", false }, { "e.com", true },  { "f.com", true },
		{ "g.com", false }, { "x.com", false },
	};
	struct pair p;

	(void)state;
	pair_init(&p, "allowed_hosts: [\"a.com:8443\", b.com, c.com, d.com,\n"
	              "  e.com]\n"
	              "denied_hosts: [\"a.com:443\", c.com]\n"
	              "tcp: [\"f.com:22\"]\n"
	              "rules:\n"
	              "  - { host: d.com, action: deny }\n"
	              "  - { host: e.com, ports: 443, action: deny }\n"
	              "  - { host: g.com, action: deny }\n");
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		struct sp_host h = as_host(names[i].host);

		assert_int_equal(sp_policy_name_allowed(p.sent, &h),
		                 names[i].allowed);
	}
	pair_fini(&p);
}

static void test_small_questions(void **state)
{
	static const uint16_t want[] = { 80, 443, 8443, 22 };
	const char *const *roots;
	uint16_t ports[8];
	struct pair p;

	(void)state;
	pair_init(&p, "dns: { denied: nxdomain }\n"
	              "allowed_hosts: [\"a.com:8443\"]\n"
	              "tcp: [\"a.com:22\", \"b.com:22\"]\n"
	              "tls: { roots: [a.pem, b.pem] }\n");
	assert_true(sp_policy_dns_nxdomain(p.sent));
	assert_int_equal(sp_policy_ports(p.sent, ports, SP_COUNT(ports)), 4);
	assert_memory_equal(ports, want, sizeof(want));
	assert_int_equal(sp_policy_ports(p.sent, ports, 2), 2);
	assert_int_equal(sp_policy_roots(p.sent, &roots), 2);
	assert_string_equal(roots[1], "b.pem");
	assert_int_equal(strlen(sp_policy_hash(p.sent)), 64);
	sp_policy_unref(sp_policy_ref(p.sent));
	pair_fini(&p);
	sp_policy_unref(NULL);
}

static void test_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_REASON_COUNT; i++) {
		enum sp_reason r = (enum sp_reason)i;

		assert_true(strlen(sp_reason_code(r)) > 0);
		assert_true(strlen(sp_reason_text(r)) > 0);
		assert_non_null(sp_reason_hint(r));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(
				sp_reason_code(r),
				sp_reason_code((enum sp_reason)k));
	}
	assert_int_equal(sp_reason_status(SP_REASON_HOST_DENIED), 403);
	assert_string_equal(sp_reason_code((enum sp_reason)9999),
	                    "internal_error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_connections_are_preliminary),
		cmocka_unit_test(test_raw_tcp_has_its_own_list),
		cmocka_unit_test(test_tls_modes),
		cmocka_unit_test(test_what_nothing_decides),
		cmocka_unit_test(test_observe_lets_pass_and_tells),
		cmocka_unit_test(test_options_are_merged),
		cmocka_unit_test(test_wide_and_narrow),
		cmocka_unit_test(test_raw_tcp_is_never_the_default),
		cmocka_unit_test(test_many_rules),
		cmocka_unit_test(test_splice_needs_no_request),
		cmocka_unit_test(test_names_for_dns),
		cmocka_unit_test(test_small_questions),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
