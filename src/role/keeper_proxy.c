/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_proxy.c - the proxy of a sandbox: start, crash, stop.
 *
 * It is started at RUN, so that its image is loaded while the launcher builds
 * the sandbox, and configured when the listeners are there. When it dies, the
 * keeper still holds the listeners: connections queue until the next one
 * accepts them, and what it had open gets a closing record.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "role/keeper_int.h"

#define CONFIG_MAX  4096u
#define SERVERS_MAX 256u
/* What a dead proxy may have left in the socket: as much as its buffer held. */
#define DRAIN_MAX 4096u

/* ----------------------------------------------------------------- killing */

/* #syscalls pidfd_send_signal */
static void kill_child(struct proxy *px)
{
	/* Fails only when it is dead already. */
	(void)syscall(SYS_pidfd_send_signal, px->child.pidfd, SIGKILL, NULL, 0);
}

void proxy_kill(struct box *b, const char *why)
{
	struct proxy *px = &b->proxy;

	if (px->child.pid == 0 || px->cut)
		return;
	px->cut = true;
	keeper_note("warning: proxy of sandbox %s %s: killed", b->name, why);
	sp_watch_del(b->k->loop, &px->channel);
	kill_child(px);
}

static void on_late(struct sp_timer *t)
{
	struct proxy *px = OWNER_OF(t, struct proxy, timer);
	struct box *b = OWNER_OF(px, struct box, proxy);

	if (b->ended)
		kill_child(px); /* what it said until now still counts */
	else
		proxy_kill(b, "is not ready in time");
}

/* ----------------------------------------------------------------- sending */

void proxy_send(struct box *b, uint8_t type, const struct sp_wire *w,
                const int *fd, uint8_t n_fds)
{
	struct proxy *px = &b->proxy;
	struct sp_str body = { w->p, w->n };

	sp_assert(!w->bad);
	if (px->child.pid == 0 || px->cut)
		return;
	if (sp_outbox_send(&px->out, px->child.sock, type, body, fd, n_fds) < 0)
		proxy_kill(b, "does not read");
	else if (sp_outbox_waits(&px->out))
		sp_watch_mod(b->k->loop, &px->channel, EPOLLOUT);
}

void proxy_policy(struct box *b)
{
	uint8_t buf[4];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	if (!b->proxy.configured)
		return;
	sp_put_u32(&w, b->epoch);
	proxy_send(b, SP_IPC_POLICY, &w, &b->policy_fd, 1);
}

static void put_config(const struct box *b, struct sp_wire *w)
{
	struct sp_buf servers;

	sp_buf_init(&servers, SERVERS_MAX);
	files_servers(&servers);
	sp_put_str(w, sp_str(b->id));
	sp_put_str(w, sp_str(b->name));
	sp_put_u8(w, b->capture);
	sp_put_u32(w, b->epoch);
	sp_put_u32(w, b->sb.instance);
	sp_put_str(w, sp_ca_cert(b->ca));
	sp_put_str(w, sp_buf_str(&servers));
	sp_put_u64(w, b->next_tx);
	sp_buf_fini(&servers);
}

void proxy_configure(struct box *b)
{
	int fd[LISTENERS_MAX + 3] = { b->policy_fd, b->roots_fd };
	SP_CLEANUP(sp_fd_close) int hosts = -1;
	uint8_t buf[CONFIG_MAX];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_err err;

	if (files_hosts(&hosts, &err) < 0) {
		keeper_note("error: sandbox %s: %s", b->name, err.text);
		proxy_kill(b, "cannot be configured");
		return;
	}
	fd[2] = hosts;
	memcpy(fd + 3, b->listener, b->n_listeners * sizeof(fd[0]));
	put_config(b, &w);
	b->proxy.configured = true;
	b->first_tx = b->next_tx;
	b->proxy.timer.run = on_late;
	sp_timer_set(b->k->loop, &b->proxy.timer, READY_MS);
	proxy_send(b, SP_IPC_CONFIG, &w, fd, (uint8_t)(b->n_listeners + 3));
}

/* --------------------------------------------------------------- receiving */

/* SP_E_AGAIN: nothing there; SP_DONE: end of file. */
static enum sp_rc serve_one(struct box *b)
{
	struct sp_packet *m = &b->k->in;
	struct proxy *px = &b->proxy;
	enum sp_rc rc = sp_chan_recv(px->child.sock, m);

	if (rc == SP_E_SYS)
		return errno == EAGAIN ? SP_E_AGAIN : SP_DONE;
	if (rc == SP_OK) {
		rc = sp_ops_dispatch(keeper_proxy_ops, &px->id, m);
		sp_packet_fini(m);
	}
	if (rc < 0) {
		proxy_kill(b, "broke the rules");
		return SP_DONE;
	}
	return rc;
}

static void on_channel(struct sp_watch *w, uint32_t events)
{
	struct proxy *px = OWNER_OF(w, struct proxy, channel);
	struct box *b = OWNER_OF(px, struct box, proxy);
	enum sp_rc rc = SP_OK;

	(void)events;
	if (sp_outbox_waits(&px->out)) {
		rc = sp_outbox_flush(&px->out, px->child.sock);
		if (rc == SP_OK)
			sp_watch_mod(b->k->loop, w, EPOLLIN);
		else if (rc != SP_E_AGAIN)
			sp_watch_del(b->k->loop, w); /* its death is near */
		return;
	}
	for (unsigned i = 0; i < PACKETS_PER_NOTE && rc == SP_OK; i++) {
		rc = serve_one(b);
		if (px->cut || sp_outbox_waits(&px->out))
			return;
	}
	if (rc == SP_DONE)
		sp_watch_del(b->k->loop, w); /* its death follows */
}

/* ------------------------------------------------------------------- death */

static void forget(struct box *b)
{
	struct proxy *px = &b->proxy;

	sp_watch_del(b->k->loop, &px->channel);
	sp_watch_del(b->k->loop, &px->death);
	sp_timer_del(b->k->loop, &px->timer);
	sp_child_close(&px->child);
	sp_outbox_fini(&px->out);
	sp_free(px->spki);
	px->spki = NULL;
	px->configured = false;
}

static void how_it_ended(int pidfd, char *ret, size_t cap)
{
	siginfo_t si = { .si_signo = 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG) < 0)
		snprintf(ret, cap, "unknown");
	else if (si.si_code == CLD_EXITED)
		snprintf(ret, cap, "exit %d", si.si_status);
	else
		snprintf(ret, cap, "signal %d", si.si_status);
}

static void on_restart(struct sp_timer *t)
{
	struct proxy *px = OWNER_OF(t, struct proxy, timer);
	struct box *b = OWNER_OF(px, struct box, proxy);

	b->restarts++;
	proxy_start(b);
}

static void crashed(struct box *b, const char *how)
{
	uint64_t wait_ms;

	keeper_note("warning: proxy of sandbox %s ended: %s", b->name, how);
	if (!sp_backoff_crash(&b->backoff, sp_loop_now(b->k->loop), &wait_ms))
		box_break(b);
	if (b->logged)
		log_crash(b, how);
	if (b->state == BOX_BROKEN)
		return;
	b->proxy.timer.run = on_restart;
	sp_timer_set(b->k->loop, &b->proxy.timer, wait_ms);
}

/* Its last packets are still in the socket, unless it is not to be trusted. */
static void on_death(struct sp_watch *w, uint32_t events)
{
	struct proxy *px = OWNER_OF(w, struct proxy, death);
	struct box *b = OWNER_OF(px, struct box, proxy);
	char how[32];

	(void)events;
	for (unsigned i = 0; i < DRAIN_MAX && !px->cut; i++)
		if (serve_one(b) != SP_OK)
			break;
	how_it_ended(px->child.pidfd, how, sizeof(how));
	forget(b);
	if (b->logged && sp_log_abort(b->k->log, &b->sb, log_now()) > 0)
		log_due(b->k);
	if (b->ended)
		box_check_end(b);
	else
		crashed(b, how);
}

/* ----------------------------------------------------------- start and stop */

static enum sp_rc watch_child(struct box *b)
{
	struct proxy *px = &b->proxy;

	px->channel.run = on_channel;
	px->death.run = on_death;
	if (fcntl(px->child.sock, F_SETFL, O_NONBLOCK) < 0)
		return SP_E_SYS;
	SP_TRY(sp_watch_add(b->k->loop, &px->death, px->child.pidfd, EPOLLIN));
	return sp_watch_add(b->k->loop, &px->channel, px->child.sock, EPOLLIN);
}

void proxy_start(struct box *b)
{
	struct proxy *px = &b->proxy;
	struct sp_err err;

	if (sp_role_spawn("proxy", &b->k->proxy_as, &px->child, &err) < 0) {
		px->child = (struct sp_child){ .sock = -1, .pidfd = -1 };
		crashed(b, err.text);
		return;
	}
	px->cut = px->stopping = false;
	px->id = (struct sp_peer){ SP_R_PROXY, px->child.sock, 0, b };
	b->sb.instance++;
	if (watch_child(b) < 0) {
		kill_child(px);
		forget(b);
		crashed(b, "cannot be watched");
		return;
	}
	if (b->state == BOX_RUNNING)
		proxy_configure(b);
}

void proxy_stop(struct box *b)
{
	struct proxy *px = &b->proxy;
	struct sp_wire none = { .p = NULL };

	sp_timer_del(b->k->loop, &px->timer); /* also a planned restart */
	if (px->child.pid == 0)
		return;
	px->stopping = true;
	px->timer.run = on_late;
	sp_timer_set(b->k->loop, &px->timer, STOP_MS);
	proxy_send(b, SP_IPC_STOP, &none, NULL, 0);
}
