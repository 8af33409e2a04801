/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "audit/ids.h"
#include "core/alloc.h"
#include "rng.h"

#define MODEL 500u

static struct sp_str name_of(unsigned i, char buf[SP_TX_ID_MAX])
{
	int n = snprintf(buf, SP_TX_ID_MAX, "sb%u.%u.%u", i % 3, i % 2, i);

	return (struct sp_str){ (uint8_t *)buf, (size_t)n };
}

/* Random adds and takes against an array; the value is 0 when absent. */
static void test_against_a_model(void **state)
{
	struct rng r = { 4711 };
	uint64_t model[MODEL] = { 0 };
	char buf[SP_TX_ID_MAX];
	struct sp_ids t;
	size_t n = 0;

	(void)state;
	sp_ids_init(&t);
	for (uint64_t round = 1; round < 50000; round++) {
		unsigned i = rng_below(&r, MODEL);
		struct sp_str id = name_of(i, buf);
		uint64_t *found = sp_ids_find(&t, id), value;

		assert_int_equal(found != NULL, model[i] != 0);
		if (found != NULL)
			assert_int_equal(*found, model[i]);
		if (rng_below(&r, 2) > 0) {
			assert_int_equal(sp_ids_add(&t, id, round),
			                 model[i] != 0 ? SP_E_STATE : SP_OK);
			n += model[i] == 0;
			model[i] = model[i] != 0 ? model[i] : round;
		} else {
			bool was = sp_ids_take(&t, id, &value);

			assert_int_equal(was, model[i] != 0);
			if (was)
				assert_int_equal(value, model[i]);
			n -= was;
			model[i] = 0;
		}
		assert_int_equal(t.n, n);
	}
	sp_ids_fini(&t);
}

static void test_list_of_a_sandbox(void **state)
{
	char buf[SP_TX_ID_MAX];
	struct sp_id_row *list;
	struct sp_ids t;
	size_t n;

	(void)state;
	sp_ids_init(&t);
	for (unsigned i = 0; i < 99; i++)
		assert_int_equal(sp_ids_add(&t, name_of(i, buf), 1000 - i),
		                 SP_OK);
	list = sp_ids_list(&t, sp_str("sb1"), &n);
	assert_int_equal(n, 33);
	for (size_t i = 0; i < n; i++) {
		assert_memory_equal(list[i].id, "sb1.", 4);
		if (i > 0)
			assert_true(list[i].value > list[i - 1].value);
	}
	sp_free(list);
	assert_null(sp_ids_list(&t, sp_str("sb"), &n));
	assert_int_equal(n, 0);
	list = sp_ids_list(&t, sp_str(""), &n);
	assert_int_equal(n, 99);
	sp_free(list);
	sp_ids_fini(&t);
}

static void test_limit(void **state)
{
	char buf[SP_TX_ID_MAX];
	struct sp_ids t;

	(void)state;
	sp_ids_init(&t);
	t.max = 100;
	for (unsigned i = 0; i < 102; i++)
		assert_int_equal(sp_ids_add(&t, name_of(i, buf), i),
		                 i < 100 ? SP_OK : SP_E_LIMIT);
	sp_ids_fini(&t);
}

static void test_id_form(void **state)
{
	static const struct {
		const char *id;
		bool ok;
	} cases[] = {
		{ "abc.1.7", true },
		{ "a-b_C9.0.18446744073709551615", true },
		{ "abc.1.18446744073709551616", false },
		{ "abc.01.7", false },
		{ "abc..7", false },
		{ "abc.1.", false },
		{ ".1.7", false },
		{ "abc.7", false },
		{ "a.b.1.7", false },
		{ "a b.1.7", false },
		{ "abc.1.-7", false },
		{ "", false },
		{ "12345678901234567890123.1.7", true },
		{ "123456789012345678901234.1.7", false },
	};
	struct sp_tx_id id;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++)
		assert_int_equal(sp_tx_id_parse(sp_str(cases[i].id), &id),
		                 cases[i].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_model),
		cmocka_unit_test(test_list_of_a_sandbox),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_id_form),
	};

	return cmocka_run_group_tests_name("audit/ids", tests, NULL, NULL);
}
