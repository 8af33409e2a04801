/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/init.h - PID 1 of a sandbox, and what it says to the launcher.
 *
 * Role        Makes the network and the view from inside, gives up all power,
 *             starts the program, reaps, forwards signals, and ends with the
 *             program's status. It is a clone of the launcher, which read no
 *             secret: its memory holds the plan and nothing else.
 *
 * Messages on their socketpair (types of ipc/ops.h, meaning as here):
 *
 *   launcher -> init
 *     READY      empty. As root only: the ids are mapped.
 *     CONFIG     str id, str host name, u16 n and n u16 ports. fd: pack.
 *   init -> launcher
 *     LISTENERS  u8 capture. fds: sock_diag, UDP, TCP...
 *     READY      empty. The program runs.
 *     RUN_OK     empty. fd: master of the program's terminal. Before READY.
 *     STOP       empty. The program was stopped (job control).
 *     FAIL       str text: why there is no program. Then it exits.
 */
#ifndef SP_ROLE_INIT_H
#define SP_ROLE_INIT_H

#include "sandbox/view.h"

/* Exit codes when there is no program to ask for one. */
#define SP_EXIT_SETUP     2
#define SP_EXIT_NOT_EXEC  126
#define SP_EXIT_NOT_FOUND 127

/* What init inherits from the launcher. */
struct sp_init {
	const struct sp_plan *plan;
	struct sp_view *view;
	int sock;
};

/* Never returns. */
_Noreturn void sp_init_run(struct sp_init *in);

/* Signals that launcher and init pass on. Blocked in both. */
void sp_signals_passed(sigset_t *ret);

/* Becomes the program: limits, Landlock, seccomp, exec. Returns its exit
 * code after a failure that was written to report (u8 code, text). */
_Noreturn void sp_program_run(const struct sp_plan *plan, const char *id,
                              int report);

#endif
