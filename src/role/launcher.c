/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/launcher.c - `sallyport run` after it has executed itself.
 *
 * Role        Clones init, carries init's listeners to the keeper, passes on
 *             signals and terminal, waits, returns the program's status. The
 *             keeper makes the certificate while init makes the namespaces.
 * Contract    Channel to the keeper on descriptor 3 (HELLO and RUN are sent),
 *             the plan on 4, the user's stdio on 0 to 2, no environment.
 * Failure     Before the program runs: one line on stderr, exit code 2 (126,
 *             127: the program cannot be executed or found). A keeper that
 *             goes away takes the network with it, not the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "ipc/wire.h"
#include "role/init.h"
#include "role/launcher_int.h"
#include "role/role.h"
#include "sandbox/mnt.h"
#include "sandbox/ns.h"
#include "sandbox/pack.h"
#include "sandbox/sealed.h"
#include "trust/trust.h"

#define PLAN_FD    (SP_ROLE_CHANNEL + 1)
#define TEXT_MAX   1024u
#define PROC_PIECE 65536u
#define ID_MAX     64u
#define PEM_MAX    8192u

void sp_launcher_say(const struct launcher *l, const char *text)
{
	dprintf(STDERR_FILENO, "sallyport: %s%s", text,
	        l->term.raw ? "\r\n" : "\n");
}

/* ---- messages of the keeper ------------------------------------------------
 */

static enum sp_rc send_listeners(struct launcher *l)
{
	struct sp_listeners *ls = &l->listeners;
	int fd[SP_LISTENERS_MAX + 1];
	uint8_t buf[8];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	enum sp_rc rc;

	if (!l->told || !l->has_listeners)
		return SP_OK;
	fd[0] = l->pidfd;
	memcpy(fd + 1, ls->fd, ls->n * sizeof(*fd));
	sp_put_u8(&w, (uint8_t)ls->how);
	sp_put_u32(&w, (uint32_t)l->pid);
	rc = sp_chan_send(SP_ROLE_CHANNEL, SP_IPC_LISTENERS,
	                  (struct sp_str){ buf, w.n }, fd,
	                  (uint8_t)(ls->n + 1));
	sp_listeners_close(ls);
	l->has_listeners = false;
	l->handed = rc == SP_OK;
	return rc;
}

struct run_ok {
	struct sp_str id, name, pem;
	uint32_t ca_hash;
	uint16_t port[SP_PORTS_MAX];
	size_t n;
};

/* Ports beyond what a port list can have are read and left out. */
static enum sp_rc read_run_ok(struct sp_str in, struct run_ok *ret)
{
	uint16_t n, port;

	ret->n = 0;
	SP_TRY(sp_get_str(&in, ID_MAX, &ret->id));
	SP_TRY(sp_get_str(&in, ID_MAX, &ret->name));
	SP_TRY(sp_get_str(&in, PEM_MAX, &ret->pem));
	SP_TRY(sp_get_u32(&in, &ret->ca_hash));
	SP_TRY(sp_get_u16(&in, &n));
	for (uint16_t i = 0; i < n; i++) {
		SP_TRY(sp_get_u16(&in, &port));
		if (ret->n < SP_PORTS_MAX)
			ret->port[ret->n++] = port;
	}
	return sp_get_end(&in);
}

static enum sp_rc make_pack(const struct launcher *l, const struct run_ok *ok,
                            const char *hostname, int *ret, struct sp_err *err)
{
	const struct sp_trust_in in = {
		.ca_pem = ok->pem,
		.ca_hash = ok->ca_hash,
		.bundles = &l->plan.bundles,
		.visible = &l->plan.ro,
		.now_ms = sp_loop_wall_us() / 1000,
	};
	struct sp_buf pack;
	enum sp_rc rc;

	sp_buf_init(&pack, SP_PACK_MAX);
	rc = sp_trust_pack(&in, &pack, err);
	if (rc == SP_OK)
		rc = sp_trust_etc(&l->plan, hostname, &pack, err);
	if (rc == SP_OK)
		rc = sp_sealed_make("sallyport-pack", sp_buf_str(&pack), ret,
		                    err);
	sp_buf_fini(&pack);
	return rc;
}

static enum sp_rc configure_init(const struct launcher *l,
                                 const struct run_ok *ok, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int pack = -1;
	uint8_t buf[512];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	char hostname[ID_MAX + 1];

	snprintf(hostname, sizeof(hostname), "%.*s", (int)ok->name.n,
	         (const char *)ok->name.p);
	SP_TRY(make_pack(l, ok, hostname, &pack, err));
	sp_put_str(&w, ok->id);
	sp_put_str(&w, sp_str(hostname));
	sp_put_u16(&w, (uint16_t)ok->n);
	for (size_t i = 0; i < ok->n; i++)
		sp_put_u16(&w, ok->port[i]);
	sp_assert(!w.bad);
	/* If init is gone, its end tells why. */
	(void)!sp_chan_send(l->init.fd, SP_IPC_CONFIG,
	                    (struct sp_str){ buf, w.n }, &pack, 1);
	/* From here on we only wait: what the bundles took goes back. */
	(void)malloc_trim(0);
	return SP_OK;
}

static enum sp_rc on_run_ok(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;
	struct run_ok ok;
	struct sp_err err;

	SP_TRY(read_run_ok((struct sp_str){ m->body, m->n }, &ok));
	l->told = true;
	SP_TRY(send_listeners(l));
	if (configure_init(l, &ok, &err) < 0) {
		sp_launcher_say(l, err.text);
		l->refused = true;
		kill(l->pid, SIGKILL);
	}
	return SP_OK;
}

/* Text of another process goes to a terminal: no control bytes. */
static enum sp_rc say_text(const struct launcher *l, const struct sp_packet *m,
                           const char *prefix)
{
	struct sp_str in = { m->body, m->n }, s;
	char text[TEXT_MAX];
	size_t n;

	SP_TRY(sp_get_str(&in, SP_IPC_BODY_MAX, &s));
	SP_TRY(sp_get_end(&in));
	n = (size_t)snprintf(text, sizeof(text), "%s", prefix);
	for (size_t i = 0; i < s.n && n < sizeof(text) - 1; i++)
		text[n++] =
			(char)(s.p[i] < ' ' || s.p[i] == 0x7f ? ' ' : s.p[i]);
	text[n] = '\0';
	sp_launcher_say(l, text);
	return SP_OK;
}

/* The answer to a policy of ours is for reading; any other one is the end. */
static enum sp_rc on_keeper_fail(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	if (l->asked > 0) {
		l->asked--;
		return say_text(l, m, "the old policy stays: ");
	}
	SP_TRY(say_text(l, m, ""));
	l->refused = true;
	kill(l->pid, SIGKILL);
	return SP_OK;
}

static enum sp_rc on_policy_ok(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;
	struct sp_str in = { m->body, m->n }, hash;
	char text[TEXT_MAX];
	uint32_t epoch;

	SP_TRY(sp_get_u32(&in, &epoch));
	SP_TRY(sp_get_str(&in, 128, &hash));
	SP_TRY(sp_get_end(&in));
	if (l->asked > 0)
		l->asked--; /* else the operator gave it to the keeper */
	snprintf(text, sizeof(text), "new policy in force (number %u)",
	         (unsigned)epoch);
	if (l->plan.quiet == 0)
		sp_launcher_say(l, text);
	return SP_OK;
}

static enum sp_rc on_notice(struct sp_peer *p, struct sp_packet *m)
{
	return say_text(p->owner, m, "");
}

static enum sp_rc on_kill(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	(void)m;
	sp_launcher_say(l, "ended on the operator's order");
	l->refused = !l->running;
	kill(l->pid, SIGKILL);
	return SP_OK;
}

/* ---- messages of init -------------------------------------------------------
 */

static enum sp_rc on_listeners(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	if (m->n != 1 || m->body[0] > SP_CAPTURE_PORTS ||
	    m->n_fds > SP_LISTENERS_MAX)
		return SP_E_PROTO;
	l->listeners.how = (enum sp_capture)m->body[0];
	l->listeners.n = m->n_fds;
	for (uint8_t i = 0; i < m->n_fds; i++)
		l->listeners.fd[i] = sp_fd_steal(&m->fd[i]);
	l->has_listeners = true;
	return send_listeners(l);
}

static enum sp_rc on_started(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	(void)m;
	l->running = true;
	return SP_OK;
}

static enum sp_rc on_terminal(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	return terminal_start(&l->term, sp_fd_steal(&m->fd[0]),
	                      (unsigned)l->plan.tty);
}

/* Ctrl-Z inside: we stop as well, and the user's shell is back. */
static enum sp_rc on_stopped(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	(void)m;
	terminal_suspend(&l->term);
	kill(getpid(), SIGSTOP);
	return SP_OK; /* SIGCONT arrives as a signal: see on_signal() */
}

static enum sp_rc on_init_fail(struct sp_peer *p, struct sp_packet *m)
{
	struct launcher *l = p->owner;

	l->refused = true;
	return say_text(l, m, "");
}

/* clang-format off */
static const struct sp_op keeper_ops[SP_IPC_TYPES] = {
	[SP_IPC_RUN_OK] = { .from = SP_R_KEEPER, .max = SP_IPC_BODY_MAX,
	                    .once = true, .run = on_run_ok },
	[SP_IPC_FAIL] = { .from = SP_R_KEEPER, .max = SP_IPC_BODY_MAX,
	                  .run = on_keeper_fail },
	[SP_IPC_POLICY_OK] = { .from = SP_R_KEEPER, .max = 256,
	                       .run = on_policy_ok },
	[SP_IPC_NOTICE] = { .from = SP_R_KEEPER, .max = SP_IPC_BODY_MAX,
	                    .run = on_notice },
	[SP_IPC_KILL] = { .from = SP_R_KEEPER, .max = 0, .run = on_kill },
};

static const struct sp_op init_ops[SP_IPC_TYPES] = {
	[SP_IPC_READY] = { .from = SP_R_INIT, .once = true,
	                   .run = on_started },
	[SP_IPC_RUN_OK] = { .from = SP_R_INIT, .fds = 1, .once = true,
	                    .run = on_terminal },
	[SP_IPC_STOP] = { .from = SP_R_INIT, .run = on_stopped },
	[SP_IPC_FAIL] = { .from = SP_R_INIT, .max = SP_ERR_MAX + 2,
	                  .once = true, .run = on_init_fail },
};
/* clang-format on */

/* ---- events ---------------------------------------------------------- */

#define OWNER(w, member)                                                       \
	((struct launcher *)(void *)((char *)(w)-offsetof(struct launcher,     \
	                                                  member)))

/* The number of listeners differs: they are taken before the table. */
static enum sp_rc init_dispatch(struct launcher *l, struct sp_packet *m)
{
	if (m->type == SP_IPC_LISTENERS)
		return on_listeners(&l->init_peer, m);
	return sp_ops_dispatch(init_ops, &l->init_peer, m);
}

static void on_init(struct sp_watch *w, uint32_t events)
{
	struct launcher *l = OWNER(w, init);
	struct sp_packet m;
	enum sp_rc rc = sp_chan_recv(w->fd, &m);

	(void)events;
	if (rc == SP_OK) {
		rc = init_dispatch(l, &m);
		sp_packet_fini(&m);
	}
	if (rc == SP_OK)
		return;
	sp_watch_del(l->loop, w);
	/* SP_E_SYS: it died with our words unread. */
	if (rc < 0 && rc != SP_E_SYS) {
		sp_launcher_say(l, "init does not follow the protocol");
		kill(l->pid, SIGKILL);
	}
}

/* What init has said already, before something is decided about it. */
static void hear_init(struct launcher *l)
{
	struct pollfd p = { .events = POLLIN };

	while (l->init.fd >= 0) {
		p.fd = l->init.fd;
		if (poll(&p, 1, 0) <= 0)
			return;
		on_init(&l->init, EPOLLIN);
	}
}

/* The channel stays open, and dead: its number must not become another file. */
static void keeper_gone(struct launcher *l)
{
	struct pollfd init = { .fd = l->pidfd, .events = POLLIN };

	sp_watch_del(l->loop, &l->keeper);
	/* It does not wait for a launcher that is slow to tell the status. */
	if (poll(&init, 1, 0) > 0)
		return;
	if (l->handed) {
		sp_launcher_say(l, "the keeper is gone: the sandbox has no "
		                   "network any more");
		return;
	}
	sp_launcher_say(l, "the keeper is gone: the start was given up");
	l->refused = true;
	kill(l->pid, SIGKILL);
}

static void on_keeper(struct sp_watch *w, uint32_t events)
{
	struct launcher *l = OWNER(w, keeper);
	struct sp_packet m;
	enum sp_rc rc = sp_chan_recv(SP_ROLE_CHANNEL, &m);

	(void)events;
	if (rc == SP_OK) {
		rc = sp_ops_dispatch(keeper_ops, &l->keeper_peer, &m);
		sp_packet_fini(&m);
	}
	if (rc != SP_OK)
		keeper_gone(l);
}

/* #syscalls pidfd_send_signal */
static void on_signal(struct sp_watch *w, uint32_t events)
{
	struct launcher *l = OWNER(w, signals);
	struct signalfd_siginfo si;

	(void)events;
	if (read(w->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGCONT)
		terminal_resume(&l->term);
	if (si.ssi_signo == SIGWINCH)
		terminal_resize(&l->term);
	/* The program's terminal tells it about its size. */
	if (si.ssi_signo == SIGWINCH && l->term.master >= 0)
		return;
	/* Init keeps it until there is a program; while the keeper thinks,
	 * nothing is worth waiting for. */
	syscall(SYS_pidfd_send_signal, l->pidfd,
	        l->told ? (int)si.ssi_signo : SIGKILL, NULL, 0);
}

static void on_end(struct sp_watch *w, uint32_t events)
{
	struct launcher *l = OWNER(w, end);

	(void)events;
	sp_loop_stop(l->loop);
}

static void on_policy_file(struct sp_watch *w, uint32_t events)
{
	struct launcher *l = OWNER(w, policy.w);
	SP_CLEANUP(sp_fd_close) int fd = -1;
	struct sp_err err;
	enum sp_rc rc = policy_watch_read(&l->policy, &fd, &err);
	static const uint8_t no_name[2] = { 0, 0 };

	(void)events;
	if (rc < 0)
		sp_launcher_say(l, err.text);
	if (rc != SP_OK)
		return;
	if (sp_chan_send(SP_ROLE_CHANNEL, SP_IPC_POLICY,
	                 (struct sp_str){ no_name, sizeof(no_name) }, &fd,
	                 1) < 0)
		sp_launcher_say(l, "the keeper does not take the new policy");
	else
		l->asked++;
}

/* ---- start ----------------------------------------------------------- */

static enum sp_rc load_plan(struct launcher *l, struct sp_err *err)
{
	struct sp_str bytes;

	SP_TRY(sp_sealed_map(PLAN_FD, SP_PLAN_MAX, &bytes, err));
	close(PLAN_FD);
	if (sp_plan_decode(bytes, &l->plan) < 0 || l->plan.argv.n == 0) {
		sp_err_set(err, "the plan is malformed");
		return SP_E_PROTO;
	}
	if (l->plan.uid == 0) {
		sp_err_set(err, "a sandbox never runs as kernel uid 0");
		return SP_E_STATE;
	}
	return SP_OK;
}

/* Root: groups of ours are not for init, and others' files get mapped. */
static enum sp_rc prepare(struct launcher *l, struct sp_err *err)
{
	SP_TRY(sp_view_init(&l->view, &l->plan, err));
	host_read(&l->view, &l->net_unix);
	guarded_look(l, l->before);
	if (l->plan.root == 0)
		return SP_OK;
	if (setgroups(0, NULL) < 0)
		return sp_err_sys(err, "setgroups");
	return sp_view_idmap(&l->view, err);
}

static _Noreturn void become_init(struct launcher *l, int sock)
{
	struct sp_init in = { &l->plan, &l->view, sock };

	close(SP_ROLE_CHANNEL);
	sp_init_run(&in);
}

static enum sp_rc map_init(struct launcher *l, int sock, struct sp_err *err)
{
	const struct sp_ids root = { 0, 0 };
	const struct sp_ids ids = { (uint32_t)l->plan.uid,
		                    (uint32_t)l->plan.gid };

	if (l->plan.root == 0)
		return SP_OK;
	SP_TRY(sp_ns_map(l->pid, root, ids, err));
	if (sp_chan_send(sock, SP_IPC_READY, (struct sp_str){ 0 }, NULL, 0) < 0)
		return sp_err_sys(err, "init");
	return SP_OK;
}

static enum sp_rc start_init(struct launcher *l, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int ours = -1, theirs = -1;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return sp_err_sys(err, "socketpair");
	ours = sv[0];
	theirs = sv[1];
	l->pid = sp_ns_clone(&l->pidfd);
	if (l->pid < 0) {
		sp_err_sys(err, "make namespaces");
		sp_err_wrap(err, "no tier A on this host; sallyport doctor "
		                 "says more");
		return SP_E_SYS;
	}
	if (l->pid == 0) {
		close(ours);
		become_init(l, theirs);
	}
	SP_TRY(map_init(l, ours, err));
	l->init.run = on_init;
	return sp_watch_add(l->loop, &l->init, sp_fd_steal(&ours), EPOLLIN);
}

static enum sp_rc watch_all(struct launcher *l, struct sp_err *err)
{
	sigset_t set;
	int sfd;

	sp_signals_passed(&set);
	sfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sfd < 0)
		return sp_err_sys(err, "signalfd");
	l->signals.run = on_signal;
	l->end.run = on_end;
	l->keeper.run = on_keeper;
	l->policy.w.run = on_policy_file;
	if (sp_watch_add(l->loop, &l->signals, sfd, EPOLLIN) < 0 ||
	    sp_watch_add(l->loop, &l->end, l->pidfd, EPOLLIN) < 0 ||
	    sp_watch_add(l->loop, &l->keeper, SP_ROLE_CHANNEL, EPOLLIN) < 0 ||
	    policy_watch_start(&l->policy, l->loop, &l->plan) < 0)
		return sp_err_sys(err, "watch");
	return SP_OK;
}

static enum sp_rc stages(struct launcher *l, struct sp_err *err)
{
	sigset_t set;

	SP_TRY(load_plan(l, err));
	SP_TRY(prepare(l, err));
	sp_signals_passed(&set);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return sp_err_sys(err, "signals");
	SP_TRY(sp_loop_new(&l->loop, err));
	terminal_init(&l->term, l->loop);
	SP_TRY(start_init(l, err));
	SP_TRY(watch_all(l, err));
	return sp_loop_run(l->loop, err);
}

/* ---- end ------------------------------------------------------------- */

static int reap_init(const struct launcher *l)
{
	int status;

	if (TEMP_FAILURE_RETRY(waitpid(l->pid, &status, 0)) < 0)
		return SP_EXIT_SETUP;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return 128 + WTERMSIG(status);
}

static void send_ended(int code)
{
	uint8_t buf[4];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&w, (uint32_t)code);
	/* The keeper notices the end of init as well. */
	(void)!sp_chan_send(SP_ROLE_CHANNEL, SP_IPC_ENDED,
	                    (struct sp_str){ buf, w.n }, NULL, 0);
}

static int finish(struct launcher *l)
{
	int code = reap_init(l);

	hear_init(l);
	terminal_end(&l->term);
	send_ended(code);
	if (l->running && l->plan.quiet == 0)
		guarded_report(l);
	if (!l->running && code < SP_EXIT_NOT_EXEC)
		code = SP_EXIT_SETUP;
	if (!l->running && code > 128)
		code = SP_EXIT_SETUP;
	if (!l->running && !l->refused)
		sp_launcher_say(l, "the sandbox could not be made");
	if (!l->running && code == SP_EXIT_NOT_FOUND)
		hint_not_found(l);
	return code;
}

static void launcher_free(struct launcher *l)
{
	sp_plan_fini(&l->plan);
	sp_words_free(&l->view.mounts);
	sp_buf_fini(&l->net_unix);
	sp_loop_free(l->loop);
	sp_free(l);
}

int sp_launcher_main(void)
{
	struct launcher *l = SP_NEW(struct launcher);
	struct sp_err err;
	int code = SP_EXIT_SETUP;

	l->keeper_peer = (struct sp_peer){ .role = SP_R_KEEPER, .owner = l };
	l->init_peer = (struct sp_peer){ .role = SP_R_INIT, .owner = l };
	l->pidfd = -1;
	l->init.fd = l->keeper.fd = l->policy.w.fd = -1;
	if (sp_stage_early("sallyport-run", 1, false) < 0)
		sp_err_sys(&err, "start");
	else if (stages(l, &err) == SP_OK)
		code = finish(l);
	else
		l->refused = false;
	if (code == SP_EXIT_SETUP && l->loop == NULL)
		sp_launcher_say(l, err.text);
	launcher_free(l);
	return code;
}
