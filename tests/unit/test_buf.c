/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "core/buf.h"
#include "rng.h"

static void test_adds_and_consumes_like_a_string(void **state)
{
	struct rng r = { .state = 7 };
	uint8_t model[4096];
	size_t n = 0;
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, sizeof(model));
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t piece[97];
		size_t k = rng_below(&r, sizeof(piece));

		if (rng_below(&r, 2) == 0 && n + k <= sizeof(model)) {
			memset(piece, (int)round & 0xff, sizeof(piece));
			sp_buf_add(&b, (struct sp_str){ piece, k });
			memcpy(model + n, piece, k);
			n += k;
		} else {
			k = k < n ? k : n;
			sp_buf_consume(&b, k);
			memmove(model, model + k, n - k);
			n -= k;
		}
		assert_true(sp_buf_ok(&b));
		assert_int_equal(sp_buf_len(&b), n);
		if (n > 0)
			assert_memory_equal(sp_buf_str(&b).p, model, n);
	}
	sp_buf_fini(&b);
}

static void test_the_maximum_poisons(void **state)
{
	const char *ten = "0123456789";
	struct sp_buf b;

	(void)state;
	for (size_t max = 9; max <= 11; max++) {
		sp_buf_init(&b, max);
		sp_buf_text(&b, ten);
		assert_int_equal(sp_buf_ok(&b), max >= 10);
		sp_buf_byte(&b, 'x');
		assert_int_equal(sp_buf_ok(&b), max >= 11);
		sp_buf_fini(&b);
	}
}

static void test_formats(void **state)
{
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, 128);
	sp_buf_u64(&b, 0);
	sp_buf_byte(&b, ' ');
	sp_buf_u64(&b, UINT64_MAX);
	sp_buf_printf(&b, " %s-%d", "x", 7);
	assert_true(sp_str_is(sp_buf_str(&b), "0 18446744073709551615 x-7"));
	sp_buf_wipe(&b);
	assert_int_equal(sp_buf_len(&b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adds_and_consumes_like_a_string),
		cmocka_unit_test(test_the_maximum_poisons),
		cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests_name("core/buf", tests, NULL, NULL);
}
