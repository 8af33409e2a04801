/* SPDX-License-Identifier: Apache-2.0 */
#include "role/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fd.h"
#include "ipc/ops.h"
#include "ipc/wire.h"
#include "role/role.h"
#include "role/seal.h"
#include "sandbox/net.h"
#include "sandbox/ns.h"
#include "sandbox/pack.h"
#include "sandbox/sealed.h"

#define ID_MAX       64u
#define HOSTNAME_LEN 64u

/* Where init stands. Lives in its one frame. */
struct state {
	const struct sp_plan *plan;
	struct sp_view *view;
	int sock;
	bool configured;
	char id[ID_MAX + 1], hostname[HOSTNAME_LEN + 1];
	uint16_t port[SP_PORTS_MAX];
	size_t n_ports;
	struct sp_str pack;
	int slave; /* the program's terminal, or -1 */
	pid_t program;
};

/* ---- talking to the launcher ----------------------------------------------
 */

static enum sp_rc say(const struct state *s, uint8_t type, struct sp_str body,
                      const int *fd, uint8_t n, struct sp_err *err)
{
	if (sp_chan_send(s->sock, type, body, fd, n) < 0)
		return sp_err_sys(err, "the launcher is gone");
	return SP_OK;
}

static _Noreturn void give_up(const struct state *s, const struct sp_err *err,
                              int code)
{
	uint8_t buf[SP_ERR_MAX + 2];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_str(&w, sp_str(err->text));
	/* Nobody to tell: then the exit code has to do. */
	(void)!sp_chan_send(s->sock, SP_IPC_FAIL, (struct sp_str){ buf, w.n },
	                    NULL, 0);
	_exit(code);
}

static enum sp_rc copy_name(struct sp_str s, char *ret, size_t cap)
{
	if (s.n >= cap || memchr(s.p, '\0', s.n) != NULL)
		return SP_E_LIMIT;
	memcpy(ret, s.p, s.n);
	ret[s.n] = '\0';
	return SP_OK;
}

static enum sp_rc read_config(struct state *s, struct sp_str in)
{
	struct sp_str id, hostname;
	uint16_t n;

	SP_TRY(sp_get_str(&in, ID_MAX, &id));
	SP_TRY(copy_name(id, s->id, sizeof(s->id)));
	SP_TRY(sp_get_str(&in, HOSTNAME_LEN, &hostname));
	SP_TRY(copy_name(hostname, s->hostname, sizeof(s->hostname)));
	SP_TRY(sp_get_u16(&in, &n));
	if (n > SP_PORTS_MAX)
		return SP_E_LIMIT;
	for (s->n_ports = 0; s->n_ports < n; s->n_ports++)
		SP_TRY(sp_get_u16(&in, &s->port[s->n_ports]));
	return sp_get_end(&in);
}

/* The next packet, which must be of this type. */
static enum sp_rc expect(struct state *s, uint8_t type, struct sp_packet *m,
                         struct sp_err *err)
{
	enum sp_rc rc = sp_chan_recv(s->sock, m);

	if (rc == SP_OK && m->type == type)
		return SP_OK;
	if (rc == SP_OK)
		sp_packet_fini(m);
	sp_err_set(err, "the launcher is gone");
	return SP_E_STATE;
}

static enum sp_rc wait_config(struct state *s, struct sp_err *err)
{
	struct sp_packet m;
	enum sp_rc rc;

	if (s->configured)
		return SP_OK;
	SP_TRY(expect(s, SP_IPC_CONFIG, &m, err));
	rc = read_config(s, (struct sp_str){ m.body, m.n });
	if (rc < 0 || m.n_fds != 1)
		sp_err_set(err, "the launcher's message is malformed");
	else
		rc = sp_sealed_map(m.fd[0], SP_PACK_MAX, &s->pack, err);
	sp_packet_fini(&m);
	s->configured = rc == SP_OK;
	return rc;
}

/* ---- stages ----------------------------------------------------------------
 */

/* A change of identity clears the first and sets the second. */
static enum sp_rc tie_to_launcher(struct sp_err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return sp_err_sys(err, "PR_SET_PDEATHSIG");
	return SP_OK;
}

/*
 * Rootless: we map ourselves. Root: the launcher does, and until we change to
 * the mapped identity we may open what root may.
 */
static enum sp_rc stage_identity(struct state *s, struct sp_err *err)
{
	const struct sp_ids root = { 0, 0 };
	const struct sp_ids ids = { (uint32_t)s->plan->uid,
		                    (uint32_t)s->plan->gid };
	struct sp_packet m;

	SP_TRY(tie_to_launcher(err));
	if (s->plan->root == 0) {
		if (prctl(PR_SET_DUMPABLE, 1) < 0)
			return sp_err_sys(err, "dumpable");
		SP_TRY(sp_ns_map(0, root, ids, err));
		return sp_view_sources(s->view, err);
	}
	SP_TRY(expect(s, SP_IPC_READY, &m, err));
	sp_packet_fini(&m);
	SP_TRY(sp_view_sources(s->view, err));
	SP_TRY(sp_ns_become_root(err));
	return tie_to_launcher(err);
}

static enum sp_rc try_capture(struct state *s, enum sp_capture how,
                              struct sp_listeners *l, struct sp_err *err)
{
	if (how == SP_CAPTURE_PORTS) {
		SP_TRY(wait_config(s, err));
		return sp_listeners_open(how, s->port, s->n_ports, l, err);
	}
	if ((s->plan->disable & SP_DISABLE_NFT) != 0) {
		sp_err_set(err, "nftables is disabled");
		return SP_E_DENIED;
	}
	SP_TRY(sp_net_rules(how, err));
	return sp_listeners_open(how, NULL, 0, l, err);
}

static enum sp_rc stage_network(struct state *s, struct sp_err *err)
{
	static const enum sp_capture order[] = { SP_CAPTURE_TPROXY,
		                                 SP_CAPTURE_REDIRECT,
		                                 SP_CAPTURE_PORTS };
	struct sp_listeners l = { 0 };
	enum sp_rc rc = SP_E_DENIED;
	uint8_t how;

	SP_TRY(sp_net_up(err));
	if (s->plan->capture != SP_CAPTURE_AUTO)
		rc = try_capture(s, (enum sp_capture)s->plan->capture, &l, err);
	for (size_t i = 0; s->plan->capture == SP_CAPTURE_AUTO && rc < 0 &&
	                   i < SP_COUNT(order);
	     i++)
		rc = try_capture(s, order[i], &l, err);
	if (rc < 0)
		return rc;
	how = (uint8_t)l.how;
	rc = say(s, SP_IPC_LISTENERS, (struct sp_str){ &how, 1 }, l.fd, l.n,
	         err);
	sp_listeners_close(&l);
	return rc;
}

static enum sp_rc stage_view(struct state *s, struct sp_err *err)
{
	if (s->plan->nested == 0)
		SP_TRY(sp_ns_limit_nesting(err));
	SP_TRY(sp_view_build(s->view, err));
	SP_TRY(wait_config(s, err));
	SP_TRY(sp_view_etc(s->view, s->pack, err));
	sp_sealed_unmap(&s->pack); /* init lives as long as the program */
	if (sethostname(s->hostname, strlen(s->hostname)) < 0)
		return sp_err_sys(err, "host name");
	return sp_view_enter(s->view, err);
}

/* Our own session: no terminal of the caller's. If the caller has one, the
 * program gets one of the sandbox, whose other end goes to the launcher. */
static enum sp_rc stage_terminal(struct state *s, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int master = -1;
	int unlock = 0;

	if (setsid() < 0)
		return sp_err_sys(err, "new session");
	if (s->plan->tty == 0)
		return SP_OK;
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return sp_err_sys(err, "terminal");
	s->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_CLOEXEC);
	if (s->slave < 0 || ioctl(s->slave, TIOCSCTTY, 0) < 0)
		return sp_err_sys(err, "terminal");
	return say(s, SP_IPC_RUN_OK, (struct sp_str){ 0 }, &master, 1, err);
}

static enum sp_rc stage_give_up(struct state *s, struct sp_err *err)
{
	const struct sp_ids ids = { (uint32_t)s->plan->uid,
		                    (uint32_t)s->plan->gid };

	SP_TRY(sp_ns_give_up(ids, err));
	return tie_to_launcher(err);
}

/* ---- the program ------------------------------------------------------------
 */

void sp_signals_passed(sigset_t *ret)
{
	static const int passed[] = { SIGINT,   SIGTERM, SIGHUP,
		                      SIGQUIT,  SIGUSR1, SIGUSR2,
		                      SIGWINCH, SIGCONT, SIGTSTP };

	sigemptyset(ret);
	for (size_t i = 0; i < SP_COUNT(passed); i++)
		sigaddset(ret, passed[i]);
}

/* Its own process group, in the foreground of its terminal: a stop of the
 * group is seen by us, who are of the same session. */
static _Noreturn void child(const struct state *s, int report)
{
	sigset_t set;

	setpgid(0, 0);
	if (s->slave >= 0) {
		/* Else it would stop us; sp_program_run() unblocks all. */
		sigemptyset(&set);
		sigaddset(&set, SIGTTOU);
		sigprocmask(SIG_BLOCK, &set, NULL);
		for (int fd = 0; fd <= 2; fd++)
			if ((s->plan->tty & 1u << fd) != 0)
				dup2(s->slave, fd);
		tcsetpgrp(s->slave, getpid());
	}
	sp_program_run(s->plan, s->id, report);
}

/* The report is empty when the program was started. */
static enum sp_rc read_report(int fd, int *ret_code, struct sp_err *err)
{
	char buf[SP_ERR_MAX];
	ssize_t n = TEMP_FAILURE_RETRY(read(fd, buf, sizeof(buf)));

	if (n == 0)
		return SP_OK;
	*ret_code = SP_EXIT_SETUP;
	if (n < 2) {
		sp_err_set(err, "start the program");
		return SP_E_SYS;
	}
	*ret_code = (uint8_t)buf[0];
	sp_err_set(err, "%.*s", (int)(n - 1), buf + 1);
	return SP_E_SYS;
}

static enum sp_rc stage_program(struct state *s, int *ret_code,
                                struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int ours = -1, theirs = -1;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return sp_err_sys(err, "pipe");
	ours = p[0];
	theirs = p[1];
	s->program = fork();
	if (s->program < 0)
		return sp_err_sys(err, "fork");
	if (s->program == 0)
		child(s, theirs);
	setpgid(s->program, s->program);
	sp_fd_close(&theirs);
	SP_TRY(read_report(ours, ret_code, err));
	sp_fd_close(&s->slave);
	return say(s, SP_IPC_READY, (struct sp_str){ 0 }, NULL, 0, err);
}

/* ---- until the end --------------------------------------------------- */

static int status_code(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : SP_EXIT_SETUP;
}

/* Signals merge: one SIGCHLD may stand for several children. */
static void reap(const struct state *s)
{
	struct sp_err err;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != s->program)
			continue;
		if (!WIFSTOPPED(status))
			_exit(status_code(status));
		/* A launcher that is gone takes us with it. */
		(void)!say(s, SP_IPC_STOP, (struct sp_str){ 0 }, NULL, 0, &err);
	}
}

/* What a terminal would send goes to the whole group, the rest to the one. */
static void pass_on(const struct state *s, int sig)
{
	bool one = sig == SIGTERM || sig == SIGUSR1 || sig == SIGUSR2;

	/* The program may be gone already: nothing to do. */
	(void)kill(one ? s->program : -s->program, sig);
}

#if defined(__SANITIZE_ADDRESS__) /* it calls what it likes */
#define SEALED NULL
#else
/* clang-format off */
/* All that waiting takes: signals in, signals out, two words to say. */
static const struct sp_seal_row sealed_rows[] = {
	{ __NR_read, SP_SEAL_ALLOW },  { __NR_wait4, SP_SEAL_ALLOW },
	{ __NR_kill, SP_SEAL_ALLOW },  { __NR_sendmsg, SP_SEAL_ALLOW },
	{ __NR_exit, SP_SEAL_ALLOW },  { __NR_exit_group, SP_SEAL_ALLOW },
	{ __NR_rt_sigreturn, SP_SEAL_ALLOW },
	{ __NR_restart_syscall, SP_SEAL_ALLOW },
};
/* clang-format on */
static const struct sp_seal_list sealed = { sealed_rows,
	                                    SP_COUNT(sealed_rows) };
#define SEALED (&sealed)
#endif

static _Noreturn void stage_run(const struct state *s, int sfd)
{
	struct sp_err err;

	if (sp_stage_seal(SEALED, &err) < 0)
		_exit(SP_EXIT_SETUP);
	for (;;) {
		struct signalfd_siginfo si;
		ssize_t n = TEMP_FAILURE_RETRY(read(sfd, &si, sizeof(si)));

		if (n != (ssize_t)sizeof(si))
			_exit(SP_EXIT_SETUP);
		if (si.ssi_signo == SIGCHLD)
			reap(s);
		else
			pass_on(s, (int)si.ssi_signo);
	}
}

/* Nothing of the program's stays open in init, nothing of the host's. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	sp_fd_close(&null);
}

static enum sp_rc stages(struct state *s, int *ret_code, struct sp_err *err)
{
	SP_TRY(stage_identity(s, err));
	SP_TRY(stage_network(s, err));
	SP_TRY(stage_view(s, err));
	SP_TRY(stage_terminal(s, err));
	SP_TRY(stage_give_up(s, err));
	return stage_program(s, ret_code, err);
}

_Noreturn void sp_init_run(struct sp_init *in)
{
	struct state s = {
		.plan = in->plan,
		.view = in->view,
		.sock = in->sock,
		.slave = -1,
	};
	int code = SP_EXIT_SETUP, sfd;
	struct sp_err err;
	sigset_t set;

	umask(022);
	prctl(PR_SET_NAME, "sallyport-init");
	sp_signals_passed(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		_exit(SP_EXIT_SETUP);
	sfd = signalfd(-1, &set, SFD_CLOEXEC);
	if (sfd < 0)
		_exit(SP_EXIT_SETUP);
	if (stages(&s, &code, &err) < 0)
		give_up(&s, &err, code);
	let_go();
	stage_run(&s, sfd);
}
