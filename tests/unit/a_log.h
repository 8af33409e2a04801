/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/a_log.h - a log in a folder of its own, and records to fill it.
 */
#ifndef SP_TEST_A_LOG_H
#define SP_TEST_A_LOG_H

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

static inline int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	snprintf(b->dir, sizeof(b->dir), "/tmp/sp-test-log-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->file, sizeof(b->file), "%s/%s", b->dir, SP_LOG_FILE);
	*state = b;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *b = *state;

	unlink(b->file);
	rmdir(b->dir);
	free(b);
	return 0;
}

static inline struct sp_log_clock at(uint64_t s)
{
	return (struct sp_log_clock){ UINT64_C(1760000000000000) + s, s };
}

static inline struct sp_log *open_log(const struct bench *b, uint64_t s)
{
	struct sp_log *l = NULL;
	struct sp_err err;
	enum sp_rc rc = sp_log_open(b->dir, BOOT, at(s), &l, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	return l;
}

static inline struct sp_rec_open a_request(uint64_t id)
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

static inline struct sp_rec_close its_end(uint64_t id)
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

static inline size_t slurp(const char *file, char *buf, size_t cap)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, cap - 1);

	close(fd);
	assert_true(n >= 0 && (size_t)n < cap - 1);
	buf[n] = '\0';
	return (size_t)n;
}

static inline void spill(const char *file, const char *buf, size_t n)
{
	int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, buf, n), n);
	close(fd);
}

/* Verifies the file; the summary is written to *ret. */
static inline enum sp_rc verify(const struct bench *b,
                                struct sp_verify_sum *ret)
{
	static char buf[64 << 10];
	struct sp_verify_want want = { 0 };
	struct sp_verify *v = sp_verify_new(&want);
	int fd = open(b->file, O_RDONLY | O_CLOEXEC);
	enum sp_rc rc;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sp_verify_feed(v, (struct sp_str){ (uint8_t *)buf, (size_t)n });
	close(fd);
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

#endif
