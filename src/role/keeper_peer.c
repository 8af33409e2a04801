/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_peer.c - connections of launchers and clients.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "role/keeper_int.h"
#include "role/memfd.h"

#define STATUS_MAX SP_KIB(64) /* of /proc/PID/status: it lists groups */

static void peer_free(struct sp_job *j)
{
	struct peer *p = OWNER_OF(j, struct peer, free);

	sp_outbox_fini(&p->out);
	sp_free(p);
}

/* A launcher that goes without ENDED takes its sandbox with it. */
static void leave_box(struct peer *p)
{
	struct box *b = p->box;

	if (b == NULL)
		return;
	p->box = NULL;
	b->launcher = NULL;
	if (!b->ended) {
		box_kill(b);
		box_end(b, "launcher gone");
	} else {
		box_check_end(b);
	}
}

void peer_close(struct peer *p)
{
	struct keeper *k = p->k;

	if (p->gone)
		return;
	p->gone = true;
	sp_watch_del(k->loop, &p->watch);
	sp_timer_del(k->loop, &p->timer);
	close(p->id.sock);
	k->peer[p->index] = k->peer[--k->n_peers];
	k->peer[p->index]->index = p->index;
	sp_loop_defer(k->loop, &p->free);
	leave_box(p);
	keeper_check_idle(k);
}

void peer_send(struct peer *p, uint8_t type, const struct sp_wire *w)
{
	struct sp_str body = { w->p, w->n };

	sp_assert(!w->bad);
	if (p->gone)
		return;
	if (sp_outbox_send(&p->out, p->id.sock, type, body, NULL, 0) < 0)
		peer_close(p);
	else if (sp_outbox_waits(&p->out))
		sp_watch_mod(p->k->loop, &p->watch, EPOLLOUT);
}

void peer_text(struct peer *p, uint8_t type, const char *text)
{
	uint8_t buf[SP_ERR_MAX + 2];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_str s = sp_str(text);

	if (s.n > SP_ERR_MAX)
		s.n = SP_ERR_MAX;
	sp_put_str(&w, s);
	peer_send(p, type, &w);
}

/* SP_E_AGAIN: nothing more for now. */
static enum sp_rc serve_one(struct peer *p)
{
	struct sp_packet *m = &p->k->in;
	enum sp_rc rc = sp_chan_recv(p->id.sock, m);

	if (rc == SP_E_SYS && errno == EAGAIN)
		return SP_E_AGAIN;
	if (rc != SP_OK)
		return rc;
	rc = sp_ops_dispatch(keeper_ops, &p->id, m);
	if (rc < 0)
		keeper_note("warning: a peer broke the rules with %s: %s",
		            sp_ipc_name(m->type), sp_rc_text(rc));
	sp_packet_fini(m);
	return rc == SP_E_AGAIN ? SP_E_PROTO : rc;
}

static void on_peer(struct sp_watch *w, uint32_t events)
{
	struct peer *p = OWNER_OF(w, struct peer, watch);
	enum sp_rc rc = SP_OK;

	if (sp_outbox_waits(&p->out)) {
		rc = sp_outbox_flush(&p->out, p->id.sock);
		if (rc == SP_OK)
			sp_watch_mod(p->k->loop, w, EPOLLIN);
		else if (rc != SP_E_AGAIN || (events & EPOLLHUP) != 0)
			peer_close(p);
		return;
	}
	for (unsigned i = 0; i < PACKETS_PER_NOTE && rc == SP_OK; i++) {
		rc = serve_one(p);
		if (p->gone || sp_outbox_waits(&p->out))
			return;
	}
	if (rc != SP_OK && rc != SP_E_AGAIN)
		peer_close(p);
}

static void on_silent(struct sp_timer *t)
{
	peer_close(OWNER_OF(t, struct peer, timer));
}

/*
 * In how many pid namespaces, counted from ours, a process is: the NSpid line
 * of its status has a number for each. 0: cannot be told.
 */
/* #syscalls openat fstat pread64 close */
static unsigned pid_depth(pid_t pid)
{
	char path[32];
	struct sp_buf text;
	struct sp_err err;
	unsigned n = 0;
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	sp_buf_init(&text, STATUS_MAX);
	if (sp_file_read(path, false, &text, &err) == SP_OK) {
		sp_buf_byte(&text, '\0');
		p = sp_buf_ok(&text) ? (const char *)text.p : "";
		p = strstr(p, "\nNSpid:");
		for (p = p == NULL ? "" : p + 1; *p != '\0' && *p != '\n'; p++)
			n += *p == '\t';
	}
	sp_buf_fini(&text);
	return n;
}

/*
 * The socket is out of the sight of programs inside. Should one reach it all
 * the same: it has our uid, but a pid namespace of its own.
 */
/* #syscalls getsockopt getpid */
static bool is_ours(const struct keeper *k, int sock)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	unsigned ours = pid_depth(getpid());

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return false;
	if (cred.uid != k->uid) {
		keeper_note("warning: refused a connection of uid %u",
		            cred.uid);
		return false;
	}
	if (ours == 0) /* no /proc here */
		return true;
	if (cred.pid > 0 && pid_depth(cred.pid) == ours)
		return true;
	keeper_note("warning: refused a connection out of another pid "
	            "namespace (process %d)",
	            cred.pid);
	return false;
}

void peer_accept(struct keeper *k, int sock)
{
	struct peer *p;

	if (k->n_peers == PEERS_MAX || k->stopping || !is_ours(k, sock)) {
		close(sock);
		return;
	}
	p = SP_NEW(struct peer);
	p->k = k;
	p->free.run = peer_free;
	p->watch.run = on_peer;
	p->timer.run = on_silent;
	p->id = (struct sp_peer){ SP_R_GUEST, sock, 0, p };
	sp_outbox_init(&p->out, OUTBOX_CLIENT);
	if (sp_watch_add(k->loop, &p->watch, sock, EPOLLIN) < 0) {
		close(sock);
		sp_free(p);
		return;
	}
	sp_timer_set(k->loop, &p->timer, HELLO_MS);
	p->index = k->n_peers;
	k->peer[k->n_peers++] = p;
	keeper_check_idle(k);
}
