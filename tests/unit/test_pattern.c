/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "policy/path.h"
#include "policy/pattern.h"
#include "rng.h"

/* clang-format off */
/* text, canonical text (NULL: refused) */
static const struct { const char *in, *out; } parses[] = {
	{ "example.com", "example.com" }, { "EXAMPLE.com.", "example.com" },
	{ "b\u00fccher.de", "xn--bcher-kva.de" }, { "example.com:8080", "example.com:8080" },
	{ "*.b\u00fccher.de:81", "*.xn--bcher-kva.de:81" }, { "*.Example.COM.", "*.example.com" },
	{ "0x7f.1", "127.0.0.1" }, { "::1", "[::1]" }, { "[::1]", "[::1]" }, { "[0::1]:80", "[::1]:80" },
	{ "2001:db8::/32", "2001:db8::/32" }, { "[fc00::/7]:443", "[fc00::/7]:443" },
	{ "10.1.2.3/8", "10.0.0.0/8" }, { "10.0.0.0/8:443", "10.0.0.0/8:443" },
	{ "*", "*" }, { "**", "**" }, { "[*]", "[*]" }, { "[2001:*]:1", "[2001:*]:1" },
	{ "google.*", "google.*" }, { "_x.example.com", "_x.example.com" },
	{ "", NULL }, { " a.b", NULL }, { "a.b ", NULL }, { ".", NULL }, { "..", NULL }, { "*.", NULL },
	{ "x.*.", NULL }, { ".a.b", NULL }, { ".*", NULL }, { "a..b", NULL }, { "*..b", NULL },
	{ "a?b", NULL }, { "[e]xample.com", NULL }, { "x[a]*", NULL }, { "*[", NULL },
	{ "http://example.com", NULL }, { "example.com/x", NULL }, { "10.0.0.0/33", NULL },
	{ "10.0.0.0:/8", NULL }, { "a.b:", NULL }, { "a.b:0", NULL }, { "a.b:65536", NULL }, { "a.b:x", NULL },
	{ "a.b:080", NULL }, { "*:x", NULL }, { ":80", NULL }, { "b\u00fc*.de", NULL }, { "u@a.b", NULL }, { "a:b:c*", NULL },
	{ "256.0.0.1", NULL }, { "foo.09", NULL }, { "xn--.com*\u00ff", NULL },
};

static const struct { const char *pattern, *text; bool match; } globs[] = {
	{ "*", "", true }, { "*", "abc", true }, { "", "", true }, { "", "a", false },
	{ "a*a", "a", false }, { "a*a", "aa", true }, { "a*a", "aba", true }, { "a**b", "ab", true },
	{ "*.b.*.com", "a.b.c.com", true }, { "*.b.*.com", "a.b.com", false },
	{ "*ab*ab*", "abab", true }, { "*ab*ab*", "aba", false }, { "e*e*.com", "ee.com", true },
	{ "*aab", "aaab", true }, { "abc", "abd", false }, { "abc*", "ab", false },
};

static const struct { const char *pattern, *path; bool match; } paths[] = {
	{ "/", "/", true }, { "/", "/a", false }, { "/a", "/a/", false }, { "/a/", "/a/", true },
	{ "/p/*", "/p/a", true }, { "/p/*", "/p", false }, { "/p/*", "/p/", false }, { "/p/*", "/p/a/b", false },
	{ "/p/*", "/p/a/", false }, { "/p/**", "/p", true }, { "/p/**", "/p/", true },
	{ "/p/**", "/p/a/b/c", true }, { "/p/**", "/px", false }, { "/p/**", "/", false },
	{ "/**", "/", true }, { "/**", "/a/b", true }, { "/**/x", "/x", true }, { "/**/x", "/a/b/x", true },
	{ "/**/x", "/a/x/b", false }, { "/a/**/b/*", "/a/b/b/c", true }, { "/a/**/b/**/c", "/a/x/b/y/z/c", true },
	{ "/a/**/b", "/a/xb", false }, { "/*.json", "/a.json", true }, { "/*.json", "/a/b.json", false },
	{ "/a%2Fb", "/a%2Fb", true }, { "/*/x", "/a%2Fb/x", true }, { "/A", "/a", false },
	{ "/a//b", "/a//b", true }, { "/a/*/b", "/a//b", false }, { "/a/**/b", "/a//b", true },
	{ "/**", "*", false }, { "/", "*", false }, { "/", "", false }, { "/a;x", "/a;x", true },
};

/* raw, canonical (NULL: ambiguous) */
static const struct { const char *raw, *canon; } canons[] = {
	{ "", "/" }, { "/", "/" }, { "/a/b", "/a/b" }, { "/%61%2d%7E", "/a-~" }, { "/%2f", "/%2F" },
	{ "/a%2fb", "/a%2Fb" }, { "/%e4", "/%E4" }, { "/%25", "/%25" }, { "/%", "/%" }, { "/%zz", "/%zz" },
	{ "/a//b", "/a//b" }, { "/a;b=1", "/a;b=1" }, { "/...", "/..." }, { "/.a", "/.a" }, { "/a..", "/a.." },
	{ "*", "*" }, { "/%252541", "/%252541" }, { "/@s%2fp", "/@s%2Fp" },
	{ "/.", NULL }, { "/..", NULL }, { "/a/../b", NULL }, { "/a/./b", NULL }, { "/%2e", NULL },
	{ "/%2E%2e/x", NULL }, { "/.%2e", NULL }, { "/%252e%252e/x", NULL }, { "/a%2f..%2fb", NULL },
	{ "/..%2fb", NULL }, { "/a%2f%2e%2e", NULL }, { "/a%252f..%252fb", NULL }, { "/\\", NULL },
	{ "/a%5cb", NULL }, { "/a%5Cb", NULL }, { "/a%255cb", NULL }, { "/a%00", NULL }, { "/a%2500", NULL },
	{ "/..;/x", NULL }, { "/..;a=b/x", NULL }, { "/%2e%2e;/x", NULL }, { "/.;/x", NULL },
	{ "/%c0%ae%c0%ae/x", NULL }, { "/%c1%9c", NULL }, { "/%%32e%%32e/x", NULL },
};
/* clang-format on */

static void test_parse(void **state)
{
	const struct sp_pat_use use = { .bounded = true };
	const char *problem;
	struct sp_pat p;
	char text[600];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(parses); i++) {
		enum sp_rc rc =
			sp_pat_parse(sp_str(parses[i].in), &use, &p, &problem);

		if ((rc == SP_OK) != (parses[i].out != NULL))
			fail_msg("'%s': %s", parses[i].in, sp_rc_text(rc));
		if (rc < 0) {
			assert_true(strlen(problem) > 0);
			continue;
		}
		sp_pat_text(&p, text, sizeof(text));
		assert_string_equal(text, parses[i].out);
		assert_int_equal(p.bounded,
		                 strcmp(parses[i].in, "google.*") == 0);
		sp_pat_fini(&p);
	}
}

static void test_parse_limits(void **state)
{
	const struct sp_pat_use use = { .strict = true },
				port = { .need_port = true };
	uint8_t text[SP_PAT_TEXT_MAX + 1];
	const char *problem;
	struct sp_pat p;

	(void)state;
	memset(text, '*', sizeof(text));
	for (size_t n = SP_PAT_TEXT_MAX - 1; n <= SP_PAT_TEXT_MAX + 1; n++) {
		enum sp_rc rc = sp_pat_parse((struct sp_str){ text, n }, &use,
		                             &p, &problem);

		assert_int_equal(rc, n <= SP_PAT_TEXT_MAX ? SP_OK : SP_E_PROTO);
		if (rc == SP_OK)
			sp_pat_fini(&p);
	}
	assert_int_equal(sp_pat_parse(sp_str("a.b"), &port, &p, &problem),
	                 SP_E_PROTO);
	assert_string_equal(problem, "HOST:PORT");
}

static void test_globs(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(globs); i++)
		if (sp_glob_match(sp_str(globs[i].pattern),
		                  sp_str(globs[i].text)) != globs[i].match)
			fail_msg("%s %s", globs[i].pattern, globs[i].text);
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(paths); i++)
		if (sp_path_match(sp_str(paths[i].pattern),
		                  sp_str(paths[i].path)) != paths[i].match)
			fail_msg("%s %s", paths[i].pattern, paths[i].path);
}

static void test_canonical_paths(void **state)
{
	static uint8_t out[SP_PATH_MAX], again[SP_PATH_MAX];
	struct sp_str s = { out, 0 }, t = { again, 0 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(canons); i++) {
		enum sp_rc rc = sp_path_canon(sp_str(canons[i].raw), out, &s.n);

		if ((rc == SP_OK) != (canons[i].canon != NULL))
			fail_msg("%s: %s", canons[i].raw, sp_rc_text(rc));
		if (rc < 0) {
			assert_int_equal(rc, SP_E_DENIED);
			continue;
		}
		if (!sp_str_is(s, canons[i].canon))
			fail_msg("%s: %.*s", canons[i].raw, (int)s.n, out);
		assert_int_equal(sp_path_canon(s, again, &t.n), SP_OK);
		assert_true(sp_str_eq(s, t));
	}
}

static void test_path_limit(void **state)
{
	static uint8_t path[SP_PATH_MAX + 1], out[SP_PATH_MAX];
	size_t n;

	(void)state;
	memset(path, '/', sizeof(path));
	for (n = SP_PATH_MAX - 1; n <= SP_PATH_MAX + 1; n++) {
		size_t got;

		assert_int_equal(
			sp_path_canon((struct sp_str){ path, n }, out, &got),
			n <= SP_PATH_MAX ? SP_OK : SP_E_LIMIT);
	}
}

/* The obvious model of sp_patset_find(): walk the list. */
static const struct sp_pat *walk(const struct sp_patset *s, struct sp_str host,
                                 uint16_t port)
{
	const struct sp_pat *first = NULL, *plain = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct sp_pat *p = &s->pat[i];

		if (p->port != 0 && p->port != port)
			continue;
		if (p->kind == SP_PAT_EXACT && sp_str_eq(p->text, host)) {
			if (p->port != 0)
				return p;
			if (plain == NULL)
				plain = p;
		}
		if (p->kind == SP_PAT_GLOB && first == NULL &&
		    sp_glob_match(p->text, host))
			first = p;
	}
	return plain != NULL ? plain : first;
}

static void random_text(struct rng *r, char *ret, bool stars)
{
	size_t n = 1 + rng_below(r, 4), at = 0;

	if (stars && rng_below(r, 2) == 0)
		at += (size_t)snprintf(ret, 40, "*.");
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(
			ret + at, 40 - at, "%s%c%s", i > 0 ? "." : "",
			(int)('a' + rng_below(r, 2)),
			stars && rng_below(r, 5) == 0 ? "*" : "");
	if (stars && rng_below(r, 3) == 0)
		snprintf(ret + at, 40 - at, ":%u", 80 + rng_below(r, 2));
}

static void test_sets_find_what_walking_finds(void **state)
{
	const struct sp_pat_use use = { 0 };
	struct rng r = { .state = 11 };
	char text[40];

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct sp_patset s = { 0 };
		unsigned n = rng_below(&r, 40);

		for (unsigned i = 0; i < n; i++) {
			const char *problem;
			struct sp_pat p;

			random_text(&r, text, true);
			if (sp_pat_parse(sp_str(text), &use, &p, &problem) < 0)
				continue;
			assert_int_equal(sp_patset_add(&s, &p), SP_OK);
		}
		sp_patset_index(&s);
		for (unsigned i = 0; i < 60; i++) {
			uint16_t port = (uint16_t)(80 + rng_below(&r, 3));
			struct sp_target t;
			struct sp_host h;

			random_text(&r, text, false);
			assert_int_equal(sp_host_parse(sp_str(text), &h), 0);
			sp_target_init(&t, &h, port, false);
			assert_ptr_equal(sp_patset_find(&s, &t),
			                 walk(&s, sp_host_str(&h), port));
		}
		sp_patset_fini(&s);
	}
}

static void test_set_limit(void **state)
{
	const struct sp_pat_use use = { .strict = true };
	struct sp_patset s = { 0 };
	const char *problem;
	struct sp_pat p;

	(void)state;
	for (unsigned i = 0; i <= SP_PATSET_MAX; i++) {
		assert_int_equal(sp_pat_parse(sp_str("x"), &use, &p, &problem),
		                 SP_OK);
		assert_int_equal(sp_patset_add(&s, &p),
		                 i < SP_PATSET_MAX ? SP_OK : SP_E_LIMIT);
	}
	sp_pat_fini(&p);
	sp_patset_fini(&s);
	sp_patset_index(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_canonical_paths),
		cmocka_unit_test(test_path_limit),
		cmocka_unit_test(test_sets_find_what_walking_finds),
		cmocka_unit_test(test_set_limit),
	};

	return cmocka_run_group_tests_name("policy/pattern", tests, NULL, NULL);
}
