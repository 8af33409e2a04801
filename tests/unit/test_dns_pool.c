/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "dns/pool.h"
#include "rng.h"

static struct sp_host host(const char *fmt, unsigned n)
{
	struct sp_host h;
	char text[64];
	int len = snprintf(text, sizeof(text), "%s%u.example", fmt, n);

	assert_int_equal(
		sp_host_parse((struct sp_str){ (uint8_t *)text, (size_t)len },
	                      &h),
		SP_OK);
	return h;
}

static enum sp_rc get(struct sp_pool *p, const struct sp_host *h, uint64_t now,
                      struct sp_addr *v4, struct sp_addr *v6)
{
	return sp_pool_get(p, h, now, v4, v6);
}

static const struct {
	const char *text;
	bool in;
} ranges[] = {
	{ "198.17.255.255", false },
	{ "198.18.0.0", true },
	{ "198.19.255.255", true },
	{ "198.20.0.0", false },
	{ "fd00:5a11::", true },
	{ "fd00:5a11::ffff:ffff:ffff:ffff", true },
	{ "fd00:5a11:0:1::", false },
	{ "fd00:5a10:ffff:ffff::2", false },
	{ "127.0.0.1", false },
};

static void test_range(void **state)
{
	struct sp_addr none = { 0 };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(ranges); i++) {
		struct sp_addr a;

		assert_int_equal(sp_addr_parse(sp_str(ranges[i].text), &a),
		                 SP_OK);
		if (sp_pool_range(&a) != ranges[i].in)
			print_error("%s\n", ranges[i].text);
		assert_int_equal(sp_pool_range(&a), ranges[i].in);
	}
	assert_false(sp_pool_range(&none));
}

static void test_first_addresses(void **state)
{
	struct sp_pool *p = sp_pool_new();
	struct sp_host h = host("a", 0);
	struct sp_addr v4, v6, want;

	(void)state;
	assert_int_equal(get(p, &h, 0, &v4, &v6), SP_OK);
	assert_int_equal(sp_addr_parse(sp_str("198.18.0.2"), &want), SP_OK);
	assert_true(sp_addr_eq(&v4, &want));
	assert_int_equal(sp_addr_parse(sp_str("fd00:5a11::2"), &want), SP_OK);
	assert_true(sp_addr_eq(&v6, &want));
	assert_true(sp_host_eq(sp_pool_name(p, &v4), &h));
	assert_ptr_equal(sp_pool_name(p, &v4), sp_pool_name(p, &v6));
	sp_pool_free(p);
}

static const char *const never_given[] = {
	"198.18.0.0",
	"198.18.0.1",
	"198.18.0.3",
	"198.19.255.255",
	"fd00:5a11::",
	"fd00:5a11::1",
	"fd00:5a11::3",
	"fd00:5a11::1:0:0:2",
	"fd00:5a11::ffff:ffff",
	"10.0.0.2",
	"::2",
};

static void test_not_given_out(void **state)
{
	struct sp_pool *p = sp_pool_new();
	struct sp_host h = host("a", 0);
	struct sp_addr a, v4, v6;

	(void)state;
	assert_int_equal(sp_addr_parse(sp_str("198.18.0.2"), &a), SP_OK);
	assert_null(sp_pool_name(p, &a));
	assert_int_equal(get(p, &h, 0, &v4, &v6), SP_OK);
	for (size_t i = 0; i < SP_COUNT(never_given); i++) {
		assert_int_equal(sp_addr_parse(sp_str(never_given[i]), &a),
		                 SP_OK);
		if (sp_pool_name(p, &a) != NULL)
			print_error("%s\n", never_given[i]);
		assert_null(sp_pool_name(p, &a));
	}
	sp_pool_free(p);
}

/* Full to the last name: all different, none moved, one more is refused. */
static void test_full(void **state)
{
	struct sp_pool *p = sp_pool_new();
	const struct sp_host *first;
	struct sp_host h = host("n", 0);
	struct sp_addr v4, v6, again4, again6;
	uint64_t now = 0;

	(void)state;
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	first = sp_pool_name(p, &v4);
	for (unsigned i = 1; i < SP_POOL_MAX; i++) {
		h = host("n", i);
		now += 1000 / SP_POOL_RATE;
		assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
		assert_true(sp_pool_range(&v4) && sp_pool_range(&v6));
		assert_true(sp_host_eq(sp_pool_name(p, &v4), &h));
		assert_true(sp_host_eq(sp_pool_name(p, &v6), &h));
	}
	h = host("n", SP_POOL_MAX);
	assert_int_equal(get(p, &h, now + 100000, &v4, &v6), SP_E_LIMIT);
	for (unsigned i = 0; i < SP_POOL_MAX; i += 997) {
		h = host("n", i);
		assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
		assert_int_equal(get(p, &h, now, &again4, &again6), SP_OK);
		assert_true(sp_addr_eq(&v4, &again4));
		assert_true(sp_addr_eq(&v6, &again6));
		assert_true(sp_host_eq(sp_pool_name(p, &v6), &h));
	}
	h = host("n", 0);
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	assert_ptr_equal(sp_pool_name(p, &v4), first);
	sp_pool_free(p);
}

static void test_rate(void **state)
{
	struct sp_pool *p = sp_pool_new();
	struct sp_addr v4, v6;
	struct sp_host h;
	uint64_t now = 1000000;
	unsigned n = 0;

	(void)state;
	for (; n < SP_POOL_BURST; n++) {
		h = host("r", n);
		assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	}
	h = host("r", n);
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_E_LIMIT);
	assert_int_equal(get(p, &h, now + 19, &v4, &v6), SP_E_LIMIT);
	assert_int_equal(get(p, &h, now + 20, &v4, &v6), SP_OK);
	/* What is known costs nothing, and a clock that steps back is 0. */
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	h = host("r", n + 1);
	assert_int_equal(get(p, &h, now - 500, &v4, &v6), SP_E_LIMIT);
	assert_int_equal(get(p, &h, now + 20, &v4, &v6), SP_E_LIMIT);
	/* A long pause fills one burst, not more. */
	now += 86400000;
	for (unsigned i = 0; i < SP_POOL_BURST; i++) {
		h = host("s", i);
		assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	}
	h = host("s", SP_POOL_BURST);
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_E_LIMIT);
	assert_int_equal(get(p, &h, UINT64_MAX, &v4, &v6), SP_OK);
	sp_pool_free(p);
}

/* Denied names take neither the last tokens nor the last places. */
static void test_denied_names_leave_room(void **state)
{
	struct sp_pool *p = sp_pool_new();
	struct sp_addr v4, v6;
	struct sp_host h;
	uint64_t now = 0;
	unsigned n = 0;

	(void)state;
	for (; n < SP_POOL_BURST - SP_POOL_KEEP_BURST; n++) {
		h = host("d", n);
		assert_int_equal(sp_pool_get_denied(p, &h, now, &v4, &v6),
		                 SP_OK);
	}
	h = host("d", n);
	assert_int_equal(sp_pool_get_denied(p, &h, now, &v4, &v6), SP_E_LIMIT);
	for (unsigned i = 0; i < SP_POOL_KEEP_BURST; i++) {
		h = host("a", i);
		assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	}
	h = host("a", SP_POOL_KEEP_BURST);
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_E_LIMIT);
	now += 60000;
	for (n += SP_POOL_KEEP_BURST; n < SP_POOL_MAX - SP_POOL_KEEP; n++) {
		h = host("d", n);
		now += 1000 / SP_POOL_RATE;
		assert_int_equal(sp_pool_get_denied(p, &h, now, &v4, &v6),
		                 SP_OK);
	}
	h = host("d", n);
	assert_int_equal(sp_pool_get_denied(p, &h, now, &v4, &v6), SP_E_LIMIT);
	assert_int_equal(get(p, &h, now, &v4, &v6), SP_OK);
	sp_pool_free(p);
}

/* Random questions against the obvious model: an array by number of name. */
static void test_model(void **state)
{
	enum { NAMES = 400 };
	struct sp_addr seen[NAMES] = { 0 };
	struct sp_pool *p = sp_pool_new();
	struct rng rng = { 42 };

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		unsigned n = rng_below(&rng, NAMES);
		struct sp_host h = host("m", n);
		struct sp_addr v4, v6;

		assert_int_equal(get(p, &h, round, &v4, &v6), SP_OK);
		assert_true(v6.b[15] == v4.b[3] && v6.b[14] == v4.b[2]);
		if (seen[n].family == 0)
			seen[n] = v4;
		assert_true(sp_addr_eq(&seen[n], &v4));
	}
	sp_pool_free(p);
	sp_pool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_first_addresses),
		cmocka_unit_test(test_not_given_out),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_denied_names_leave_room),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("dns/pool", tests, NULL, NULL);
}
