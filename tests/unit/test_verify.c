/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tampering: whatever is changed in a log is found, with its position. The
 * last record has no successor that holds its hash; that it was changed shows
 * only against the head, so the head is always given here.
 */
#include "test.h"

#include "a_log.h"
#include "rng.h"
#include "split.h"

#define RECORDS  200u
#define TEXT_MAX (RECORDS * 1024u)

static struct {
	char text[TEXT_MAX];
	size_t n;
	size_t line[RECORDS + 1]; /* offsets */
	char head[65];
} whole;

static int make_log(void **state)
{
	struct sp_log_sb sb[2] = {
		{ .id = "red", .name = "first", .epoch = 1, .instance = 1 },
		{ .id = "blue", .name = "second", .epoch = 3 },
	};
	struct sp_log *l;
	struct bench *b;
	size_t n = 0;

	set_up(state);
	b = *state;
	l = open_log(b, 0);
	for (uint64_t i = 0; n < RECORDS - 2; i++) {
		struct sp_log_sb *s = &sb[i % 2];
		struct sp_rec_open r = a_request(i);
		struct sp_rec_close c = its_end(i);

		r.proto = i % 7 == 6 ? SP_PROTO_DNS : SP_PROTO_HTTP;
		if (i % 5 == 3) {
			r.verdict = SP_VERDICT_DENY;
			r.reason = SP_REASON_HOST_DENIED;
			r.final = true;
		}
		sp_log_tx_open(l, s, at(i), &r);
		n++;
		if (!r.final && n < RECORDS - 2) {
			sp_log_tx_close(l, s, at(i), &c);
			n++;
		} else if (!r.final) {
			fail_msg("the last one stays open");
		}
	}
	sp_log_close(l, at(1000));
	whole.n = slurp(b->file, whole.text, sizeof(whole.text));
	for (size_t i = 0, k = 0; i < whole.n; i++)
		if (whole.text[i] == '\n')
			whole.line[++k] = i + 1;
	tear_down(state);
	return 0;
}

static enum sp_rc judge(const char *text, size_t n, const char *head,
                        struct sp_verify_sum *ret)
{
	struct sp_verify_want want = { .head = head };
	struct sp_verify *v = sp_verify_new(&want);
	enum sp_rc rc;

	sp_verify_feed(v, (struct sp_str){ (const uint8_t *)text, n });
	rc = sp_verify_end(v);
	*ret = *sp_verify_sum(v);
	sp_verify_free(v);
	return rc;
}

static void test_untouched(void **state)
{
	struct sp_verify_sum s;

	(void)state;
	assert_int_equal(judge(whole.text, whole.n, NULL, &s), SP_OK);
	assert_int_equal(s.records, RECORDS);
	assert_int_equal(s.last_seq, RECORDS - 1);
	assert_true(s.closed);
	memcpy(whole.head, s.head, sizeof(whole.head));
	assert_int_equal(judge(whole.text, whole.n, whole.head, &s), SP_OK);
	assert_true(s.anchored);
}

/* Which line an offset is in, from 0. */
static size_t line_at(size_t offset)
{
	size_t k = 0;

	while (whole.line[k + 1] <= offset)
		k++;
	return k;
}

/* Found, in that line or in the one behind it that holds its hash. */
static void assert_found(const struct sp_verify_sum *s, size_t line)
{
	assert_true(s->n > 0);
	if (s->at[0].fault == SP_FAULT_HEAD) {
		assert_int_equal(line, RECORDS - 1);
		return;
	}
	assert_in_range(s->at[0].line, line + 1, line + 2);
	assert_in_range(s->at[0].offset, whole.line[line],
	                whole.line[line + 2 <= RECORDS ? line + 1 : line] + 1);
}

static void test_every_flip(void **state)
{
	struct rng r = { 20251009 };
	struct sp_verify_sum s;

	(void)state;
	/* All bytes of one line, then samples of all. */
	for (unsigned i = 0; i < 6000; i++) {
		size_t at = i < 400 ? whole.line[50] + i
		                    : rng_below(&r, (uint32_t)whole.n);
		char old = whole.text[at];

		whole.text[at] = (char)(old ^ (1 << rng_below(&r, 8)));
		assert_int_equal(judge(whole.text, whole.n, whole.head, &s),
		                 SP_E_PROTO);
		if (old != '\n')
			assert_found(&s, line_at(at));
		whole.text[at] = old;
	}
}

static char copy[2 * TEXT_MAX];

static size_t append_lines(size_t n, size_t from, size_t to)
{
	size_t len = whole.line[to] - whole.line[from];

	memcpy(copy + n, whole.text + whole.line[from], len);
	return n + len;
}

static void test_every_line_dropped(void **state)
{
	struct sp_verify_sum s;

	(void)state;
	for (size_t i = 0; i < RECORDS; i++) {
		size_t n = append_lines(0, 0, i);

		n = append_lines(n, i + 1, RECORDS);
		assert_int_equal(judge(copy, n, whole.head, &s), SP_E_PROTO);
		if (i < RECORDS - 1)
			assert_int_equal(s.at[0].line, i + 1);
		/* Without an anchor only a cut end is not seen. */
		assert_int_equal(judge(copy, n, NULL, &s),
		                 i < RECORDS - 1 ? SP_E_PROTO : SP_OK);
	}
}

static void test_every_line_doubled(void **state)
{
	struct sp_verify_sum s;

	(void)state;
	for (size_t i = 0; i < RECORDS; i++) {
		size_t n = append_lines(0, 0, i + 1);

		n = append_lines(n, i, RECORDS);
		assert_int_equal(judge(copy, n, NULL, &s), SP_E_PROTO);
		assert_int_equal(s.at[0].line, i + 2);
	}
}

static void test_every_pair_swapped(void **state)
{
	struct sp_verify_sum s;

	(void)state;
	for (size_t i = 0; i + 1 < RECORDS; i++) {
		size_t n = append_lines(0, 0, i);

		n = append_lines(n, i + 1, i + 2);
		n = append_lines(n, i, i + 1);
		n = append_lines(n, i + 2, RECORDS);
		assert_int_equal(judge(copy, n, NULL, &s), SP_E_PROTO);
		assert_int_equal(s.at[0].line, i + 1);
	}
}

static void test_a_line_inserted_anywhere(void **state)
{
	struct rng r = { 99 };
	struct sp_verify_sum s;

	(void)state;
	for (size_t i = 0; i <= RECORDS; i++) {
		size_t other = rng_below(&r, RECORDS);
		size_t n = append_lines(0, 0, i);

		n = append_lines(n, other, other + 1);
		n = append_lines(n, i, RECORDS);
		if (other == i)
			continue; /* doubled: see above */
		assert_int_equal(judge(copy, n, NULL, &s), SP_E_PROTO);
		assert_int_equal(s.at[0].line, i + 1);
	}
}

static void test_cut_anywhere(void **state)
{
	struct sp_verify_sum s;

	(void)state;
	for (size_t n = 0; n < whole.n; n += 97)
		assert_int_equal(judge(whole.text, n, whole.head, &s),
		                 SP_E_PROTO);
	assert_int_equal(judge(whole.text, whole.n - 1, NULL, &s), SP_E_PROTO);
	assert_int_equal(s.at[0].fault, SP_FAULT_INCOMPLETE);
	assert_int_equal(judge(whole.text, 0, NULL, &s), SP_E_PROTO);
	assert_int_equal(s.at[0].fault, SP_FAULT_EMPTY);
}

static void test_min_seq(void **state)
{
	(void)state;
	for (uint64_t want = RECORDS - 2; want <= RECORDS; want++) {
		struct sp_verify_want w = { .min_seq = want };
		struct sp_verify *v = sp_verify_new(&w);

		sp_verify_feed(
			v, (struct sp_str){ (uint8_t *)whole.text, whole.n });
		assert_int_equal(sp_verify_end(v),
		                 want < RECORDS ? SP_OK : SP_E_PROTO);
		sp_verify_free(v);
	}
}

/* However it is cut into chunks, of a sound log and of a tampered one. */
static void test_splits(void **state)
{
	size_t n = whole.line[4], bad_at = whole.line[2] + 100;

	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		memcpy(copy, whole.text, n);
		copy[bad_at] = (char)(copy[bad_at] ^ bad);
		for (struct split s = { 0 }; split_plan(&s, n);) {
			struct sp_verify_want w = { 0 };
			struct sp_verify *v = sp_verify_new(&w);
			struct sp_str rest = { (uint8_t *)copy, n };

			while (rest.n > 0)
				sp_verify_feed(v, split_take(&s, &rest));
			assert_int_equal(sp_verify_end(v),
			                 bad ? SP_E_PROTO : SP_OK);
			assert_int_equal(sp_verify_sum(v)->records, 4);
			if (bad)
				assert_int_equal(
					sp_verify_sum(v)->at[0].offset >=
						whole.line[2],
					1);
			sp_verify_free(v);
			s.round += 6; /* all would take a minute */
			if (s.round > 2 * n)
				break;
		}
	}
}

/* Lines one below, at and above the maximum; text without any line end. */
static void test_line_limit(void **state)
{
	static char big[3 * SP_LINE_MAX];

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t n = SP_LINE_MAX - 1; n <= SP_LINE_MAX + 1; n++) {
		struct sp_verify_sum s;

		big[n] = '\n';
		assert_int_equal(judge(big, n + 1, NULL, &s), SP_E_PROTO);
		assert_int_equal(s.at[0].fault, n > SP_LINE_MAX
		                                        ? SP_FAULT_LONG
		                                        : SP_FAULT_JSON);
		assert_int_equal(judge(big, sizeof(big), NULL, &s), SP_E_PROTO);
		big[n] = 'x';
	}
}

/* The same in pieces: what is held counts, and the next line is judged. */
static void test_line_limit_in_pieces(void **state)
{
	static char big[SP_LINE_MAX + 2000];
	struct sp_verify_want w = { 0 };

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t n = SP_LINE_MAX - 1; n <= SP_LINE_MAX + 1; n++) {
		struct sp_verify *v = sp_verify_new(&w);
		struct sp_str rest = { (uint8_t *)big, n + 3 };
		const struct sp_verify_sum *s = sp_verify_sum(v);

		big[n] = big[n + 2] = '\n';
		while (rest.n > 0)
			sp_verify_feed(v, sp_str_take(&rest, rest.n < 1000
			                                             ? rest.n
			                                             : 1000));
		assert_int_equal(sp_verify_end(v), SP_E_PROTO);
		assert_int_equal(s->at[0].fault, n > SP_LINE_MAX
		                                         ? SP_FAULT_LONG
		                                         : SP_FAULT_JSON);
		assert_int_equal(s->at[1].fault, SP_FAULT_JSON);
		assert_int_equal(s->at[1].offset, n + 1);
		big[n] = big[n + 2] = 'x';
		sp_verify_free(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_every_flip),
		cmocka_unit_test(test_every_line_dropped),
		cmocka_unit_test(test_every_line_doubled),
		cmocka_unit_test(test_every_pair_swapped),
		cmocka_unit_test(test_a_line_inserted_anywhere),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_min_seq),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_line_limit_in_pieces),
	};

	return cmocka_run_group_tests_name("audit/verify", tests, make_log,
	                                   NULL);
}
