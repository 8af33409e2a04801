/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SP_ROLE_LAUNCHER_INT_H
#define SP_ROLE_LAUNCHER_INT_H

#include <sys/stat.h>
#include <termios.h>

#include "ipc/chan.h"
#include "ipc/ops.h"
#include "loop/loop.h"
#include "sandbox/net.h"
#include "sandbox/view.h"

#define RELAY_MAX 16384u

/* Bytes on their way from one descriptor to another. */
struct relay {
	uint8_t p[RELAY_MAX];
	size_t head, tail;
};

/* The user's terminal and the program's. */
struct terminal {
	struct sp_loop *loop;
	int master;  /* the program's; -1: none */
	int in, out; /* the user's, our own descriptions of it; -1 */
	struct sp_watch w_master, w_in, w_out;
	struct relay to_program, to_user;
	struct termios saved;
	bool raw;
};

/* A file that is read again when it changes. */
struct policy_watch {
	const struct sp_plan *plan;
	struct sp_watch w;
	const char *name;  /* last component */
	struct stat first; /* as it was at the start */
	bool inside;       /* the program might write there */
};

struct launcher {
	struct sp_plan plan;
	struct sp_view view;
	struct sp_loop *loop;
	struct sp_watch keeper, init, signals, end;
	struct sp_peer keeper_peer, init_peer;
	pid_t pid; /* of init */
	int pidfd;
	struct sp_listeners listeners; /* until the keeper has them */
	bool told, has_listeners;      /* RUN_OK came; LISTENERS came */
	bool handed;                   /* the keeper has them */
	bool running;                  /* the program was started */
	bool refused;                  /* FAIL was printed */
	struct terminal term;
	struct policy_watch policy;
	unsigned asked;  /* policies that the keeper has not answered */
	uint32_t before; /* guarded names that existed, bit per row */
};

/* One line to the user: "sallyport: text", raw terminal or not. */
void sp_launcher_say(const struct launcher *l, const char *text);

void terminal_init(struct terminal *t, struct sp_loop *loop);
/* tty: bit n: descriptor n is a terminal. */
SP_MUST enum sp_rc terminal_start(struct terminal *t, int master, unsigned tty);
void terminal_resize(const struct terminal *t);
/* The user's settings back, and raw again. */
void terminal_suspend(struct terminal *t);
void terminal_resume(struct terminal *t);
/* What the program wrote last, then the user's settings. */
void terminal_end(struct terminal *t);

/* Does nothing when there is no file. */
SP_MUST enum sp_rc policy_watch_start(struct policy_watch *p,
                                      struct sp_loop *loop,
                                      const struct sp_plan *plan);
void policy_watch_stop(struct policy_watch *p, struct sp_loop *loop);
/* SP_OK: *ret_fd is a policy source; SP_DONE: nothing new. */
SP_MUST enum sp_rc policy_watch_read(struct policy_watch *p, int *ret_fd,
                                     struct sp_err *err);

#endif
