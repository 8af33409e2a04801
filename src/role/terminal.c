/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/terminal.c - between the user's terminal and the program's.
 *
 *   user's terminal --in--> to_program --> master
 *   user's terminal <--out-- to_user <---- master
 *
 * The program never holds a descriptor of the user's terminal. Ours are opened
 * anew, because O_NONBLOCK on the inherited ones would change the shell's. An
 * end that is full stops the other from being read: bytes wait, none is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/launcher_int.h"

#define OF(w, member)                                                          \
	((struct terminal *)(void *)((char *)(w)-offsetof(struct terminal,     \
	                                                  member)))

static bool is_empty(const struct relay *r)
{
	return r->head == r->tail;
}

/* False: the other side is gone. */
static bool fill(struct relay *r, int fd)
{
	ssize_t n;

	if (!is_empty(r))
		return true;
	n = read(fd, r->p, sizeof(r->p));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	r->head = 0;
	r->tail = (size_t)n;
	return n > 0;
}

static bool drain(struct relay *r, int fd)
{
	while (!is_empty(r)) {
		ssize_t n = write(fd, r->p + r->head, r->tail - r->head);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		r->head += (size_t)n;
	}
	return true;
}

/* Wait for what each side can do something about. */
static void update(struct terminal *t)
{
	uint32_t m = 0;

	if (is_empty(&t->to_user))
		m |= EPOLLIN;
	if (!is_empty(&t->to_program))
		m |= EPOLLOUT;
	if (t->w_master.fd >= 0)
		sp_watch_mod(t->loop, &t->w_master, m);
	if (t->w_in.fd >= 0)
		sp_watch_mod(t->loop, &t->w_in,
		             is_empty(&t->to_program) ? EPOLLIN : 0);
	if (t->w_out.fd >= 0)
		sp_watch_mod(t->loop, &t->w_out,
		             is_empty(&t->to_user) ? 0 : EPOLLOUT);
}

static void pump(struct terminal *t)
{
	bool ok = drain(&t->to_program, t->master);

	ok = ok && fill(&t->to_user, t->master);
	/* EIO: nobody has the program's side open any more. */
	if (!ok)
		sp_watch_del(t->loop, &t->w_master);
	if (t->out < 0 || !drain(&t->to_user, t->out))
		t->to_user.head = t->to_user.tail;
	update(t);
}

static void on_master(struct sp_watch *w, uint32_t events)
{
	(void)events;
	pump(OF(w, w_master));
}

/* A hang-up is told again and again, whatever is asked for: look no more. */
static bool hung_up(uint32_t events)
{
	return (events & (EPOLLHUP | EPOLLERR)) != 0;
}

static void on_in(struct sp_watch *w, uint32_t events)
{
	struct terminal *t = OF(w, w_in);

	if (!fill(&t->to_program, t->in) || hung_up(events))
		sp_watch_del(t->loop, w);
	pump(t);
}

static void on_out(struct sp_watch *w, uint32_t events)
{
	struct terminal *t = OF(w, w_out);

	if (hung_up(events))
		sp_watch_del(t->loop, w);
	pump(t);
}

void terminal_init(struct terminal *t, struct sp_loop *loop)
{
	*t = (struct terminal){
		.loop = loop,
		.master = -1,
		.in = -1,
		.out = -1,
		.w_master = { .fd = -1, .run = on_master },
		.w_in = { .fd = -1, .run = on_in },
		.w_out = { .fd = -1, .run = on_out },
	};
}

/* The terminal may be another user's (su): then a copy has to do, and a
 * stopped terminal stops us. */
static int open_again(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void terminal_resize(const struct terminal *t)
{
	int from = t->in >= 0 ? t->in : t->out;
	struct winsize size;

	if (t->master >= 0 && from >= 0 && ioctl(from, TIOCGWINSZ, &size) == 0)
		ioctl(t->master, TIOCSWINSZ, &size); /* best effort */
}

/* In the background, changing the terminal would stop us. */
static bool in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

void terminal_resume(struct terminal *t)
{
	struct termios raw;

	if (t->in < 0 || t->raw || !in_foreground(t->in) ||
	    tcgetattr(t->in, &t->saved) < 0)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	t->raw = tcsetattr(t->in, TCSADRAIN, &raw) == 0;
	terminal_resize(t);
}

void terminal_suspend(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->in, TCSADRAIN, &t->saved); /* best effort */
	t->raw = false;
}

/* The program starts with the settings that the user's terminal has. */
static void copy_settings(const struct terminal *t)
{
	struct termios now;
	int from = t->in >= 0 ? t->in : t->out;

	if (from >= 0 && tcgetattr(from, &now) == 0)
		tcsetattr(t->master, TCSANOW, &now); /* best effort */
}

enum sp_rc terminal_start(struct terminal *t, int master, unsigned tty)
{
	int flags = fcntl(master, F_GETFL);

	t->master = master;
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0)
		return SP_E_SYS;
	if ((tty & 1u << STDIN_FILENO) != 0)
		t->in = open_again(STDIN_FILENO, O_RDWR);
	if ((tty & 1u << STDOUT_FILENO) != 0)
		t->out = open_again(STDOUT_FILENO, O_WRONLY);
	else if ((tty & 1u << STDERR_FILENO) != 0)
		t->out = open_again(STDERR_FILENO, O_WRONLY);
	copy_settings(t);
	terminal_resize(t);
	terminal_resume(t);
	SP_TRY(sp_watch_add(t->loop, &t->w_master, master, EPOLLIN));
	if (t->in >= 0)
		SP_TRY(sp_watch_add(t->loop, &t->w_in, t->in, EPOLLIN));
	if (t->out >= 0)
		SP_TRY(sp_watch_add(t->loop, &t->w_out, t->out, 0));
	return SP_OK;
}

/* The user's side must not block us for ever: a stopped terminal loses what
 * the program wrote last. */
void terminal_end(struct terminal *t)
{
	bool more = t->master >= 0;

	while (more && t->out >= 0) {
		more = drain(&t->to_user, t->out) && is_empty(&t->to_user) &&
		       fill(&t->to_user, t->master) && !is_empty(&t->to_user);
	}
	terminal_suspend(t);
	sp_watch_del(t->loop, &t->w_master);
	sp_watch_del(t->loop, &t->w_in);
	sp_watch_del(t->loop, &t->w_out);
	sp_fd_close(&t->master);
	sp_fd_close(&t->in);
	sp_fd_close(&t->out);
}
