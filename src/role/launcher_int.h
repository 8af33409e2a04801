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

#define RELAY_MAX   16384u
#define GUARDED_MAX 32u /* rows of sp_guarded */

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

/* What a guarded name leads to. A file system gives the number of a removed
 * file to the next one made, so a number alone tells nothing. */
struct guarded {
	ino_t ino; /* 0: absent */
	mode_t type;
	struct timespec changed; /* of links, which nothing guards */
};

struct launcher {
	struct sp_plan plan;
	struct sp_view view;
	struct sp_buf net_unix; /* what the view points into */
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
	unsigned asked; /* policies that the keeper has not answered */
	struct guarded before[GUARDED_MAX]; /* at the start */
};

/* One line to the user: "sallyport: text", raw terminal or not. */
void sp_launcher_say(const struct launcher *l, const char *text);

/* The host's mounts and sockets, as far as the kernel tells;
 * v->sockets points into `sockets`. */
void host_read(struct sp_view *v, struct sp_buf *sockets);
/* What the guarded names lead to now. */
void guarded_look(const struct launcher *l, struct guarded ret[GUARDED_MAX]);
/* Names that appeared since guarded_look() filled l->before. */
void guarded_report(const struct launcher *l);
/* The command was not found inside: is it on this machine? */
void hint_not_found(const struct launcher *l);

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
