/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keeper_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/fd.h"
#include "ipc/chan.h"
#include "ipc/ops.h"
#include "ipc/wire.h"
#include "role/place.h"
#include "role/role.h"

#define TRIES 3u /* an idle keeper may leave between connect and HELLO */

/* ------------------------------------------------------------- one try */

/* SP_OK or SP_DONE as sp_chan_recv(); SP_E_AGAIN after the time. */
static enum sp_rc recv_within(int sock, int ms, struct sp_packet *m)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int n = (int)TEMP_FAILURE_RETRY(poll(&p, 1, ms));

	if (n < 0)
		return SP_E_SYS;
	return n == 0 ? SP_E_AGAIN : sp_chan_recv(sock, m);
}

static enum sp_rc send_hello(int sock, unsigned bit)
{
	uint8_t buf[8];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&w, SP_IPC_VERSION);
	sp_put_u8(&w, (uint8_t)bit);
	return sp_chan_send(sock, SP_IPC_HELLO, (struct sp_str){ buf, w.n },
	                    NULL, 0);
}

static enum sp_rc check_hello(struct sp_packet *m, struct sp_err *err)
{
	struct sp_str in = { m->body, m->n };
	uint32_t version;
	uint8_t bit;

	sp_packet_fini(m);
	sp_err_set(err, "the keeper speaks another protocol");
	if (m->type != SP_IPC_HELLO)
		return SP_E_PROTO;
	SP_TRY(sp_get_u32(&in, &version));
	SP_TRY(sp_get_u8(&in, &bit));
	SP_TRY(sp_get_end(&in));
	if (bit != SP_R_KEEPER)
		return SP_E_PROTO;
	if (version != SP_IPC_VERSION) {
		sp_err_set(err, "the keeper is of another version: stop it "
		                "when no sandbox is running");
		return SP_E_PROTO;
	}
	return SP_OK;
}

/* SP_DONE: it went away before it answered. */
static enum sp_rc greet(int sock, unsigned bit, struct sp_err *err)
{
	struct sp_packet m;
	enum sp_rc rc;

	if (send_hello(sock, bit) < 0)
		return SP_DONE;
	rc = recv_within(sock, SP_KEEPER_START_MS, &m);
	if (rc == SP_E_AGAIN)
		sp_err_set(err, "the keeper does not answer");
	if (rc == SP_E_SYS)
		return SP_DONE;
	return rc == SP_OK ? check_hello(&m, err) : rc;
}

/* Who listens there? An impostor could show us a wrong certificate. */
static enum sp_rc check_peer(int sock, struct sp_err *err)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return sp_err_sys(err, "SO_PEERCRED");
	if (cred.uid == geteuid())
		return SP_OK;
	sp_err_set(err, "the keeper belongs to uid %u, not to us", cred.uid);
	return SP_E_DENIED;
}

/* SP_DONE: nobody listens (any more). */
static enum sp_rc try_connect(const struct sp_keeper_place *at, unsigned bit,
                              int *ret, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	enum sp_rc rc;

	if (sock < 0)
		return sp_err_sys(err, "socket");
	memcpy(sun.sun_path, at->socket, sizeof(sun.sun_path));
	if (connect(sock, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return SP_DONE;
		return sp_err_sys(err, at->socket);
	}
	SP_TRY(check_peer(sock, err));
	rc = greet(sock, bit, err);
	if (rc == SP_OK)
		*ret = sp_fd_steal(&sock);
	return rc;
}

/* --------------------------------------------------------- start a keeper */

static enum sp_rc send_start(int sock, const struct sp_keeper_place *at)
{
	uint8_t buf[512];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_str(&w, sp_str(at->socket));
	sp_put_str(&w, sp_str(at->state));
	sp_put_u32(&w, at->idle_ms);
	sp_assert(!w.bad);
	return sp_chan_send(sock, SP_IPC_START, (struct sp_str){ buf, w.n },
	                    NULL, 0);
}

/* What it says on its way is kept; what it reads is nothing. */
static bool redirect_stdio(const char *state)
{
	char path[SP_KEEPER_PATH_MAX + 16];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), log;

	snprintf(path, sizeof(path), "%s/keeper.log", state);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
	           0600);
	if (log < 0)
		log = null;
	return null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO &&
	       dup2(log, STDOUT_FILENO) == STDOUT_FILENO &&
	       dup2(log, STDERR_FILENO) == STDERR_FILENO && chdir("/") == 0;
}

/* Two forks: the keeper is nobody's child and has no terminal. */
static _Noreturn void detach(const struct sp_keeper_place *at, int sock)
{
	struct sp_err err;

	if (setsid() < 0)
		_exit(EX_OSERR);
	switch (fork()) {
	case -1:
		_exit(EX_OSERR);
	case 0:
		break;
	default:
		_exit(EX_OK);
	}
	if (redirect_stdio(at->state))
		sp_role_exec("keeper", sock, NULL, 0, &err);
	_exit(EX_OSERR);
}

static enum sp_rc started(int sock, const char *state, struct sp_err *err)
{
	struct sp_packet m;
	struct sp_str in, text;
	enum sp_rc rc = recv_within(sock, SP_KEEPER_START_MS, &m);

	if (rc == SP_E_AGAIN) {
		sp_err_set(err, "the keeper is not ready after %d s",
		           SP_KEEPER_START_MS / 1000);
		return rc;
	}
	if (rc != SP_OK) {
		sp_err_set(err, "the keeper did not start; see %s/keeper.log",
		           state);
		return SP_E_STATE;
	}
	sp_packet_fini(&m);
	if (m.type == SP_IPC_DONE)
		return SP_OK;
	in = (struct sp_str){ m.body, m.n };
	if (m.type != SP_IPC_FAIL || sp_get_str(&in, SP_ERR_MAX, &text) < 0)
		text = sp_str("it does not say why");
	sp_err_set(err, "the keeper did not start: %.*s", (int)text.n, text.p);
	return SP_E_STATE;
}

static enum sp_rc start_keeper(const struct sp_keeper_place *at,
                               struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int ours = -1, theirs = -1;
	int sv[2], status;
	pid_t pid;

	SP_TRY(sp_place_make(at->state, err));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return sp_err_sys(err, "socketpair");
	ours = sv[0];
	theirs = sv[1];
	if (send_start(ours, at) < 0)
		return sp_err_sys(err, "start message");
	pid = fork();
	if (pid < 0)
		return sp_err_sys(err, "fork");
	if (pid == 0)
		detach(at, theirs);
	sp_fd_close(&theirs);
	if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
		return sp_err_sys(err, "waitpid");
	return started(ours, at->state, err);
}

/*
 * Whoever holds the lock starts; the others find a keeper when they get it.
 * Waiting for it is bounded, because the holder's waits are.
 */
static enum sp_rc start_locked(const struct sp_keeper_place *at, unsigned bit,
                               int *ret, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int lock = -1;
	enum sp_rc rc;

	SP_TRY(sp_place_lock(at->socket, "start", true, &lock, err));
	rc = try_connect(at, bit, ret, err);
	if (rc != SP_DONE)
		return rc;
	SP_TRY(start_keeper(at, err));
	return try_connect(at, bit, ret, err);
}

/* #syscalls none: this runs in commands, which are not sealed */
enum sp_rc sp_keeper_connect(unsigned role_bit, bool start, int *ret,
                             struct sp_err *err)
{
	struct sp_keeper_place at;
	enum sp_rc rc;

	SP_TRY(sp_keeper_place(&at, err));
	SP_TRY(sp_place_check(at.socket, start, err));
	rc = try_connect(&at, role_bit, ret, err);
	for (unsigned i = 0; rc == SP_DONE && start && i < TRIES; i++)
		rc = start_locked(&at, role_bit, ret, err);
	if (rc != SP_DONE)
		return rc;
	sp_err_set(err, start ? "the keeper leaves again at once"
	                      : "no keeper is running");
	return SP_E_STATE;
}

enum sp_rc sp_keeper_become(struct sp_err *err)
{
	struct sp_keeper_place at;
	int sv[2];

	SP_TRY(sp_keeper_place(&at, err));
	SP_TRY(sp_place_check(at.socket, true, err));
	SP_TRY(sp_place_make(at.state, err));
	at.idle_ms = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return sp_err_sys(err, "socketpair");
	/* Waits in the socket until the new image reads it. */
	if (send_start(sv[0], &at) < 0)
		return sp_err_sys(err, "start message");
	return sp_role_exec("keeper", sv[1], NULL, 0, err);
}
