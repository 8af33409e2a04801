/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer that is killed at any moment, and a disk that is full at any byte:
 * no acknowledged record is lost, each open has exactly one close, and the
 * log can be appended to afterwards.
 */
#include "test.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "a_log.h"
#include "rng.h"

#define ROUNDS 200u
#define FRESH  10u /* rounds on one log */

/* What the writer was told is safe; survives it. */
struct acked {
	volatile uint64_t opens, closes;
};

static struct acked *shared(void)
{
	void *p = mmap(NULL, sizeof(struct acked), PROT_READ | PROT_WRITE,
	               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

/* One turn of a keeper: some opens, the closes of earlier ones, a commit. */
static enum sp_rc turn(struct sp_log *l, struct sp_log_sb *sb, struct rng *r,
                       struct acked *a, uint64_t next[2])
{
	uint64_t n = 1 + rng_below(r, 8);

	for (uint64_t i = 0; i < n; i++) {
		struct sp_rec_open o = a_request(next[0]);

		SP_TRY(sp_log_tx_open(l, sb, at(next[0]), &o));
		next[0]++;
	}
	while (next[0] - next[1] > 5) {
		struct sp_rec_close c = its_end(next[1]);

		SP_TRY(sp_log_tx_close(l, sb, at(next[0]), &c));
		next[1]++;
	}
	SP_TRY(sp_log_commit(l));
	a->opens = next[0];
	a->closes = next[1];
	return SP_OK;
}

static enum sp_rc write_until_it_fails(const struct bench *b, unsigned round,
                                       struct acked *a)
{
	struct sp_log_sb sb = { .instance = 1 };
	struct rng r = { round + 1 };
	uint64_t next[2] = { 0 };
	struct sp_log *l;
	struct sp_err err;

	snprintf(sb.id, sizeof(sb.id), "r%u", round);
	SP_TRY(sp_log_open(b->dir, BOOT, at(0), &l, &err));
	while (turn(l, &sb, &r, a, next) == SP_OK)
		;
	/* Broken for good: nothing is taken any more. */
	if (sp_log_commit(l) != SP_E_SYS ||
	    turn(l, &sb, &r, a, next) != SP_E_SYS)
		return SP_E_STATE;
	sp_log_close(l, at(1));
	return SP_E_SYS;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static char text[32 << 20];

/* The next keeper finds a log that is whole and can go on. */
static void check_log(const struct bench *b)
{
	struct sp_verify_sum s;

	sp_log_close(open_log(b, 2), at(3));
	assert_int_equal(verify(b, &s), SP_OK);
	assert_true(s.closed);
	assert_int_equal(s.transactions, s.by_type[SP_REC_TX_CLOSE]);
	slurp(b->file, text, sizeof(text));
}

/* Opened once and closed once, down to the last that was acknowledged. */
static void check_promise(unsigned round, uint64_t opens)
{
	char id[64];

	snprintf(id, sizeof(id), "\"id\":\"r%u.1.", round);
	assert_true(count(text, id) >= 2 * opens);
	if (opens == 0)
		return;
	snprintf(id, sizeof(id), "\"id\":\"r%u.1.%llu\"", round,
	         (unsigned long long)opens - 1);
	assert_int_equal(count(text, id), 2);
}

/* With patience, not before something was acknowledged. */
static void kill_at_some_point(pid_t pid, struct rng *r, const struct acked *a,
                               bool patience)
{
	uint32_t spins = rng_below(r, 300000);
	int status;

	while (patience && a->opens == 0)
		(void)sched_yield(); /* cannot fail on Linux */
	for (volatile uint32_t i = 0; i < spins; i++)
		;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/*
 * Every other round the next writer has to recover the log first, and may be
 * killed at that.
 */
static void test_killed_at_any_moment(void **state)
{
	struct rng r = { 4711 };
	struct acked *a = shared();
	struct bench *b = *state;
	uint64_t before = 0, total = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		bool check = round % 2 > 0;
		pid_t pid;

		if (round % FRESH == 0)
			unlink(b->file);
		*a = (struct acked){ 0 };
		pid = fork();
		if (pid == 0) {
			(void)write_until_it_fails(b, round, a);
			_exit(1);
		}
		kill_at_some_point(pid, &r, a, !check || round % 4 > 1);
		total += a->opens;
		if (check) {
			check_log(b);
			check_promise(round - 1, before);
			check_promise(round, a->opens);
		}
		before = a->opens;
	}
	assert_true(total > ROUNDS); /* else nothing was tested */
	munmap(a, sizeof(*a));
}

/* The file may grow by so many bytes more: the last write is a short one. */
static void test_full_at_any_byte(void **state)
{
	struct acked *a = shared();
	struct bench *b = *state;
	struct stat st;

	for (unsigned room = 300; room < 3300; room += 37) {
		pid_t pid;
		int status;

		if (room % FRESH == 0)
			unlink(b->file);
		*a = (struct acked){ 0 };
		if (stat(b->file, &st) < 0)
			st.st_size = 0;
		pid = fork();
		if (pid == 0) {
			struct rlimit max = { (rlim_t)st.st_size + room,
				              RLIM_INFINITY };

			signal(SIGXFSZ, SIG_IGN);
			setrlimit(RLIMIT_FSIZE, &max);
			_exit(write_until_it_fails(b, room, a) == SP_E_SYS ? 0
			                                                   : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		check_log(b);
		check_promise(room, a->opens);
	}
	munmap(a, sizeof(*a));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_killed_at_any_moment),
		T(test_full_at_any_byte),
	};

	return cmocka_run_group_tests_name("audit/log faults", tests, NULL,
	                                   NULL);
}
