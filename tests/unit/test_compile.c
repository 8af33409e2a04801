/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading, the encoded form, and lint: what does not load says why and where,
 * what loads travels unchanged, and what was probably not meant is reported.
 */
#include "test.h"

#include "policy.h"
#include "policy/keys.h"

/* clang-format off */
static const struct { const char *yaml, *error; } bad[] = {
	{ "allowed_hosts: [a.b, \"http://x\"]", "t:1:22: 'http://x': expected a host, not a URL or path; networks are written 10.0.0.0/8" },
	{ "allowed_hosts: [\"\"]", "t:1:17: '': expected a host name, an address or a pattern" },
	{ "denied_hosts: [\"*.\"]", "t:1:16: '*.': expected a pattern that does not end in a dot" },
	{ "tcp: [a.b]", "t:1:7: 'a.b': expected HOST:PORT" },
	{ "addresses: { allow: [10.0.0.0/8] }", "t:1:22: '10.0.0.0/8': expected HOST:PORT" },
	{ "rules: [{ host: a.b }]", "t:1:9: 'action' is missing" },
	{ "rules: [{ action: allow }]", "t:1:9: 'host' is missing" },
	{ "rules: [{ host: a.b, action: alow }]", "t:1:30: action: expected one of: allow deny, not 'alow'" },
	{ "rules: [{ host: a.b, action: allow, methods: [get] }]", "t:1:47: 'get': expected a method such as GET" },
	{ "rules: [{ host: a.b, action: allow, methods: [] }]", "t:1:46: an empty list matches nothing; leave the key out to match everything" },
	{ "rules: [{ host: a.b, action: allow, paths: [x] }]", "t:1:45: 'x': expected a path that begins with '/'" },
	{ "rules: [{ host: a.b, action: allow, paths: [\"/x?y\"] }]", "t:1:45: '/x?y': expected a path without query and fragment" },
	{ "rules: [{ host: a.b, action: allow, paths: [/a/../b] }]", "t:1:45: '/a/../b': expected a path without dot segments" },
	{ "rules: [{ host: a.b, action: allow, paths: [\"/a**\"] }]", "t:1:45: '/a**': expected '**' as a whole segment, as in /p/**" },
	{ "rules: [{ host: a.b, action: allow, paths: [\"/a/***\"] }]", "t:1:45: '/a/***': expected '**' as a whole segment, as in /p/**" },
	{ "rules: [{ host: a.b, action: allow, methods: GET, tls: splice }]", "t:1:9: tls: splice hides methods and paths; remove one of them" },
	{ "resolve: { \"*.a.b\": 1.2.3.4 }", "t:1:12: '*.a.b': expected HOST or HOST:PORT" },
	{ "resolve: { a.b: example.com }", "t:1:17: 'example.com': expected ADDRESS or ADDRESS:PORT" },
	{ "resolve: { a.b: \"1.2.3.4:0\" }", "t:1:17: '1.2.3.4:0': expected ADDRESS or ADDRESS:PORT" },
	{ "version: 2", "t:1:10: version: expected a number, not '2'" },
	{ "tls: { splise: [a.b] }", "t:1:8: unknown key 'splise', did you mean 'splice'?" },
};

static const struct { const char *yaml, *code; unsigned line; } smells[] = {
	{ "allowed_hosts: [a.evil.com]\ndenied_hosts: [\"*.evil.com\"]", "denied-anyway", 1 },
	{ "allowed_hosts:\n  - \"*.a.com\"\n  - x.a.com", "duplicate", 3 },
	{ "denied_hosts: [10.0.0.0/8, 10.1.0.0/16]", "duplicate", 1 },
	{ "rules:\n  - { host: \"*.a.com\", action: deny }\n  - { host: x.a.com, methods: GET, action: deny }", "rule-shadowed", 3 },
	{ "allowed_hosts: [x.a.com]\nrules:\n  - { host: x.a.com, methods: GET, action: allow }", "limit-undone", 3 },
	{ "internet: true\ntls: { splice: [a.com] }\nrules:\n  - { host: a.com, methods: PUT, action: deny }", "splice-ignored", 4 },
	{ "internet: true\ntls: { splice: [\"*.cloudfront.net\"] }", "shared-suffix", 2 },
	{ "allowed_hosts: [\"*.github.io\"]", "shared-suffix", 1 },
	{ "allowed_hosts: [\"*.com\"]", "shared-suffix", 1 },
	{ "internet: true\ntls: { splice: [\"*\"] }", "shared-suffix", 2 },
	{ "\ninternet: true\nallowed_hosts: [a.com]", "no-effect", 2 },
	{ "allowed_hosts: []", "no-effect", 0 },
	{ "allowed_hosts: [\"localhost\"]", "address-guard", 1 },
	{ "allowed_hosts: [a.com,\n \"10.1.2.3\"]", "address-guard", 2 },
	{ "allowed_hosts: [a.com]\naddresses: { allow: [\"b.internal:1\"] }", "exception-unused", 2 },
	{ "denied_hosts: [\"10.*\"]", "text-for-network", 1 },
	{ "globs: strict\nallowed_hosts: [A.com]", "never-matches", 2 },
	{ "globs: strict\nallowed_hosts: [\"a.com:80\"]", "never-matches", 2 },
	{ "allowed_hosts: [0x7f.1]", "normalized", 1 },
};

/* A reader must find nothing here. */
static const char *const clean[] = {
	"", "allowed_hosts: [example.com, \"*.github.com\", \"example.com:8443\"]",
	"allowed_hosts: [\"localhost:8080\"]\naddresses: { allow: [\"localhost:8080\"] }",
	"rules:\n  - { host: a.com, methods: GET, action: allow }\n  - { host: a.com, action: deny }",
	"rules:\n  - { host: a.com, methods: GET, action: allow }\n  - { host: a.com, action: deny }\nallowed_hosts: [\"*.com.example\"]",
	"denied_hosts: [\"*.com\", 10.0.0.0/8]",
	"globs: strict\nallowed_hosts: [a.com, \"*.b.com\", \"[::1]\", \"10.*.x\"]\naddresses: { allow: [\"[::1]:80\"] }",
};
/* clang-format on */

static enum sp_rc compile(const char *yaml, struct sp_policy **ret,
                          struct sp_err *err)
{
	struct sp_policy_source src = { .text = sp_str(yaml), .file = "t" };

	return sp_policy_compile(&src, ret, err);
}

static void test_errors(void **state)
{
	struct sp_policy *p = NULL;
	struct sp_err err;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		assert_true(compile(bad[i].yaml, &p, &err) < 0);
		assert_null(p);
		assert_string_equal(err.text, bad[i].error);
	}
}

static void test_option_errors(void **state)
{
	static const char *const wrong[] = { "http://x" };
	struct sp_policy_source src = { .allow = wrong, .n_allow = 1 };
	struct sp_policy *p = NULL;
	struct sp_err err;

	(void)state;
	assert_int_equal(sp_policy_compile(&src, &p, &err), SP_E_PROTO);
	assert_non_null(strstr(err.text, "--allow http://x: expected a host"));
	src.n_allow = 0;
	src.deny = wrong;
	src.n_deny = 1;
	assert_int_equal(sp_policy_compile(&src, &p, &err), SP_E_PROTO);
	assert_non_null(strstr(err.text, "--deny http://x: expected a host"));
}

static const struct sp_lint *find(const struct sp_lint *l, size_t n,
                                  const char *code)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(l[i].code, code) == 0)
			return &l[i];
	return NULL;
}

static void test_lint_finds(void **state)
{
	struct sp_lint l[8];
	struct sp_policy *p;
	struct sp_err err;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(smells); i++) {
		const struct sp_lint *hit;
		size_t n;

		if (compile(smells[i].yaml, &p, &err) < 0)
			fail_msg("%s", err.text);
		n = sp_policy_lint(p, l, SP_COUNT(l));
		hit = find(l, n < SP_COUNT(l) ? n : SP_COUNT(l),
		           smells[i].code);
		if (hit == NULL)
			fail_msg("not found: %s", smells[i].yaml);
		assert_int_equal(hit->line, smells[i].line);
		assert_int_equal(sp_policy_lint(p, NULL, 0), n);
		sp_policy_unref(p);
	}
}

static void test_lint_is_silent(void **state)
{
	struct sp_lint l[8];
	struct sp_policy *p;
	struct sp_err err;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(clean); i++) {
		if (compile(clean[i], &p, &err) < 0)
			fail_msg("%s", err.text);
		if (sp_policy_lint(p, l, SP_COUNT(l)) > 0)
			fail_msg("%s: %s", clean[i], l[0].text);
		sp_policy_unref(p);
	}
}

static const char everything[] =
	"mode: observe\nglobs: strict\ndns: { denied: nxdomain }\n"
	"internet: true\nports: [1, 2]\nallowed_hosts: [a, \"*.b\"]\n"
	"denied_hosts: [c]\ntcp: [\"d.e:1\"]\n"
	"addresses: { allow: [\"[fc00::/7]:1\"] }\n"
	"tls: { splice: [\"g.*\"], deny: [h.i], roots: [r.pem] }\n"
	"resolve: { \"a.b:1\": \"[::1]:2\", c.d: 1.2.3.4 }\n"
	"rules:\n  - { hosts: [x.y, 10.0.0.0/8], ports: any, methods: [GET],\n"
	"      paths: [/a], action: deny, tls: intercept }\n";

static void encode(const struct sp_policy *p, struct sp_buf *b)
{
	sp_buf_init(b, SP_POLICY_ENCODED_MAX);
	sp_policy_encode(p, b);
	assert_true(sp_buf_ok(b));
}

/* One encoding each; every shorter input and every extra byte is refused. */
static void test_encoded_form(void **state)
{
	struct sp_policy *p, *q;
	struct sp_err err;
	struct sp_buf b, c;
	struct sp_str s;

	(void)state;
	assert_int_equal(compile(everything, &p, &err), SP_OK);
	encode(p, &b);
	assert_int_equal(sp_policy_decode(sp_buf_str(&b), &q), SP_OK);
	encode(q, &c);
	assert_true(sp_str_eq(sp_buf_str(&b), sp_buf_str(&c)));
	assert_string_equal(sp_policy_hash(p), sp_policy_hash(q));
	sp_policy_unref(q);
	s = sp_buf_str(&b);
	while (s.n-- > 0)
		assert_true(sp_policy_decode(s, &q) < 0);
	sp_buf_byte(&b, 0);
	assert_int_equal(sp_policy_decode(sp_buf_str(&b), &q), SP_E_PROTO);
	sp_buf_fini(&b);
	sp_buf_fini(&c);
	sp_policy_unref(p);
}

static enum sp_rc travel(const struct sp_policy *p)
{
	struct sp_policy *q;
	struct sp_buf b;
	enum sp_rc rc;

	encode(p, &b);
	rc = sp_policy_decode(sp_buf_str(&b), &q);
	sp_buf_fini(&b);
	if (rc == SP_OK)
		sp_policy_unref(q);
	return rc;
}

/* Matching relies on these; the compiler never makes the others. */
static void test_decoded_patterns_are_possible(void **state)
{
	struct sp_policy *p;
	struct sp_pat *pat;
	struct sp_err err;

	(void)state;
	assert_int_equal(
		compile("allowed_hosts: [a.com, 10.0.0.0/8]", &p, &err), SP_OK);
	pat = p->allowed.pat;
	assert_int_equal(travel(p), SP_OK);
	pat[0].bounded = true;
	assert_int_equal(travel(p), SP_E_PROTO);
	pat[0].kind = SP_PAT_GLOB; /* bounded, but does not end in ".*" */
	assert_int_equal(travel(p), SP_E_PROTO);
	pat[0].bounded = false;
	assert_int_equal(travel(p), SP_OK);
	for (uint8_t prefix = 31; prefix <= 33; prefix++) {
		pat[1].net.prefix = prefix;
		assert_int_equal(travel(p), prefix <= 32 ? SP_OK : SP_E_PROTO);
	}
	pat[1].net = (struct sp_net){ .prefix = 0 };
	assert_int_equal(travel(p), SP_E_PROTO);
	sp_policy_unref(p);
}

static void test_hash_names_the_meaning(void **state)
{
	static const char *const texts[] = {
		"allowed_hosts: [a.com, b.com]",
		"# comment\nallowed_hosts:\n  - A.com.\n  - \"b.com\"\n",
		"allowed_hosts: [b.com, a.com]",
	};
	struct sp_policy *p[SP_COUNT(texts)];
	struct sp_err err;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(texts); i++)
		assert_int_equal(compile(texts[i], &p[i], &err), SP_OK);
	assert_string_equal(sp_policy_hash(p[0]), sp_policy_hash(p[1]));
	assert_string_not_equal(sp_policy_hash(p[0]), sp_policy_hash(p[2]));
	for (size_t i = 0; i < SP_COUNT(texts); i++)
		sp_policy_unref(p[i]);
}

/* What a denial suggests must allow it. */
static void test_fix_works(void **state)
{
	static const char *const urls[] = {
		"https://x.org/",   "https://x.org:8443/", "http://[2606::1]/",
		"http://a.com:81/", "https://b.com/",
	};
	static const char head[] = "allowed_hosts: [a.com, \"b.com:81\"";

	(void)state;
	for (size_t i = 0; i < SP_COUNT(urls); i++) {
		char fix[SP_POLICY_FIX_MAX], yaml[600];
		struct sp_decision d;
		struct sp_request rq;
		struct sp_policy *p;
		struct sp_err err;
		struct sp_url u;

		assert_int_equal(sp_url_parse(sp_str(urls[i]), &u), SP_OK);
		rq = (struct sp_request){ &u.host, u.port, u.scheme,
			                  sp_str("GET"), u.path };
		snprintf(yaml, sizeof(yaml), "%s]", head);
		assert_int_equal(compile(yaml, &p, &err), SP_OK);
		sp_policy_request(p, &rq, &d);
		assert_int_equal(d.verdict, SP_VERDICT_DENY);
		sp_policy_fix(p, &rq, &d, fix);
		sp_policy_unref(p);
		assert_memory_equal(fix, "allowed_hosts: [", 16);
		snprintf(yaml, sizeof(yaml), "%s, %s", head, fix + 16);
		assert_int_equal(compile(yaml, &p, &err), SP_OK);
		sp_policy_request(p, &rq, &d);
		assert_int_equal(d.verdict, SP_VERDICT_ALLOW);
		sp_policy_unref(p);
	}
}

/* Every key of the table is read: examples load, and change the policy. */
static void test_examples_load(void **state)
{
	struct sp_policy *p, *none;
	struct sp_err err;

	(void)state;
	assert_int_equal(compile("", &none, &err), SP_OK);
	for (size_t i = 0; i < sp_policy_key_n; i++) {
		const struct sp_key *k = &sp_policy_key[i];

		if (k->example == NULL)
			continue;
		if (compile(k->example, &p, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_not_equal(sp_policy_hash(p),
		                        sp_policy_hash(none));
		sp_policy_unref(p);
	}
	sp_policy_unref(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_option_errors),
		cmocka_unit_test(test_lint_finds),
		cmocka_unit_test(test_lint_is_silent),
		cmocka_unit_test(test_encoded_form),
		cmocka_unit_test(test_decoded_patterns_are_possible),
		cmocka_unit_test(test_hash_names_the_meaning),
		cmocka_unit_test(test_fix_works),
		cmocka_unit_test(test_examples_load),
	};

	return cmocka_run_group_tests_name("policy/compile", tests, NULL, NULL);
}
