/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <errno.h>
#include <unistd.h>

#include "core/alloc.h"

#define TIMERS_MIN 64u

/*
 * Readiness notes carry the slot and its generation, not the watch: a watch
 * that was deleted by an earlier callback of the same turn is simply not
 * found any more.
 */
struct slot {
	struct sp_watch *w; /* NULL while free */
	uint32_t gen;
	uint32_t next_free;
};

struct queue {
	struct sp_job *first, **last;
};

struct sp_loop {
	int ep;
	bool stop;
	uint64_t now_us;
	struct slot *slots;
	uint32_t n_slots, free_slot; /* free_slot == n_slots: none */
	struct sp_timer **heap;      /* [1 .. n_timers], least first */
	uint32_t n_timers, cap_timers;
	struct queue deferred; /* this turn */
	struct queue again;    /* next turn */
};

uint64_t sp_loop_wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t sp_loop_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t sp_loop_now(const struct sp_loop *l)
{
	return l->now_us / 1000u;
}

uint64_t sp_loop_now_us(const struct sp_loop *l)
{
	return l->now_us;
}

/* ------------------------------------------------------------ job queues */

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void queue_add(struct queue *q, struct sp_job *j)
{
	if (j->queued)
		return;
	j->queued = true;
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
}

static bool queue_del(struct queue *q, struct sp_job *j)
{
	for (struct sp_job **at = &q->first; *at != NULL; at = &(*at)->next) {
		if (*at != j)
			continue;
		*at = j->next;
		if (q->last == &j->next)
			q->last = at;
		j->queued = false;
		return true;
	}
	return false;
}

/* Jobs may queue more jobs; those run in the same sweep. */
static void queue_run(struct queue *q)
{
	while (q->first != NULL) {
		struct sp_job *j = q->first;

		q->first = j->next;
		if (q->first == NULL)
			q->last = &q->first;
		j->queued = false;
		j->run(j);
	}
}

void sp_loop_defer(struct sp_loop *l, struct sp_job *j)
{
	queue_add(&l->deferred, j);
}

void sp_loop_again(struct sp_loop *l, struct sp_job *j)
{
	queue_add(&l->again, j);
}

void sp_loop_undefer(struct sp_loop *l, struct sp_job *j)
{
	if (j->queued && !queue_del(&l->deferred, j))
		queue_del(&l->again, j);
}

/* Move what waited for the next turn to the front of this one. */
static void queue_turn(struct sp_loop *l)
{
	while (l->again.first != NULL) {
		struct sp_job *j = l->again.first;

		l->again.first = j->next;
		j->queued = false;
		queue_add(&l->deferred, j);
	}
	queue_init(&l->again);
}

/* ---------------------------------------------------------------- watches */

static void grow_slots(struct sp_loop *l)
{
	uint32_t n = l->n_slots == 0 ? 64 : l->n_slots * 2;

	l->slots = sp_realloc(l->slots, n * sizeof(*l->slots));
	for (uint32_t i = l->n_slots; i < n; i++)
		l->slots[i] = (struct slot){ .gen = 1, .next_free = i + 1 };
	l->n_slots = n;
}

static struct epoll_event note(const struct sp_loop *l, uint32_t slot,
                               uint32_t events)
{
	return (struct epoll_event){
		.events = events,
		.data.u64 = (uint64_t)l->slots[slot].gen << 32 | slot,
	};
}

/* #syscalls epoll_ctl */
enum sp_rc sp_watch_add(struct sp_loop *l, struct sp_watch *w, int fd,
                        uint32_t events)
{
	struct epoll_event ev;
	uint32_t slot;

	sp_assert(w->run != NULL);
	if (l->free_slot == l->n_slots)
		grow_slots(l);
	slot = l->free_slot;
	ev = note(l, slot, events);
	if (epoll_ctl(l->ep, EPOLL_CTL_ADD, fd, &ev) < 0) {
		w->fd = -1;
		return SP_E_SYS;
	}
	l->free_slot = l->slots[slot].next_free;
	l->slots[slot].w = w;
	w->fd = fd;
	w->events = events;
	w->slot = slot;
	return SP_OK;
}

void sp_watch_mod(struct sp_loop *l, struct sp_watch *w, uint32_t events)
{
	struct epoll_event ev = note(l, w->slot, events);

	if (w->fd < 0 || w->events == events)
		return;
	w->events = events;
	sp_assert(epoll_ctl(l->ep, EPOLL_CTL_MOD, w->fd, &ev) == 0);
}

void sp_watch_del(struct sp_loop *l, struct sp_watch *w)
{
	struct slot *s;

	if (w->fd < 0)
		return;
	s = &l->slots[w->slot];
	sp_assert(s->w == w);
	/* Best effort: a closed descriptor has left the set by itself. */
	(void)epoll_ctl(l->ep, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
	s->w = NULL;
	s->gen = s->gen == UINT32_MAX ? 1 : s->gen + 1;
	s->next_free = l->free_slot;
	l->free_slot = w->slot;
}

static void run_note(struct sp_loop *l, const struct epoll_event *ev)
{
	uint32_t slot = (uint32_t)ev->data.u64;
	const struct slot *s = &l->slots[slot];

	if (s->w != NULL && s->gen == (uint32_t)(ev->data.u64 >> 32))
		s->w->run(s->w, ev->events);
}

/* ----------------------------------------------------------------- timers */

static void place(struct sp_loop *l, struct sp_timer *t, uint32_t i)
{
	l->heap[i] = t;
	t->index = i;
}

static void sift_up(struct sp_loop *l, struct sp_timer *t, uint32_t i)
{
	for (; i > 1 && l->heap[i / 2]->at_ms > t->at_ms; i /= 2)
		place(l, l->heap[i / 2], i);
	place(l, t, i);
}

static void sift_down(struct sp_loop *l, struct sp_timer *t, uint32_t i)
{
	for (;;) {
		uint32_t c = i * 2;

		if (c > l->n_timers)
			break;
		if (c < l->n_timers &&
		    l->heap[c + 1]->at_ms < l->heap[c]->at_ms)
			c++;
		if (l->heap[c]->at_ms >= t->at_ms)
			break;
		place(l, l->heap[c], i);
		i = c;
	}
	place(l, t, i);
}

void sp_timer_del(struct sp_loop *l, struct sp_timer *t)
{
	struct sp_timer *last;
	uint32_t i = t->index;

	if (i == 0)
		return;
	sp_assert(l->heap[i] == t);
	t->index = 0;
	last = l->heap[l->n_timers--];
	if (last == t)
		return;
	if (i > 1 && l->heap[i / 2]->at_ms > last->at_ms)
		sift_up(l, last, i);
	else
		sift_down(l, last, i);
}

void sp_timer_set(struct sp_loop *l, struct sp_timer *t, uint64_t after_ms)
{
	sp_assert(t->run != NULL);
	sp_timer_del(l, t);
	t->at_ms = sp_loop_now(l) + after_ms;
	if (l->n_timers + 2 > l->cap_timers) {
		l->cap_timers =
			l->cap_timers == 0 ? TIMERS_MIN : l->cap_timers * 2;
		l->heap = sp_realloc(l->heap,
		                     l->cap_timers * sizeof(struct sp_timer *));
	}
	sift_up(l, t, ++l->n_timers);
}

static void run_timers(struct sp_loop *l)
{
	while (l->n_timers > 0 && l->heap[1]->at_ms <= sp_loop_now(l)) {
		struct sp_timer *t = l->heap[1];

		sp_timer_del(l, t);
		t->run(t);
	}
}

/* At most wait_ms (-1: for ever), at least until the next deadline. */
static int wait_time(const struct sp_loop *l, int wait_ms)
{
	uint64_t left;

	if (l->again.first != NULL || l->deferred.first != NULL)
		return 0;
	if (l->n_timers == 0)
		return wait_ms;
	left = sp_loop_mono_us() / 1000u;
	left = l->heap[1]->at_ms > left ? l->heap[1]->at_ms - left : 0;
	if (wait_ms >= 0 && left > (uint64_t)wait_ms)
		return wait_ms;
	return left > 60000u ? 60000 : (int)left;
}

/* -------------------------------------------------------------- the loop */

enum sp_rc sp_loop_new(struct sp_loop **ret, struct sp_err *err)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct sp_loop *l;

	if (ep < 0)
		return sp_err_sys(err, "epoll_create1");
	l = SP_NEW(struct sp_loop);
	l->ep = ep;
	l->now_us = sp_loop_mono_us();
	queue_init(&l->deferred);
	queue_init(&l->again);
	*ret = l;
	return SP_OK;
}

void sp_loop_free(struct sp_loop *l)
{
	if (l == NULL)
		return;
	close(l->ep);
	sp_free(l->slots);
	sp_free(l->heap);
	sp_free(l);
}

/* #syscalls epoll_wait clock_gettime */
enum sp_rc sp_loop_turn(struct sp_loop *l, int wait_ms)
{
	struct epoll_event ev[SP_LOOP_EVENTS];
	int n = epoll_wait(l->ep, ev, SP_LOOP_EVENTS, wait_time(l, wait_ms));

	if (n < 0 && errno != EINTR)
		return SP_E_SYS;
	l->now_us = sp_loop_mono_us();
	queue_turn(l);
	for (int i = 0; i < n; i++)
		run_note(l, &ev[i]);
	queue_run(&l->deferred);
	run_timers(l);
	queue_run(&l->deferred);
	return SP_OK;
}

enum sp_rc sp_loop_run(struct sp_loop *l, struct sp_err *err)
{
	l->stop = false;
	while (!l->stop)
		if (sp_loop_turn(l, -1) < 0)
			return sp_err_sys(err, "epoll_wait");
	return SP_OK;
}

void sp_loop_stop(struct sp_loop *l)
{
	l->stop = true;
}
