/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <unistd.h>

#include <fcntl.h>
#include "loop/loop.h"
#include "rng.h"

static struct sp_loop *new_loop(void)
{
	struct sp_loop *l;
	struct sp_err err;

	assert_int_equal(sp_loop_new(&l, &err), SP_OK);
	return l;
}

struct pipe_watch {
	struct sp_watch w;
	struct sp_loop *l;
	struct sp_watch *victim;
	unsigned runs;
};

static void on_ready(struct sp_watch *w, uint32_t events)
{
	struct pipe_watch *p = (struct pipe_watch *)w;
	uint8_t c;

	assert_true((events & EPOLLIN) != 0);
	assert_int_equal(read(w->fd, &c, 1), 1);
	p->runs++;
	if (p->victim != NULL)
		sp_watch_del(p->l, p->victim);
}

/* Two are ready in one turn; whichever runs first deletes the other. */
static void test_a_deleted_watch_does_not_run(void **state)
{
	struct sp_loop *l = new_loop();
	struct pipe_watch a = { .w.run = on_ready, .l = l };
	struct pipe_watch b = { .w.run = on_ready, .l = l };
	int p[2], q[2];

	(void)state;
	a.victim = &b.w;
	b.victim = &a.w;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(pipe2(q, O_CLOEXEC), 0);
	assert_int_equal(sp_watch_add(l, &a.w, p[0], EPOLLIN), SP_OK);
	assert_int_equal(sp_watch_add(l, &b.w, q[0], EPOLLIN), SP_OK);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(write(q[1], "x", 1), 1);
	assert_int_equal(sp_loop_turn(l, 0), SP_OK);
	assert_int_equal(a.runs + b.runs, 1);
	sp_watch_del(l, &a.w);
	sp_watch_del(l, &b.w);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
	sp_loop_free(l);
}

struct tick {
	struct sp_timer t;
	uint64_t *last;
	unsigned *count;
};

static void on_tick(struct sp_timer *t)
{
	struct tick *k = (struct tick *)t;

	assert_true(t->at_ms >= *k->last);
	*k->last = t->at_ms;
	(*k->count)++;
}

static void test_timers_fire_in_order(void **state)
{
	struct sp_loop *l = new_loop();
	struct rng r = { .state = 3 };
	static struct tick tick[300];
	uint64_t last = 0;
	unsigned count = 0, want = 0;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(tick); i++) {
		tick[i] = (struct tick){ .t.run = on_tick,
			                 .last = &last,
			                 .count = &count };
		sp_timer_set(l, &tick[i].t, rng_below(&r, 40));
	}
	for (size_t i = 0; i < SP_COUNT(tick); i++) {
		if (i % 3 == 0)
			sp_timer_del(l, &tick[i].t);
		else if (i % 3 == 1)
			sp_timer_set(l, &tick[i].t, rng_below(&r, 40));
		want += i % 3 != 0;
	}
	for (unsigned turn = 0; turn < 1000 && count < want; turn++)
		assert_int_equal(sp_loop_turn(l, 50), SP_OK);
	assert_int_equal(count, want);
	sp_loop_free(l);
}

struct count_job {
	struct sp_job j;
	struct sp_loop *l;
	unsigned runs, more;
};

static void on_job(struct sp_job *j)
{
	struct count_job *c = (struct count_job *)j;

	c->runs++;
	if (c->more-- > 0)
		sp_loop_again(c->l, j);
}

static void test_jobs_run_once_and_again_means_next_turn(void **state)
{
	struct sp_loop *l = new_loop();
	struct count_job c = { .j.run = on_job, .l = l, .more = 2 };

	(void)state;
	sp_loop_defer(l, &c.j);
	sp_loop_defer(l, &c.j);
	for (unsigned turn = 1; turn <= 3; turn++) {
		assert_int_equal(sp_loop_turn(l, 0), SP_OK);
		assert_int_equal(c.runs, turn);
	}
	c.more = 0;
	sp_loop_again(l, &c.j);
	sp_loop_undefer(l, &c.j);
	assert_int_equal(sp_loop_turn(l, 0), SP_OK);
	assert_int_equal(c.runs, 3);
	sp_loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_deleted_watch_does_not_run),
		cmocka_unit_test(test_timers_fire_in_order),
		cmocka_unit_test(test_jobs_run_once_and_again_means_next_turn),
	};

	return cmocka_run_group_tests_name("loop/loop", tests, NULL, NULL);
}
