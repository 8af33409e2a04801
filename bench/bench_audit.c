/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/bench_audit.c - what a record costs: written (in batches of a turn
 * of the keeper's loop), and verified.
 *
 *	bench_audit [RECORDS] [BATCH]
 *
 * Bars: writing at most 3 us a record, verifying at least 300,000 a second.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "audit/log.h"
#include "audit/verify.h"

#define CHUNK (256u << 10)

/* Of this process: the machine may be busy with other things. */
static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_audit: %s\n", what);
	exit(1);
}

static struct sp_rec_open a_request(uint64_t id, uint64_t wall)
{
	struct sp_rec_open r = {
		.id = id, .conn = 3, .proto = SP_PROTO_HTTP,
		.scheme = SP_SCHEME_HTTPS, .verdict = SP_VERDICT_ALLOW,
		.port = 443, .addr = { 4, { 93, 184, 215, 14 } },
		.host = { .kind = SP_HOST_NAME, .n = 11,
		          .text = "example.com" },
		.start_us = wall, .pid = 4711,
	};

	r.method = sp_str("GET");
	r.path = sp_str("/v1/messages/batches/msgbatch_01");
	r.rule = sp_str("allowed_hosts[0] example.com");
	r.comm = sp_str("node");
	return r;
}

static void write_log(const char *dir, uint64_t n, uint64_t batch)
{
	struct sp_log_sb sb = { .id = "k7x2m", .name = "bench", .epoch = 1,
		                .instance = 1 };
	uint64_t wall = UINT64_C(1760000000000000), start, us;
	struct sp_log *l;
	struct sp_err err;

	if (sp_log_open(dir, "0c9a8a3e-6d0c-4f4e-9d6a-2f0d6a1d7c11",
	                (struct sp_log_clock){ wall, 0 }, &l, &err) < 0)
		die(err.text);
	start = now_us();
	for (uint64_t i = 0; i < n / 2; i++) {
		struct sp_log_clock at = { wall + i, i };
		struct sp_rec_open r = a_request(i, wall + i);
		struct sp_rec_close c = { .id = i, .status = 200, .up = 812,
			                  .down = 12560, .us = 8123,
			                  .first_byte_us = 7000,
			                  .addr = r.addr };

		sp_log_tx_open(l, &sb, at, &r);
		sp_log_tx_close(l, &sb, at, &c);
		if (i % batch == 0 && sp_log_commit(l) < 0)
			die("cannot write");
	}
	if (sp_log_commit(l) < 0)
		die("cannot write");
	us = now_us() - start;
	printf("write: %.2f us a record, %.0f records/s, %llu to a commit\n",
	       (double)us / (double)n, 1e6 * (double)n / (double)us,
	       (unsigned long long)(2 * batch));
	sp_log_close(l, (struct sp_log_clock){ wall + n, n });
}

static void verify_log(const char *file)
{
	static uint8_t buf[CHUNK];
	struct sp_verify_want want = { 0 };
	struct sp_verify *v = sp_verify_new(&want);
	uint64_t start = now_us(), us, bytes = 0, n;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		sp_verify_feed(v, (struct sp_str){ buf, (size_t)got });
		bytes += (uint64_t)got;
	}
	if (sp_verify_end(v) != SP_OK)
		die("the log is not valid");
	us = now_us() - start;
	n = sp_verify_sum(v)->records;
	printf("verify: %.0f records/s, %.0f MB/s, %.0f bytes a transaction\n",
	       1e6 * (double)n / (double)us, (double)bytes / (double)us,
	       2.0 * (double)bytes / (double)n);
	close(fd);
	sp_verify_free(v);
}

static void reopen(const char *dir, uint64_t n)
{
	uint64_t start = now_us();
	struct sp_log *l;
	struct sp_err err;

	if (sp_log_open(dir, "another boot", (struct sp_log_clock){ n, n }, &l,
	                &err) < 0)
		die(err.text);
	printf("open again: %.1f ms\n", (double)(now_us() - start) / 1000);
	sp_log_close(l, (struct sp_log_clock){ n, n });
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
	uint64_t batch = argc > 2 ? strtoull(argv[2], NULL, 10) : 8;
	char dir[] = "/tmp/sp-bench-audit-XXXXXX", file[64];

	if (mkdtemp(dir) == NULL)
		die("no folder for the log");
	snprintf(file, sizeof(file), "%s/%s", dir, SP_LOG_FILE);
	write_log(dir, n, batch);
	verify_log(file);
	reopen(dir, n);
	reopen(dir, n);
	unlink(file);
	rmdir(dir);
	return 0;
}
