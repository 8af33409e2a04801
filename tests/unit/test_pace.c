/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "role/pace.h"

#define GIVE_UP UINT64_MAX

/* When the proxy crashed, and how long to wait then. */
static const struct {
	const char *name;
	struct {
		uint64_t at_ms, wait_ms;
	} crash[6];
} cases[] = {
	{ "three at once", { { 1000, 0 }, { 1001, 50 }, { 1060, GIVE_UP } } },
	{ "third just within the window",
	  { { 0, 0 }, { 10, 50 }, { SP_CRASH_WINDOW_MS, GIVE_UP } } },
	{ "third just outside",
	  { { 0, 0 }, { 10, 50 }, { SP_CRASH_WINDOW_MS + 1, 200 } } },
	{ "every three minutes",
	  { { 0, 0 },
	    { 180000, 50 },
	    { 360000, 200 },
	    { 540000, 1000 },
	    { 720000, 5000 },
	    { 900000, 5000 } } },
	{ "quiet in between", { { 0, 0 }, { 1000000, 0 }, { 2000000, 0 } } },
	{ "broken again after quiet",
	  { { 0, 0 }, { 1000000, 0 }, { 1000001, 50 }, { 1000002, GIVE_UP } } },
};

static void test_backoff(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_backoff b = { 0 };

		for (size_t j = 0; j < SP_COUNT(cases[i].crash); j++) {
			uint64_t at = cases[i].crash[j].at_ms;
			uint64_t want = cases[i].crash[j].wait_ms;
			uint64_t got = 12345;
			bool again;

			if (j > 0 && at == 0)
				break;
			again = sp_backoff_crash(&b, at, &got);
			if (again != (want != GIVE_UP) ||
			    (again && got != want))
				fail_msg("%s: crash %zu: %d %llu",
				         cases[i].name, j, again,
				         (unsigned long long)got);
		}
	}
}

static unsigned take_all(struct sp_rate *r, uint64_t now)
{
	unsigned n = 0;

	while (sp_rate_take(r, now, 1))
		n++;
	return n;
}

static void test_rate(void **state)
{
	struct sp_rate r;

	(void)state;
	sp_rate_init(&r, 50, 200, 1000);
	assert_int_equal(take_all(&r, 1000), 200);
	assert_int_equal(take_all(&r, 1019), 0);
	assert_int_equal(take_all(&r, 1020), 1);
	assert_int_equal(take_all(&r, 2020), 50);
	assert_int_equal(take_all(&r, 2020 + 3999), 199);
	/* Never more than the burst, however long it was quiet. */
	assert_int_equal(take_all(&r, UINT64_MAX / 2), 200);
	assert_false(sp_rate_take(&r, UINT64_MAX / 2 + 1000, 51));
	assert_true(sp_rate_take(&r, UINT64_MAX / 2 + 1000, 50));
}

static void test_spending_empties_at_most(void **state)
{
	struct sp_rate r;

	(void)state;
	sp_rate_init(&r, 10, 100, 0);
	sp_rate_spend(&r, 40);
	assert_int_equal(take_all(&r, 0), 60);
	sp_rate_spend(&r, UINT64_MAX);
	assert_int_equal(take_all(&r, 0), 0);
	assert_int_equal(take_all(&r, 1000), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_spending_empties_at_most),
	};

	return cmocka_run_group_tests_name("role/pace", tests, NULL, NULL);
}
