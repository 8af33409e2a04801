/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "rng.h"
#include "tls/lru.h"

#define MAX     8u
#define PER_KEY 3u
#define KEYS    6u

static unsigned dropped;

static void drop(void *value)
{
	*(int *)value = -1;
	dropped++;
}

static void test_oldest_goes_first(void **state)
{
	struct sp_lru *l = sp_lru_new(2, 1, 1, drop);
	int a = 1, b = 2, c = 3;

	(void)state;
	sp_lru_put(l, sp_str("a"), &a);
	sp_lru_put(l, sp_str("b"), &b);
	assert_ptr_equal(sp_lru_find(l, sp_str("a")), &a); /* now younger */
	sp_lru_put(l, sp_str("c"), &c);
	assert_null(sp_lru_find(l, sp_str("b")));
	assert_int_equal(b, -1);
	assert_int_equal(sp_lru_count(l), 2);
	assert_ptr_equal(sp_lru_take(l, sp_str("c")), &c);
	assert_null(sp_lru_take(l, sp_str("c")));
	assert_int_equal(c, 3); /* taken, not dropped */
	sp_lru_free(l);
	assert_int_equal(a, -1);
	sp_lru_free(NULL);
}

static void test_one_value_replaces_the_other(void **state)
{
	struct sp_lru *l = sp_lru_new(2, 1, 1, drop);
	int a = 1, b = 2;

	(void)state;
	sp_lru_put(l, sp_str("k"), &a);
	sp_lru_put(l, sp_str("k"), &b);
	assert_int_equal(a, -1);
	assert_int_equal(sp_lru_count(l), 1);
	assert_ptr_equal(sp_lru_find(l, sp_str("k")), &b);
	sp_lru_free(l);
}

/* The model: everything in order of use, newest last. */
struct model {
	struct {
		int *value;
		uint32_t key;
	} all[MAX + 1];
	unsigned n;
};

static void model_remove(struct model *m, unsigned at)
{
	for (unsigned i = at; i + 1 < m->n; i++)
		m->all[i] = m->all[i + 1];
	m->n--;
}

static void model_put(struct model *m, uint32_t key, int *value)
{
	unsigned same = 0, oldest = 0;

	m->all[m->n].key = key;
	m->all[m->n++].value = value;
	for (unsigned i = m->n; i-- > 0;)
		if (m->all[i].key == key && ++same > PER_KEY)
			oldest = i + 1;
	if (oldest > 0)
		model_remove(m, oldest - 1);
	if (m->n > MAX)
		model_remove(m, 0);
}

/* The newest by insertion; takes only, so that use and insertion agree. */
static int *model_take(struct model *m, uint32_t key)
{
	for (unsigned i = m->n; i-- > 0;) {
		int *value = m->all[i].value;

		if (m->all[i].key == key) {
			model_remove(m, i);
			return value;
		}
	}
	return NULL;
}

static void test_against_a_model(void **state)
{
	struct sp_lru *l = sp_lru_new(MAX, PER_KEY, 42, drop);
	struct rng r = { 7 };
	struct model m = { 0 };
	static int values[4000];

	(void)state;
	for (unsigned i = 0; i < SP_COUNT(values); i++) {
		uint32_t k = rng_below(&r, KEYS);
		char key[2] = { (char)('a' + k), '\0' };

		if (rng_below(&r, 3) > 0) {
			sp_lru_put(l, sp_str(key), &values[i]);
			model_put(&m, k, &values[i]);
		} else {
			assert_ptr_equal(sp_lru_take(l, sp_str(key)),
			                 model_take(&m, k));
		}
		assert_int_equal(sp_lru_count(l), m.n);
	}
	sp_lru_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oldest_goes_first),
		cmocka_unit_test(test_one_value_replaces_the_other),
		cmocka_unit_test(test_against_a_model),
	};

	return cmocka_run_group_tests_name("tls/lru", tests, NULL, NULL);
}
