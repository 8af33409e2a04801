/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "role/box_name.h"
#include "rng.h"

static const struct {
	const char *name;
	bool ok;
} cases[] = {
	{ "a", true },
	{ "calm-otter-7", true },
	{ "Build_2.1", true },
	{ "0", true },
	{ "", false },
	{ "-rf", false },
	{ ".", false },
	{ "../x", false },
	{ "a b", false },
	{ "a\n", false },
	{ "caf\xc3\xa9", false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

static void test_given_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++)
		if (sp_box_name_ok(sp_str(cases[i].name)) != cases[i].ok)
			fail_msg("%s", cases[i].name);
	assert_false(
		sp_box_name_ok((struct sp_str){ (const uint8_t *)"a\0b", 3 }));
}

static void test_made_names(void **state)
{
	struct rng r = { 1 };
	uint8_t b[8];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		char id[SP_BOX_ID_LEN + 1], name[SP_BOX_NAME_MAX + 1];

		for (size_t j = 0; j < sizeof(b); j++)
			b[j] = (uint8_t)rng_below(&r, 256);
		sp_box_id(b, id);
		sp_box_name(b, name);
		assert_int_equal(strlen(id), SP_BOX_ID_LEN);
		assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz234567"),
		                 SP_BOX_ID_LEN);
		assert_true(sp_box_name_ok(sp_str(id)));
		assert_true(sp_box_name_ok(sp_str(name)));
	}
}

/* Each of the sixty bits counts. */
static void test_ids_differ_in_every_bit(void **state)
{
	uint8_t zero[8] = { 0 }, one[8];
	char a[SP_BOX_ID_LEN + 1], b[SP_BOX_ID_LEN + 1];

	(void)state;
	sp_box_id(zero, a);
	for (unsigned bit = 0; bit < 60; bit++) {
		memset(one, 0, sizeof(one));
		one[bit / 8] = (uint8_t)(1u << bit % 8);
		sp_box_id(one, b);
		assert_string_not_equal(a, b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given_names),
		cmocka_unit_test(test_made_names),
		cmocka_unit_test(test_ids_differ_in_every_bit),
	};

	return cmocka_run_group_tests_name("role/box_name", tests, NULL, NULL);
}
