/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop/loop.h - one thread's event loop: readiness, deadlines, deferred work.
 *
 * Role        A turn: wait; mark what is ready; run each ready watch once;
 *             run deferred work; fire deadlines. The only place (with role/)
 *             that reads the clock; everybody else takes the time from
 *             sp_loop_now().
 * Ownership   Watches, timers and jobs are embedded in the objects they serve
 *             and borrowed by the loop between _add and _del. They may be
 *             deleted from within any callback, also their own.
 * Limits      SP_LOOP_EVENTS readiness notes a turn.
 * Contract    Nothing is freed while its own callback is on the stack: use
 *             sp_loop_defer() to destroy at the end of the turn.
 */
#ifndef SP_LOOP_LOOP_H
#define SP_LOOP_LOOP_H

#include <sys/epoll.h>

#include "core/err.h"

#define SP_LOOP_EVENTS 256

struct sp_loop;

/* Edge-triggered when flags hold EPOLLET. */
struct sp_watch {
	int fd; /* -1 while not added */
	uint32_t events;
	void (*run)(struct sp_watch *w, uint32_t events);
	uint32_t slot; /* private */
};

struct sp_timer {
	uint64_t at_ms;
	void (*run)(struct sp_timer *t);
	uint32_t index; /* private: place in the heap, 0 when not armed */
};

struct sp_job {
	void (*run)(struct sp_job *j);
	struct sp_job *next;
	bool queued;
};

SP_MUST enum sp_rc sp_loop_new(struct sp_loop **ret, struct sp_err *err);
void sp_loop_free(struct sp_loop *l);

/* w->run is set by the caller. SP_E_SYS when the kernel refuses. */
SP_MUST enum sp_rc sp_watch_add(struct sp_loop *l, struct sp_watch *w, int fd,
                                uint32_t events);
void sp_watch_mod(struct sp_loop *l, struct sp_watch *w, uint32_t events);
/* Does not close the descriptor; do that after. Twice is harmless. */
void sp_watch_del(struct sp_loop *l, struct sp_watch *w);

/* (Re)arms; t->run is set by the caller. */
void sp_timer_set(struct sp_loop *l, struct sp_timer *t, uint64_t after_ms);
void sp_timer_del(struct sp_loop *l, struct sp_timer *t);

/* Runs once after the ready watches of this turn. Queuing twice is once. */
void sp_loop_defer(struct sp_loop *l, struct sp_job *j);
/* Runs once, next turn (for continuing long work fairly). */
void sp_loop_again(struct sp_loop *l, struct sp_job *j);
void sp_loop_undefer(struct sp_loop *l, struct sp_job *j);

/* Monotonic milliseconds / microseconds as of the start of this turn. */
uint64_t sp_loop_now(const struct sp_loop *l);
uint64_t sp_loop_now_us(const struct sp_loop *l);
/* Wall clock, microseconds since the epoch, read now. */
uint64_t sp_loop_wall_us(void);
uint64_t sp_loop_mono_us(void);

/* Until sp_loop_stop(). */
SP_MUST enum sp_rc sp_loop_run(struct sp_loop *l, struct sp_err *err);
/* One turn that waits at most wait_ms. */
SP_MUST enum sp_rc sp_loop_turn(struct sp_loop *l, int wait_ms);
void sp_loop_stop(struct sp_loop *l);

#endif
