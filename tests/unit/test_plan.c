/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "core/alloc.h"
#include "rng.h"
#include "sandbox/landlock.h"
#include "sandbox/pack.h"
#include "sandbox/plan.h"
#include "sandbox/sealed.h"

static void fill(struct sp_plan *p)
{
	*p = (struct sp_plan){
		.uid = 1000,
		.fsize = UINT64_MAX,
		.project = "/home/u/p",
		.cwd = "",
		.home = "/home/u",
		.user = "u",
		.policy = "",
	};
	sp_words_add(&p->argv, "echo");
	sp_words_add(&p->argv, "");
	sp_words_add(&p->argv, "a b\n");
	sp_words_add(&p->env, "A=1");
}

static void test_round_trip(void **state)
{
	struct sp_plan p, q;
	struct sp_buf a, b;

	(void)state;
	fill(&p);
	sp_buf_init(&a, SP_PLAN_MAX);
	sp_buf_init(&b, SP_PLAN_MAX);
	assert_int_equal(sp_plan_encode(&p, &a), SP_OK);
	assert_int_equal(sp_plan_decode(sp_buf_str(&a), &q), SP_OK);
	assert_int_equal(q.uid, 1000);
	assert_true(q.fsize == UINT64_MAX);
	assert_string_equal(q.project, "/home/u/p");
	assert_int_equal(q.argv.n, 3);
	assert_string_equal(q.argv.v[2], "a b\n");
	assert_null(q.argv.v[3]);
	assert_int_equal(q.ro.n, 0);
	assert_int_equal(sp_plan_encode(&q, &b), SP_OK);
	assert_true(sp_str_eq(sp_buf_str(&a), sp_buf_str(&b)));
	sp_plan_fini(&p);
	sp_plan_fini(&q);
	sp_plan_fini(&q); /* twice is harmless */
	sp_buf_fini(&a);
	sp_buf_fini(&b);
}

/* Shorter is refused, longer is refused, and changed bytes never crash. */
static void test_every_cut_and_change(void **state)
{
	struct rng r = { 7 };
	struct sp_plan p, q;
	struct sp_buf a;
	struct sp_str whole;
	uint8_t *copy;

	(void)state;
	fill(&p);
	sp_buf_init(&a, SP_PLAN_MAX);
	assert_int_equal(sp_plan_encode(&p, &a), SP_OK);
	sp_buf_byte(&a, 0);
	whole = sp_buf_str(&a);
	for (size_t n = 0; n <= whole.n; n++) {
		enum sp_rc rc =
			sp_plan_decode((struct sp_str){ whole.p, n }, &q);

		assert_int_equal(rc == SP_OK, n == whole.n - 1);
		sp_plan_fini(&q);
	}
	copy = sp_alloc(whole.n, 1);
	for (int i = 0; i < 20000; i++) {
		memcpy(copy, whole.p, whole.n - 1);
		copy[rng_below(&r, (uint32_t)whole.n - 1)] =
			(uint8_t)rng_below(&r, 256);
		(void)!sp_plan_decode((struct sp_str){ copy, whole.n - 1 }, &q);
		sp_plan_fini(&q);
	}
	sp_free(copy);
	sp_plan_fini(&p);
	sp_buf_fini(&a);
}

static void test_list_limit(void **state)
{
	(void)state;
	for (size_t n = SP_PLAN_LIST_MAX - 1; n <= SP_PLAN_LIST_MAX + 1; n++) {
		struct sp_plan p = { 0 };
		struct sp_buf out;

		for (size_t i = 0; i < n; i++)
			sp_words_add(&p.argv, "x");
		sp_buf_init(&out, SP_PLAN_MAX);
		assert_int_equal(sp_plan_encode(&p, &out),
		                 n <= SP_PLAN_LIST_MAX ? SP_OK : SP_E_LIMIT);
		sp_plan_fini(&p);
		sp_buf_fini(&out);
	}
}

static void test_sealed(void **state)
{
	struct sp_str s = { 0 };
	struct sp_err err;
	int fd = -1;

	(void)state;
	assert_int_equal(sp_sealed_make("t", sp_str("hello"), &fd, &err),
	                 SP_OK);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(sp_sealed_map(fd, 4, &s, &err), SP_E_PROTO);
	assert_int_equal(sp_sealed_map(fd, 5, &s, &err), SP_OK);
	assert_true(sp_str_is(s, "hello"));
	close(fd);
	/* what is not a memfd, or not sealed */
	assert_int_equal(sp_sealed_map(0, 5, &s, &err) < 0, true);
}

static void test_pack(void **state)
{
	struct sp_pack_item it;
	struct sp_str in;
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, SP_PACK_MAX);
	sp_pack_add(&b, SP_PACK_RUN, "ca.pem", sp_str("PEM"));
	sp_pack_add(&b, SP_PACK_OVER, "/etc/x", sp_str("ca.pem"));
	in = sp_buf_str(&b);
	assert_int_equal(sp_pack_next(&in, &it), SP_OK);
	assert_int_equal(it.kind, SP_PACK_RUN);
	assert_string_equal(it.path, "ca.pem");
	assert_true(sp_str_is(it.data, "PEM"));
	assert_int_equal(sp_pack_next(&in, &it), SP_OK);
	assert_string_equal(it.path, "/etc/x");
	assert_int_equal(sp_pack_next(&in, &it), SP_DONE);
	/* every cut but those between two items */
	for (size_t n = 1; n < sp_buf_len(&b); n++) {
		enum sp_rc rc;

		in = (struct sp_str){ sp_buf_str(&b).p, n };
		while ((rc = sp_pack_next(&in, &it)) == SP_OK)
			continue;
		assert_int_equal(rc, n == 19 ? SP_DONE : SP_E_PROTO);
	}
	sp_buf_fini(&b);
}

/* abi, rights, scopes, size */
static const struct {
	int abi;
	uint64_t rights, scopes;
	size_t size;
} forms[] = {
	{ 0, 0, 0, 0 },       { 1, 0x1fff, 0, 8 },  { 2, 0x3fff, 0, 8 },
	{ 3, 0x7fff, 0, 8 },  { 4, 0x7fff, 0, 16 }, { 5, 0xffff, 0, 16 },
	{ 6, 0xffff, 3, 24 }, { 7, 0xffff, 3, 24 }, { 99, 0xffff, 3, 24 },
};

static void test_landlock_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(forms); i++) {
		struct sp_landlock_form f = sp_landlock_form(forms[i].abi);

		assert_true(f.rights == forms[i].rights);
		assert_true(f.scopes == forms[i].scopes);
		assert_int_equal(f.size, forms[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_cut_and_change),
		cmocka_unit_test(test_list_limit),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_landlock_forms),
	};

	return cmocka_run_group_tests_name("sandbox/plan", tests, NULL, NULL);
}
