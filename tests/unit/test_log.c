/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "a_log.h"

static void test_lines(void **state)
{
	static const char want[] =
		"{\"addr\":\"93.184.215.14\",\"boot\":\"" BOOT "\","
		"\"comm\":\"curl\",\"conn\":3,\"host\":\"example.com\","
		"\"id\":\"abc.1.7\",\"method\":\"GET\",\"mono\":2,"
		"\"path\":\"/index.html\",\"pe\":1,\"pid\":4711,\"port\":443,"
		"\"prev\":\"";
	struct sp_log_sb sb = {
		.id = "abc", .name = "box", .epoch = 1, .instance = 1
	};
	struct sp_rec_open r = a_request(7);
	struct sp_rec_close c = its_end(7);
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);
	struct sp_verify_sum sum;
	char buf[8192], *line;

	assert_int_equal(sp_log_tx_open(l, &sb, at(2), &r), SP_OK);
	assert_int_equal(sp_log_tx_close(l, &sb, at(3), &c), SP_OK);
	assert_int_equal(sp_log_commit(l), SP_OK);
	slurp(b->file, buf, sizeof(buf));
	line = strchr(buf, '\n') + 1;
	assert_memory_equal(line, want, sizeof(want) - 1);
	assert_int_equal(sb.sbseq, 2);
	sp_log_close(l, at(4));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.records, 4);
	assert_int_equal(sum.transactions, 1);
	assert_true(sum.closed);
}

static void test_crash_is_recovered(void **state)
{
	struct sp_log_sb sb = { .id = "abc", .name = "box", .instance = 1 };
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);
	struct sp_log_recovered rec;
	struct sp_rec_open r;
	struct sp_verify_sum sum;
	char buf[8192];
	size_t n;

	for (uint64_t i = 1; i <= 3; i++) {
		r = a_request(i);
		assert_int_equal(sp_log_tx_open(l, &sb, at(2), &r), SP_OK);
	}
	assert_int_equal(sp_log_commit(l), SP_OK);
	n = slurp(b->file, buf, sizeof(buf));
	sp_log_close(l, at(3));
	spill(b->file, buf, n - 5); /* the third open is not whole */

	l = open_log(b, 4);
	sp_log_recovered(l, &rec);
	assert_true(rec.unclean);
	assert_int_equal(rec.aborted, 2);
	assert_true(rec.cut > 100);
	sp_log_close(l, at(5));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.by_type[SP_REC_TX_CLOSE], 2);
	assert_int_equal(sum.by_type[SP_REC_LOG_RECOVER], 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_lines),
		T(test_crash_is_recovered),
	};

	return cmocka_run_group_tests_name("audit/log", tests, NULL, NULL);
}
