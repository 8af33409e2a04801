/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/bench_h1.c - what one typical request head costs.
 *
 *	ninja -C b-dev src/http/bench_h1 && b-dev/src/http/bench_h1
 *
 * Prints nanoseconds for finding, parsing and writing; the smallest of some
 * rounds, since the machine is shared.
 */
#include "http/h1.h"

#define ROUNDS 20u
#define CALLS  50000u

static const char request[] =
	"GET /api/v3/repos/example/project/pulls?state=open&page=2 HTTP/1.1\r\n"
	"Host: api.example.com\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
	"Accept: application/vnd.example.v3+json, application/json;q=0.9\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789\r\n"
	"Cache-Control: no-cache\r\n"
	"Connection: keep-alive\r\n"
	"X-Request-Id: 5f1d2c3b-1111-2222-3333-444455556666\r\n"
	"\r\n";

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct work {
	struct sp_str in;
	struct sp_h1_head head;
	struct sp_buf out;
};

static void find_one(struct work *w)
{
	size_t scan = 0, skip, n;
	struct sp_h1_error why;

	sp_assert(sp_h1_find(w->in, &scan, &skip, &n, &why) == SP_DONE);
}

static void parse_one(struct work *w)
{
	struct sp_h1_error why;

	sp_assert(sp_h1_parse_request(w->in, &w->head, &why) == SP_OK);
}

static void write_one(struct work *w)
{
	sp_buf_reset(&w->out);
	sp_h1_write_request(&w->head, sp_str("api.example.com"), false,
	                    &w->out);
	sp_assert(sp_buf_ok(&w->out));
}

static void run(const char *name, struct work *w, void (*one)(struct work *))
{
	double best = 1e18;

	for (unsigned r = 0; r < ROUNDS; r++) {
		double start = now_ns(), took;

		for (unsigned i = 0; i < CALLS; i++)
			one(w);
		took = (now_ns() - start) / CALLS;
		best = took < best ? took : best;
	}
	printf("%-6s %6.0f ns\n", name, best);
}

int main(void)
{
	static struct work w;

	w.in = sp_str(request);
	sp_buf_init(&w.out, SP_KIB(64));
	printf("%zu bytes\n", w.in.n);
	run("find", &w, find_one);
	run("parse", &w, parse_one);
	run("write", &w, write_one);
	sp_buf_fini(&w.out);
	return 0;
}
