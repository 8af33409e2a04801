/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tls/der.h"

static void test_lengths(void **state)
{
	static const struct {
		size_t n;
		uint8_t head[4];
		size_t head_n;
	} cases[] = {
		{ 0, { 0x04, 0x00 }, 2 },
		{ 127, { 0x04, 0x7f }, 2 },
		{ 128, { 0x04, 0x81, 0x80 }, 3 },
		{ 255, { 0x04, 0x81, 0xff }, 3 },
		{ 256, { 0x04, 0x82, 0x01, 0x00 }, 4 },
		{ 65535, { 0x04, 0x82, 0xff, 0xff }, 4 },
	};
	static const uint8_t data[65536];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_str in, content, whole;
		struct sp_buf b;

		sp_buf_init(&b, 1 << 17);
		sp_der_put(&b, SP_DER_OCTETS,
		           (struct sp_str){ data, cases[i].n });
		assert_true(sp_buf_ok(&b));
		assert_int_equal(sp_buf_len(&b), cases[i].head_n + cases[i].n);
		assert_memory_equal(sp_buf_str(&b).p, cases[i].head,
		                    cases[i].head_n);
		in = sp_buf_str(&b);
		assert_int_equal(
			sp_der_take(&in, SP_DER_OCTETS, &content, &whole),
			SP_OK);
		assert_int_equal(content.n, cases[i].n);
		assert_int_equal(whole.n, sp_buf_len(&b));
		assert_int_equal(in.n, 0);
		sp_buf_fini(&b);
	}
}

static void test_too_long_poisons(void **state)
{
	static const uint8_t data[65536];
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, 1 << 17);
	sp_der_put(&b, SP_DER_OCTETS, (struct sp_str){ data, 65536 });
	assert_false(sp_buf_ok(&b));
	sp_buf_fini(&b);
	sp_buf_init(&b, 130); /* no room for the second length byte */
	sp_der_put(&b, SP_DER_OCTETS, (struct sp_str){ data, 128 });
	assert_false(sp_buf_ok(&b));
	sp_buf_fini(&b);
}

static void test_times(void **state)
{
	static const struct {
		uint64_t s;
		const char *text;
		uint8_t tag;
	} cases[] = {
		{ 0, "700101000000Z", SP_DER_UTCTIME },
		{ 951782399, "000228235959Z", SP_DER_UTCTIME },
		{ 951782400, "000229000000Z", SP_DER_UTCTIME },
		{ 951868800, "000301000000Z", SP_DER_UTCTIME },
		{ 1735689599, "241231235959Z", SP_DER_UTCTIME },
		{ 1735689600, "250101000000Z", SP_DER_UTCTIME },
		{ 2524607999, "491231235959Z", SP_DER_UTCTIME },
		{ 2524608000, "20500101000000Z", SP_DER_GENTIME },
		{ 4107542399, "21000228235959Z", SP_DER_GENTIME },
		{ 4107542400, "21000301000000Z", SP_DER_GENTIME },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_str in, content;
		struct sp_buf b;

		sp_buf_init(&b, 64);
		sp_der_put_time(&b, cases[i].s);
		in = sp_buf_str(&b);
		assert_int_equal(sp_der_take(&in, cases[i].tag, &content, NULL),
		                 SP_OK);
		assert_true(sp_str_is(content, cases[i].text));
		sp_buf_fini(&b);
	}
}

static void test_what_is_not_der(void **state)
{
	static const struct {
		uint8_t in[6];
		size_t n;
	} cases[] = {
		{ { 0x30 }, 0 },
		{ { 0x30 }, 1 },
		{ { 0x31, 0x00 }, 2 },             /* other tag */
		{ { 0x30, 0x01 }, 2 },             /* content missing */
		{ { 0x30, 0x80, 0x00, 0x00 }, 4 }, /* indefinite */
		{ { 0x30, 0x81, 0x01, 0x00 }, 4 }, /* not the shortest */
		{ { 0x30, 0x82, 0x00, 0x01, 0x00 }, 5 },
		{ { 0x30, 0x83, 0x00, 0x00, 0x01, 0x00 }, 6 }, /* too long */
		{ { 0x30, 0x81 }, 2 },
		{ { 0x30, 0x82, 0x01 }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		struct sp_str in = { cases[i].in, cases[i].n };

		assert_int_equal(sp_der_take(&in, SP_DER_SEQ, NULL, NULL),
		                 SP_E_PROTO);
		assert_int_equal(in.n, cases[i].n); /* nothing was taken */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_too_long_poisons),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_what_is_not_der),
	};

	return cmocka_run_group_tests_name("tls/der", tests, NULL, NULL);
}
