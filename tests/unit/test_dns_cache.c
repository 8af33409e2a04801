/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "dns/cache.h"

static struct sp_host host(unsigned n)
{
	struct sp_host h = { .kind = SP_HOST_NAME };

	h.n = (uint8_t)snprintf(h.text, sizeof(h.text), "n%u.example", n);
	return h;
}

static void put(struct sp_dns_cache *c, unsigned n, uint64_t now, uint64_t ms)
{
	struct sp_host h = host(n);
	struct sp_resolved r = { .n = 1, .addr[0] = { .family = 4 } };

	memcpy(r.addr[0].b, &n, sizeof(n));
	sp_dns_cache_put(c, &h, &r, now, ms);
}

static bool has(const struct sp_dns_cache *c, unsigned n, uint64_t now)
{
	struct sp_host h = host(n);
	const struct sp_resolved *r = sp_dns_cache_get(c, &h, now);

	if (r != NULL)
		assert_memory_equal(r->addr[0].b, &n, sizeof(n));
	return r != NULL;
}

static void test_lifetime(void **state)
{
	struct sp_dns_cache c = { 0 };

	(void)state;
	assert_false(has(&c, 1, 0));
	put(&c, 1, 1000, 50);
	assert_true(has(&c, 1, 1049));
	assert_false(has(&c, 1, 1050));
	put(&c, 1, 2000, 50); /* in the place of the old one */
	assert_true(has(&c, 1, 2049));
	put(&c, 1, 2000, 0);
	assert_false(has(&c, 1, 2000));
	sp_dns_cache_fini(&c);
	assert_false(has(&c, 1, 2049));
	sp_dns_cache_fini(&c);
}

/* Far more than fit: what is found is right, and about the bound is kept. */
static void test_bounded(void **state)
{
	enum { NAMES = 5000 };
	const unsigned max = SP_DNS_CACHE_SETS * SP_DNS_CACHE_WAYS;
	struct sp_dns_cache c = { 0 };
	unsigned found = 0;

	(void)state;
	for (unsigned n = 0; n < NAMES; n++) {
		put(&c, n, n, 100000);
		assert_true(has(&c, n, n));
	}
	/* A full set drops what expires first: here what came first. */
	for (unsigned n = 0; n < NAMES / 2; n++)
		assert_false(has(&c, n, NAMES));
	for (unsigned n = NAMES / 2; n < NAMES; n++)
		found += has(&c, n, NAMES);
	assert_int_equal(found, max);
	sp_dns_cache_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("dns/cache", tests, NULL, NULL);
}
