/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "role/memfd.h"
#include "role/source.h"

static const char *const allow[] = { "example.com", "*.example.org:8443" };
static const char *const deny[] = { "evil.example" };

static struct sp_policy_source sample(void)
{
	return (struct sp_policy_source){
		.text = sp_str("allowed_hosts:\n  - a\n"),
		.file = "sallyport.yaml",
		.allow = allow,
		.n_allow = SP_COUNT(allow),
		.deny = deny,
		.n_deny = SP_COUNT(deny),
	};
}

static void test_there_and_back(void **state)
{
	struct sp_policy_source src = sample();
	struct sp_source s;
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, SP_SOURCE_MAX);
	assert_int_equal(sp_source_put(&b, &src), SP_OK);
	assert_int_equal(sp_source_get(sp_buf_str(&b), &s), SP_OK);
	assert_true(sp_str_eq(s.src.text, src.text));
	assert_string_equal(s.src.file, src.file);
	assert_int_equal(s.src.n_allow, 2);
	assert_string_equal(s.src.allow[1], allow[1]);
	assert_int_equal(s.src.n_deny, 1);
	assert_string_equal(s.src.deny[0], deny[0]);
	sp_source_fini(&s);
	sp_source_fini(&s);

	/* Exactly this long: every cut, and a byte more, is refused. */
	for (size_t n = 0; n < sp_buf_len(&b); n++)
		assert_true(sp_source_get((struct sp_str){ b.p, n }, &s) < 0);
	sp_buf_byte(&b, 0);
	assert_int_equal(sp_source_get(sp_buf_str(&b), &s), SP_E_PROTO);
	sp_buf_fini(&b);
}

static void test_empty(void **state)
{
	struct sp_policy_source src = { .file = NULL };
	struct sp_source s;
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, SP_SOURCE_MAX);
	assert_int_equal(sp_source_put(&b, &src), SP_OK);
	assert_int_equal(sp_source_get(sp_buf_str(&b), &s), SP_OK);
	assert_int_equal(s.src.text.n, 0);
	assert_string_equal(s.src.file, "");
	assert_int_equal(s.src.n_allow + s.src.n_deny, 0);
	sp_source_fini(&s);
	sp_buf_fini(&b);
}

/* A byte 0 would make two readers see two texts. */
static void test_no_zero_in_options(void **state)
{
	struct sp_policy_source src = sample();
	struct sp_source s;
	struct sp_buf b;
	uint8_t *at;

	(void)state;
	sp_buf_init(&b, SP_SOURCE_MAX);
	assert_int_equal(sp_source_put(&b, &src), SP_OK);
	at = memmem(b.p, sp_buf_len(&b), "evil", 4);
	assert_non_null(at);
	at[1] = 0;
	assert_int_equal(sp_source_get(sp_buf_str(&b), &s), SP_E_PROTO);
	sp_buf_fini(&b);
}

static void test_limits(void **state)
{
	static char arg[SP_SOURCE_ARG_MAX + 2];
	static const char *many[SP_SOURCE_ARGS_MAX + 1];
	static uint8_t text[SP_SOURCE_TEXT_MAX + 1];
	const char *one[] = { arg };
	struct sp_policy_source src = { .allow = one, .n_allow = 1 };
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, SP_SOURCE_MAX);
	memset(arg, 'x', SP_SOURCE_ARG_MAX);
	assert_int_equal(sp_source_put(&b, &src), SP_OK);
	arg[SP_SOURCE_ARG_MAX] = 'x';
	assert_int_equal(sp_source_put(&b, &src), SP_E_LIMIT);

	for (size_t i = 0; i < SP_COUNT(many); i++)
		many[i] = "h";
	src = (struct sp_policy_source){ .deny = many,
		                         .n_deny = SP_SOURCE_ARGS_MAX };
	assert_int_equal(sp_source_put(&b, &src), SP_OK);
	src.n_deny++;
	assert_int_equal(sp_source_put(&b, &src), SP_E_LIMIT);

	src = (struct sp_policy_source){ .text = { text, SP_SOURCE_TEXT_MAX } };
	sp_buf_reset(&b);
	assert_int_equal(sp_source_put(&b, &src), SP_OK);
	src.text.n++;
	assert_int_equal(sp_source_put(&b, &src), SP_E_LIMIT);
	sp_buf_fini(&b);
}

static void test_only_sealed_memory_is_read(void **state)
{
	struct sp_policy_source src = sample();
	struct sp_err err;
	struct sp_buf b;
	int fd, fds[2];

	(void)state;
	sp_buf_init(&b, SP_SOURCE_MAX);
	assert_int_equal(sp_source_memfd(&src, &fd, &err), SP_OK);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(sp_memfd_read(fd, &b), SP_OK);
	assert_true(sp_buf_len(&b) > 30);
	close(fd);

	fd = memfd_create("x", MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(sp_memfd_read(fd, &b), SP_E_PROTO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(sp_memfd_read(fd, &b), SP_E_PROTO);
	close(fd);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(sp_memfd_read(fds[0], &b), SP_E_PROTO);
	close(fds[0]);
	close(fds[1]);
	sp_buf_fini(&b);
}

/* The maximum is the reader's, at it and one above. */
static void test_memory_limit(void **state)
{
	struct sp_err err;
	struct sp_buf b;
	int fd;

	(void)state;
	assert_int_equal(sp_memfd_make("x", sp_str("0123456789"), &fd, &err),
	                 SP_OK);
	sp_buf_init(&b, 10);
	assert_int_equal(sp_memfd_read(fd, &b), SP_OK);
	assert_true(sp_str_is(sp_buf_str(&b), "0123456789"));
	sp_buf_fini(&b);
	sp_buf_init(&b, 9);
	assert_int_equal(sp_memfd_read(fd, &b), SP_E_LIMIT);
	sp_buf_fini(&b);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_no_zero_in_options),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_only_sealed_memory_is_read),
		cmocka_unit_test(test_memory_limit),
	};

	return cmocka_run_group_tests_name("role/source", tests, NULL, NULL);
}
