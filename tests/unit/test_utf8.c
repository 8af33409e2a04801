/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "json/utf8.h"

/* Replacement of broken text, as in Unicode 15, table 3-8 and its like. */
static const struct {
	const char *in;
	const char *want; /* '?' for each replacement character */
} cases[] = {
	{ "abc", "abc" },
	{ "\xc3\xa9", "\xc3\xa9" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF */
	{ "\xf4\x90\x80\x80", "????" },             /* above it */
	{ "\xc0\xaf", "??" },                       /* overlong '/' */
	{ "\xe0\x80\xaf", "???" },
	{ "\xf0\x80\x80\xaf", "????" },
	{ "\xed\xa0\x80", "???" }, /* surrogate */
	{ "\xed\x9f\xbf", "\xed\x9f\xbf" },
	{ "\xee\x80\x80", "\xee\x80\x80" },
	{ "\xe2\x82", "?" }, /* cut off: one piece */
	{ "\xf0\x9f\x98", "?" },
	{ "a\xe2\x82z", "a?z" },
	{ "\x80\xff", "??" },
	{ "\xc3", "?" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_str in = sp_str(cases[i].in);
		char out[32];
		size_t n = 0;
		bool valid = true;

		while (in.n > 0) {
			uint32_t cp;

			if (sp_utf8_next(&in, &cp)) {
				n += sp_utf8_put(cp, (uint8_t *)out + n);
				continue;
			}
			valid = false;
			assert_int_equal(cp, SP_UTF8_REPLACEMENT);
			out[n++] = '?';
		}
		out[n] = '\0';
		assert_string_equal(out, cases[i].want);
		assert_int_equal(sp_utf8_valid(sp_str(cases[i].in)), valid);
	}
}

static void test_every_code_point(void **state)
{
	uint8_t b[4];

	(void)state;
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		struct sp_str s = { b, sp_utf8_put(cp, b) };
		bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
		uint32_t got;

		assert_int_equal(sp_utf8_next(&s, &got), !surrogate);
		if (surrogate)
			continue;
		assert_int_equal(got, cp);
		assert_int_equal(s.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_code_point),
	};

	return cmocka_run_group_tests_name("json/utf8", tests, NULL, NULL);
}
