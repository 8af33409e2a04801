/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper.c - the supervisor: one thread, one loop.
 *
 * Stages      early  name, no dumps, only the channel left open
 *             start  one message: where the socket and the state are
 *             files  lock, log, socket, signals
 *             seal   its system calls and no others
 *             ready  answer whoever started it, drop the channel
 *             run    until a signal or until it is idle
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "role/keeper_int.h"
#include "role/memfd.h"
#include "role/place.h"

#define PROXY_USER   "_sallyport"
#define PROXY_UID    61183u /* in the range that systemd calls dynamic */
#define START_MAX    512u
#define BACKLOG      128
#define ACCEPT_PAUSE 100u /* ms, when no descriptor is left */

void keeper_note(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): line above */
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	/* Nobody to tell when this fails. */
	(void)dprintf(STDERR_FILENO, "sallyport keeper: %s\n", line);
}

/* ------------------------------------------------------------------ start */

/* #syscalls ppoll recvmsg */
static enum sp_rc read_start(struct keeper *k, struct sp_err *err)
{
	struct pollfd p = { .fd = SP_ROLE_CHANNEL, .events = POLLIN };
	struct sp_str in, socket, state;
	enum sp_rc rc;

	sp_err_set(err, "no start message");
	if (poll(&p, 1, (int)HELLO_MS) != 1)
		return SP_E_STATE;
	rc = sp_chan_recv(SP_ROLE_CHANNEL, &k->in);
	if (rc != SP_OK)
		return SP_E_STATE;
	sp_packet_fini(&k->in);
	if (k->in.type != SP_IPC_START || k->in.n > START_MAX)
		return SP_E_PROTO;
	in = (struct sp_str){ k->in.body, k->in.n };
	SP_TRY(sp_get_str(&in, sizeof(k->place.socket) - 1, &socket));
	SP_TRY(sp_get_str(&in, sizeof(k->place.state) - 1, &state));
	SP_TRY(sp_get_u32(&in, &k->place.idle_ms));
	SP_TRY(sp_get_end(&in));
	memcpy(k->place.socket, socket.p, socket.n);
	memcpy(k->place.state, state.p, state.n);
	return SP_OK;
}

/* Is this id one of ours? In a small user namespace only a few are. */
static bool is_mapped(const char *map, uid_t id)
{
	struct sp_buf text;
	struct sp_err err;
	const char *p;
	bool found = false;

	sp_buf_init(&text, SP_KIB(16));
	if (sp_file_read(map, false, &text, &err) < 0)
		return true;
	sp_buf_byte(&text, '\0');
	p = sp_buf_ok(&text) ? (const char *)text.p : "";
	while (!found && *p != '\0') {
		char *end;
		unsigned long from = strtoul(p, &end, 10), n;

		strtoul(end, &end, 10); /* what it is outside */
		n = strtoul(end, &end, 10);
		found = id >= from && id - from < n;
		p = *end == '\n' ? end + 1 : "";
	}
	sp_buf_fini(&text);
	return found;
}

/*
 * A proxy of root must not be root: it reads hostile bytes. In a user
 * namespace without another id there is nobody else to become, and root is
 * nobody outside.
 */
static void choose_identity(struct keeper *k)
{
	struct sp_identity *as = &k->proxy_as;
	const struct passwd *pw;

	k->uid = geteuid();
	if (k->uid != 0)
		return;
	pw = getpwnam(PROXY_USER);
	as->uid = pw != NULL && pw->pw_uid != 0 ? pw->pw_uid : PROXY_UID;
	as->gid = pw != NULL && pw->pw_gid != 0 ? pw->pw_gid : PROXY_UID;
	as->change = is_mapped("/proc/self/uid_map", as->uid) &&
	             is_mapped("/proc/self/gid_map", as->gid);
	if (!as->change)
		keeper_note("warning: uid %u does not exist in this user "
		            "namespace; proxies run under ours",
		            as->uid);
}

/* Each sandbox costs about ten. Best effort: what is given has to do. */
/* #syscalls prlimit64 */
static void raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static enum sp_rc open_log(struct keeper *k, struct sp_err *err)
{
	char dir[SP_KEEPER_PATH_MAX + 8];
	struct sp_buf b;

	sp_buf_init(&b, SP_KIB(4));
	if (sp_file_read("/proc/sys/kernel/random/boot_id", true, &b, err) < 0)
		keeper_note("warning: %s", err->text);
	snprintf(k->boot, sizeof(k->boot), "%.*s", (int)sp_buf_len(&b),
	         (const char *)b.p);
	k->boot[strcspn(k->boot, "\n")] = '\0';
	sp_buf_fini(&b);
	snprintf(dir, sizeof(dir), "%s/audit", k->place.state);
	return sp_log_open(dir, k->boot, log_now(), &k->log, err);
}

/* ---------------------------------------------------------- listening, end */

/* Until the next connection, or the next end of one. */
void keeper_check_idle(struct keeper *k)
{
	if (k->stopping && k->n_boxes == 0)
		sp_loop_stop(k->loop);
	else if (k->n_peers > 0 || k->n_boxes > 0)
		sp_timer_del(k->loop, &k->idle);
	else if (k->place.idle_ms > 0)
		sp_timer_set(k->loop, &k->idle, k->place.idle_ms);
}

static void on_idle(struct sp_timer *t)
{
	sp_loop_stop(OWNER_OF(t, struct keeper, idle)->loop);
}

static void on_pause(struct sp_timer *t)
{
	struct keeper *k = OWNER_OF(t, struct keeper, pause);

	sp_watch_mod(k->loop, &k->listen, EPOLLIN);
}

/* #syscalls accept4 */
static void on_listen(struct sp_watch *w, uint32_t events)
{
	struct keeper *k = OWNER_OF(w, struct keeper, listen);

	(void)events;
	for (unsigned i = 0; i < PACKETS_PER_NOTE; i++) {
		int fd = accept4(w->fd, NULL, NULL,
		                 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			peer_accept(k, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			sp_watch_mod(k->loop, w, 0);
			sp_timer_set(k->loop, &k->pause, ACCEPT_PAUSE);
		}
		return;
	}
}

static enum sp_rc listen_at(struct keeper *k, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (fd < 0)
		return sp_err_sys(err, "socket");
	memcpy(sun.sun_path, k->place.socket, sizeof(sun.sun_path));
	/* Left by a keeper that was killed: we hold the lock. */
	if (unlink(sun.sun_path) < 0 && errno != ENOENT)
		return sp_err_sys(err, sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return sp_err_sys(err, sun.sun_path);
	k->listen.run = on_listen;
	if (sp_watch_add(k->loop, &k->listen, fd, EPOLLIN) < 0)
		return sp_err_sys(err, "watch socket");
	(void)sp_fd_steal(&fd);
	return SP_OK;
}

/*
 * Programs are not killed with the keeper: without it they have no network,
 * and their launchers are told.
 */
static void on_signal(struct sp_watch *w, uint32_t events)
{
	struct keeper *k = OWNER_OF(w, struct keeper, signals);
	struct signalfd_siginfo si;

	(void)events;
	if (read(w->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGHUP || k->stopping)
		return;
	k->stopping = true;
	/* Ending takes a box out of the table at the earliest in this loop. */
	for (uint32_t i = k->n_boxes; i-- > 0;) {
		struct box *b = k->box[i];

		if (b->launcher != NULL)
			peer_text(b->launcher, SP_IPC_NOTICE,
			          "the keeper is stopping: this sandbox has "
			          "no network any more");
		box_end(b, "keeper stopped");
	}
	keeper_check_idle(k);
}

/* #syscalls rt_sigprocmask signalfd4 */
static enum sp_rc take_signals(struct keeper *k, struct sp_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return sp_err_sys(err, "signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return sp_err_sys(err, "signalfd");
	k->signals.run = on_signal;
	if (sp_watch_add(k->loop, &k->signals, fd, EPOLLIN) < 0)
		return sp_err_sys(err, "watch signals");
	return SP_OK;
}

static enum sp_rc stage_files(struct keeper *k, struct sp_err *err)
{
	SP_TRY(sp_place_check(k->place.socket, true, err));
	SP_TRY(sp_place_lock(k->place.socket, "keeper", false, &k->life_lock,
	                     err));
	choose_identity(k);
	raise_files();
	SP_TRY(sp_loop_new(&k->loop, err));
	SP_TRY(take_signals(k, err));
	SP_TRY(open_log(k, err));
	return listen_at(k, err);
}

/* -------------------------------------------------------------------- run */

static void answer_starter(enum sp_rc rc, const struct sp_err *err)
{
	uint8_t buf[SP_ERR_MAX + 2];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	if (rc < 0)
		sp_put_str(&w, sp_str(err->text));
	/* Nobody waits when a service manager started us. */
	SP_IGNORE(sp_chan_send(SP_ROLE_CHANNEL,
	                       rc < 0 ? SP_IPC_FAIL : SP_IPC_DONE,
	                       (struct sp_str){ buf, w.n }, NULL, 0));
	close(SP_ROLE_CHANNEL);
}

/*
 * The socket goes first. Whoever connected in the meantime gets no HELLO and
 * tries again, under the start lock, when the life lock is free.
 */
static void stage_end(struct keeper *k)
{
	(void)unlink(k->place.socket); /* the next keeper would do it */
	close(k->listen.fd);
	while (k->n_peers > 0)
		peer_close(k->peer[k->n_peers - 1]);
	SP_IGNORE(sp_loop_turn(k->loop, 0)); /* frees them */
	sp_ca_free(k->spare);
	if (!k->log_broken)
		SP_IGNORE(sp_log_commit(k->log)); /* closing says it again */
	sp_log_close(k->log, log_now());
	close(k->life_lock);
}

static struct keeper *keeper_new(void)
{
	struct keeper *k = SP_NEW(struct keeper);

	k->life_lock = -1;
	k->roots.fd = -1;
	k->idle.run = on_idle;
	k->pause.run = on_pause;
	k->sync.run = log_sync_timer;
	k->commit.run = log_commit_job;
	k->warm.run = box_warm_job;
	return k;
}

static enum sp_rc run_stages(struct keeper *k, struct sp_err *err)
{
	enum sp_rc rc;

	sp_err_set(err, "early stage");
	SP_TRY(sp_stage_early("sallyport-keep", 0, false));
	rc = read_start(k, err);
	if (rc == SP_OK)
		rc = stage_files(k, err);
	if (rc == SP_OK)
		rc = sp_stage_seal(&sp_seal_keeper, err);
	answer_starter(rc, err);
	SP_TRY(rc);
	sp_loop_again(k->loop, &k->warm);
	log_due(k);
	keeper_check_idle(k);
	rc = sp_loop_run(k->loop, err);
	stage_end(k);
	return rc;
}

int sp_keeper_main(void)
{
	struct keeper *k = keeper_new();
	struct sp_err err;
	enum sp_rc rc = run_stages(k, &err);

	if (rc < 0)
		keeper_note("error: %s", err.text);
	sp_fd_close(&k->roots.fd);
	sp_loop_free(k->loop);
	sp_free(k);
	return rc < 0 ? EX_UNAVAILABLE : EX_OK;
}
