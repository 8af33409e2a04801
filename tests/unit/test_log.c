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

static void test_two_keepers(void **state)
{
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1), *second = NULL;
	struct sp_err err;

	assert_int_equal(sp_log_open(b->dir, BOOT, at(2), &second, &err),
	                 SP_E_STATE);
	assert_non_null(strstr(err.text, "another keeper"));
	assert_null(second);
	sp_log_close(l, at(3));
	sp_log_close(open_log(b, 4), at(5));
}

static void test_folders(void **state)
{
	struct bench *b = *state;
	struct sp_log *l = NULL;
	char deep[128], file[160];
	struct sp_err err;
	struct stat st;

	assert_int_equal(chmod(b->dir, 0777), 0);
	assert_int_equal(sp_log_open(b->dir, BOOT, at(1), &l, &err),
	                 SP_E_DENIED);
	assert_int_equal(chmod(b->dir, 0755), 0);
	snprintf(deep, sizeof(deep), "%s/x/y", b->dir);
	assert_int_equal(sp_log_open(deep, BOOT, at(1), &l, &err), SP_OK);
	sp_log_close(l, at(2));
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(file, sizeof(file), "%s/%s", deep, SP_LOG_FILE);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* A link in its place could lead the keeper anywhere. */
	assert_int_equal(symlink(file, b->file), 0);
	assert_int_equal(sp_log_open(b->dir, BOOT, at(3), &l, &err), SP_E_SYS);
	unlink(file);
	rmdir(deep);
	snprintf(deep, sizeof(deep), "%s/x", b->dir);
	rmdir(deep);
}

/* A hostile proxy: ids twice, closes of what is not open. */
static void test_lies_of_a_proxy(void **state)
{
	struct sp_log_sb sb = { .id = "abc", .instance = 1 },
			 other = { .id = "abd", .instance = 1 };
	struct sp_rec_open r = a_request(1), end = a_request(1);
	struct sp_rec_close c = its_end(1), unknown = its_end(2);
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);
	struct sp_verify_sum sum;

	end.final = true;
	end.verdict = SP_VERDICT_DENY;
	assert_int_equal(sp_log_tx_open(l, &sb, at(2), &r), SP_OK);
	assert_int_equal(sp_log_tx_open(l, &sb, at(2), &r), SP_E_STATE);
	assert_int_equal(sp_log_tx_open(l, &sb, at(2), &end), SP_E_STATE);
	assert_int_equal(sp_log_tx_close(l, &sb, at(2), &unknown), SP_E_STATE);
	assert_int_equal(sp_log_tx_close(l, &other, at(2), &c), SP_E_STATE);
	assert_int_equal(sp_log_tx_close(l, &sb, at(2), &c), SP_OK);
	assert_int_equal(sp_log_tx_close(l, &sb, at(2), &c), SP_E_STATE);
	assert_int_equal(sb.sbseq, 2);
	assert_int_equal(other.sbseq, 0);
	sp_log_close(l, at(3));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.records, 4);
}

static void test_abort_of_one_sandbox(void **state)
{
	struct sp_log_sb one = { .id = "one", .instance = 1 },
			 two = { .id = "two", .instance = 1 };
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);
	struct sp_rec_close c = its_end(0);
	struct sp_verify_sum sum;

	for (uint64_t i = 0; i < 5; i++) {
		struct sp_rec_open r = a_request(i);

		assert_int_equal(sp_log_tx_open(l, &one, at(2), &r), SP_OK);
		assert_int_equal(sp_log_tx_open(l, &two, at(2), &r), SP_OK);
	}
	assert_int_equal(one.opens, 5);
	one.instance = 2; /* the next proxy may be there already */
	assert_int_equal(sp_log_abort(l, &one, at(3)), 5);
	assert_int_equal(sp_log_abort(l, &one, at(3)), 0);
	assert_int_equal(one.opens, 0);
	assert_int_equal(sp_log_tx_close(l, &two, at(4), &c), SP_OK);
	assert_int_equal(sp_log_abort(l, &two, at(5)), 4);
	sp_log_close(l, at(6));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.by_type[SP_REC_TX_CLOSE], 10);
	assert_true(sum.closed);
}

/* One below, at and above the maximum of open transactions. */
static void test_limit_of_a_sandbox(void **state)
{
	struct sp_log_sb sb = { .id = "abc", .instance = 1 };
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);

	for (uint64_t i = 0; i < SP_LOG_SB_OPENS_MAX + 2; i++) {
		struct sp_rec_open r = a_request(i);
		bool fits = i < SP_LOG_SB_OPENS_MAX;

		assert_int_equal(sp_log_tx_open(l, &sb, at(i), &r),
		                 fits ? SP_OK : SP_E_LIMIT);
	}
	/* Far more than a batch: written early, and none is lost. */
	assert_int_equal(sp_log_abort(l, &sb, at(1)), SP_LOG_SB_OPENS_MAX);
	assert_int_equal(sp_log_commit(l), SP_OK);
	sp_log_close(l, at(2));
	l = open_log(b, 3);
	assert_int_equal(sp_log_commit(l), SP_OK);
	sp_log_close(l, at(4));
}

static void test_longest_event(void **state)
{
	static char odd[5000];
	struct sp_log_sb sb = { .id = "abc", .name = "box" };
	struct sp_log_field f[] = {
		{ .key = "a", .text = { (uint8_t *)odd, sizeof(odd) } },
		{ .key = "b", .text = { (uint8_t *)odd, sizeof(odd) } },
		{ .key = "n", .number = UINT64_MAX },
	};
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);
	struct sp_verify_sum sum;

	memset(odd, 1, sizeof(odd));
	sp_log_event(l, &sb, at(2), "sandbox.start", f, 3);
	memset(odd, 0xff, sizeof(odd));
	sp_log_event(l, &sb, at(3), "sandbox.stop", f, 3);
	sp_log_close(l, at(4));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.records, 4);
}

/* A clock that was read earlier does not look like tampering. */
static void test_clock_of_an_earlier_turn(void **state)
{
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1000);
	struct sp_verify_sum sum;

	sp_log_event(l, NULL, at(10), "kill", NULL, 0);
	sp_log_close(l, at(5));
	sp_log_close(open_log(b, 7), at(8));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.by_type[SP_REC_LOG_OPEN], 2);
	assert_int_equal(sum.by_type[SP_REC_LOG_RECOVER], 0);
}

static void test_damage_is_refused(void **state)
{
	struct bench *b = *state;
	static char buf[65536];
	struct sp_log *l = NULL;
	struct sp_err err;
	size_t first, n;

	sp_log_close(open_log(b, 1), at(2));
	first = slurp(b->file, buf, sizeof(buf));
	l = open_log(b, 3);
	sp_log_event(l, NULL, at(3), "kill", NULL, 0);
	sp_log_close(l, at(4));
	n = slurp(b->file, buf, sizeof(buf));

	buf[first + 300] ^= 1; /* in the last run */
	spill(b->file, buf, n);
	assert_int_equal(sp_log_open(b->dir, BOOT, at(5), &l, &err),
	                 SP_E_PROTO);
	assert_non_null(strstr(err.text, "damaged at byte"));
	assert_non_null(strstr(err.text, "move the file away"));
	buf[first + 300] ^= 1;

	/* An end without any line end is no line that was cut short. */
	memset(buf + n, 'x', SP_LINE_MAX + 2);
	spill(b->file, buf, n + SP_LINE_MAX + 2);
	assert_int_equal(sp_log_open(b->dir, BOOT, at(5), &l, &err),
	                 SP_E_PROTO);

	/* Earlier runs are the verifier's affair: opening stays fast. */
	buf[50] ^= 1;
	spill(b->file, buf, n);
	sp_log_close(open_log(b, 6), at(7));
}

static size_t size_of(const char *file)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return (size_t)st.st_size;
}

/* One event; returns how many bytes it took. */
static size_t filler(const struct bench *b, struct sp_log *l, size_t n)
{
	static uint8_t pad[1000];
	struct sp_log_field f = { .key = "x", .text = { pad, n } };
	size_t before = size_of(b->file);

	memset(pad, 'x', sizeof(pad));
	sp_log_event(l, NULL, at(1), "kill", &f, 1);
	assert_int_equal(sp_log_commit(l), SP_OK);
	return size_of(b->file) - before;
}

/*
 * The mark of the last run at every offset around the border of a block that
 * recovery reads backwards: the filler decides how far from the end it is.
 */
static void test_recovery_over_blocks(void **state)
{
	const size_t block = 256u << 10;
	struct bench *b = *state;
	struct sp_log *l = open_log(b, 1);

	for (unsigned round = 0; round < 40; round++) {
		size_t start = size_of(b->file), want = block + 20 - 3 * round;
		struct sp_log_sb sb = { .instance = 1 };
		struct sp_rec_open r = a_request(round);
		struct sp_log_recovered rec;
		size_t frame, left;

		snprintf(sb.id, sizeof(sb.id), "r%u", round);
		assert_int_equal(sp_log_tx_open(l, &sb, at(1), &r), SP_OK);
		frame = filler(b, l, 1) - 1;
		while ((left = want - (size_of(b->file) - start)) >
		       2 * frame + 1000)
			filler(b, l, 1000);
		filler(b, l, left - frame > 1000 ? left - 2 * frame - 500 : 1);
		left = want - (size_of(b->file) - start);
		filler(b, l, left > frame ? left - frame : 1);
		sp_log_close(l, at(2)); /* one is open: not closed */
		l = open_log(b, 3);
		sp_log_recovered(l, &rec);
		assert_int_equal(rec.aborted, 1);
	}
	sp_log_close(l, at(4));
}

/* In order, but something was written behind it that is no line. */
static void test_rest_behind_a_closed_log(void **state)
{
	struct bench *b = *state;
	struct sp_log_recovered rec;
	struct sp_verify_sum sum;
	char buf[8192];
	struct sp_log *l;
	size_t n;

	sp_log_close(open_log(b, 1), at(2));
	n = slurp(b->file, buf, sizeof(buf));
	memset(buf + n, '{', 5);
	spill(b->file, buf, n + 5);
	l = open_log(b, 3);
	sp_log_recovered(l, &rec);
	assert_true(rec.unclean);
	assert_int_equal(rec.cut, 5);
	assert_int_equal(rec.aborted, 0);
	sp_log_close(l, at(4));
	assert_int_equal(verify(b, &sum), SP_OK);
	assert_int_equal(sum.by_type[SP_REC_LOG_RECOVER], 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_lines),
		T(test_crash_is_recovered),
		T(test_two_keepers),
		T(test_folders),
		T(test_lies_of_a_proxy),
		T(test_abort_of_one_sandbox),
		T(test_limit_of_a_sandbox),
		T(test_longest_event),
		T(test_clock_of_an_earlier_turn),
		T(test_damage_is_refused),
		T(test_recovery_over_blocks),
		T(test_rest_behind_a_closed_log),
	};

	return cmocka_run_group_tests_name("audit/log", tests, NULL, NULL);
}
