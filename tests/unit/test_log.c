/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log.h"
#include "audit/verify.h"

#define BOOT "0c9a8a3e-6d0c-4f4e-9d6a-2f0d6a1d7c11"

/* Each test has a folder of its own below the group's. */
struct bench {
	char dir[64];
	char file[96];
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	snprintf(b->dir, sizeof(b->dir), "/tmp/sp-test-log-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->file, sizeof(b->file), "%s/%s", b->dir, SP_LOG_FILE);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	unlink(b->file);
	rmdir(b->dir);
	free(b);
	return 0;
}

static struct sp_log_clock at(uint64_t s)
{
	return (struct sp_log_clock){ UINT64_C(1760000000000000) + s, s };
}

static struct sp_log *open_log(const struct bench *b, uint64_t s)
{
	struct sp_log *l = NULL;
	struct sp_err err;
	enum sp_rc rc = sp_log_open(b->dir, BOOT, at(s), &l, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	return l;
}

static struct sp_rec_open a_request(uint64_t id)
{
	struct sp_rec_open r = {
		.id = id,
		.conn = 3,
		.proto = SP_PROTO_HTTP,
		.scheme = SP_SCHEME_HTTPS,
		.verdict = SP_VERDICT_ALLOW,
		.port = 443,
		.addr = { 4, { 93, 184, 215, 14 } },
		.host = { .kind = SP_HOST_NAME,
		          .n = 11,
		          .text = "example.com" },
		.start_us = 1760000000000000,
		.pid = 4711,
	};

	r.method = sp_str("GET");
	r.path = sp_str("/index.html");
	r.rule = sp_str("allowed_hosts[0] example.com");
	r.comm = sp_str("curl");
	return r;
}

static struct sp_rec_close its_end(uint64_t id)
{
	return (struct sp_rec_close){
		.id = id,
		.status = 200,
		.up = 0,
		.down = 1256,
		.us = 8123,
		.first_byte_us = 7000,
		.addr = { 4, { 93, 184, 215, 14 } },
	};
}

static size_t slurp(const char *file, char *buf, size_t cap)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, cap - 1);

	close(fd);
	assert_true(n >= 0);
	buf[n] = '\0';
	return (size_t)n;
}

static void spill(const char *file, const char *buf, size_t n)
{
	int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, buf, n), n);
	close(fd);
}

/* Verifies the file; the summary is written to *ret. */
static enum sp_rc verify(const struct bench *b, struct sp_verify_sum *ret)
{
	static char buf[1 << 20];
	struct sp_verify_want want = { 0 };
	struct sp_verify *v = sp_verify_new(&want);
	size_t n = slurp(b->file, buf, sizeof(buf));
	enum sp_rc rc;

	sp_verify_feed(v, (struct sp_str){ (uint8_t *)buf, n });
	rc = sp_verify_end(v);
	*ret = *sp_verify_sum(v);
	for (unsigned i = 0; i < ret->n; i++)
		print_message("line %llu: %s %s\n",
		              (unsigned long long)ret->at[i].line,
		              sp_fault_code(ret->at[i].fault),
		              ret->at[i].detail);
	sp_verify_free(v);
	return rc;
}

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
