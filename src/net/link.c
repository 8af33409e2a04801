/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/link.c - batches.
 *
 *	open/close/conn --> batch (one packet) --flush--> socket
 *	                                          |  full?
 *	                                          v
 *	                                       backlog (u16 length + body, ...)
 *
 * The flush is deferred work, queued when the first record of a turn is added:
 * all connections that were ready in this turn share one packet, one write of
 * the keeper, and one acknowledgement. That is what makes a record per request
 * affordable.
 */
#include "net/link.h"

#include <errno.h>

#include "core/alloc.h"
#include "ipc/wire.h"

#define MINT_MAX 256u /* questions in flight */

enum kind { KIND_OPEN = 1, KIND_CLOSE = 2, KIND_CONN = 3 };

struct waiter {
	uint32_t batch;
	struct sp_ref who;
	uint64_t txn; /* the answer must not pass for that to another one */
};

struct mint {
	uint32_t request; /* 0: free */
	struct sp_host host;
};

struct leaf_waiter {
	uint32_t request;
	struct sp_ref who;
};

struct sp_link {
	struct sp_loop *loop;
	struct sp_watch watch;
	struct sp_job flush;
	const struct sp_op *ops;
	struct sp_peer peer;
	struct sp_link_calls calls;
	bool lost;

	uint32_t batch; /* number of the one being filled */
	struct sp_wire w;
	uint8_t body[SP_IPC_BODY_MAX];
	struct sp_buf backlog;
	bool strained; /* was not healthy since it was last relieved */

	/* A ring: batches are acknowledged in order. */
	struct waiter *waiter;
	uint32_t first, n_waiters;

	uint32_t last_request;
	struct mint *mint; /* MINT_MAX, made at the first question */
	struct leaf_waiter *leaf;
	uint32_t n_leaf, cap_leaf;
};

static void lose(struct sp_link *l)
{
	if (l->lost)
		return;
	l->lost = true;
	sp_watch_del(l->loop, &l->watch);
	l->calls.lost(l->calls.arg);
}

/* ---------------------------------------------------------------- sending */

static void start_batch(struct sp_link *l)
{
	l->w = (struct sp_wire){ .p = l->body, .cap = sizeof(l->body) };
	sp_put_u32(&l->w, ++l->batch);
}

static void keep_for_later(struct sp_link *l, uint8_t type, struct sp_str body)
{
	uint8_t head[3] = { type, (uint8_t)(body.n >> 8), (uint8_t)body.n };

	sp_buf_add(&l->backlog, (struct sp_str){ head, sizeof(head) });
	sp_buf_add(&l->backlog, body);
	if (!sp_buf_ok(&l->backlog)) {
		lose(l); /* what was promised cannot be delivered */
		return;
	}
	l->strained |= !sp_link_healthy(l);
	sp_watch_mod(l->loop, &l->watch, EPOLLIN | EPOLLOUT);
}

static void post(struct sp_link *l, uint8_t type, struct sp_str body)
{
	if (l->lost)
		return;
	if (sp_buf_len(&l->backlog) > 0) {
		keep_for_later(l, type, body);
		return;
	}
	if (sp_chan_send(l->peer.sock, type, body, NULL, 0) == SP_OK)
		return;
	if (errno == EAGAIN || errno == ENOBUFS)
		keep_for_later(l, type, body);
	else
		lose(l);
}

static void send_backlog(struct sp_link *l)
{
	while (sp_buf_len(&l->backlog) > 0) {
		struct sp_str s = sp_buf_str(&l->backlog);
		size_t n = (size_t)s.p[1] << 8 | s.p[2];
		struct sp_str body = { s.p + 3, n };

		if (sp_chan_send(l->peer.sock, s.p[0], body, NULL, 0) < 0) {
			if (errno != EAGAIN && errno != ENOBUFS)
				lose(l);
			return;
		}
		sp_buf_consume(&l->backlog, 3 + n);
	}
	sp_buf_shrink(&l->backlog);
	sp_watch_mod(l->loop, &l->watch, EPOLLIN);
}

/* The backlog may grow again from within. */
static void relieve(struct sp_link *l)
{
	if (!l->strained || !sp_link_healthy(l))
		return;
	l->strained = false;
	if (l->calls.relieved != NULL)
		l->calls.relieved(l->calls.arg);
}

static void flush(struct sp_link *l)
{
	if (l->w.n <= 4)
		return;
	post(l, SP_IPC_AUDIT, (struct sp_str){ l->body, l->w.n });
	start_batch(l);
}

static void on_flush(struct sp_job *j)
{
	flush(SP_OWNER(j, struct sp_link, flush));
}

bool sp_link_healthy(const struct sp_link *l)
{
	return !l->lost && sp_buf_len(&l->backlog) < SP_LINK_STRAIN;
}

/* ---------------------------------------------------------------- records */

typedef void put_fn(struct sp_wire *w, const void *record);

static void put_open(struct sp_wire *w, const void *record)
{
	sp_rec_open_put(w, record);
}

static void put_close(struct sp_wire *w, const void *record)
{
	sp_rec_close_put(w, record);
}

static void put_addr(struct sp_wire *w, const struct sp_addr *a)
{
	size_t n = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;

	sp_put_u8(w, a->family);
	for (size_t i = 0; i < n; i++)
		sp_put_u8(w, a->b[i]);
}

struct conn_note {
	uint64_t conn;
	const struct sp_endpoint *from, *dest;
};

static void put_conn(struct sp_wire *w, const void *record)
{
	const struct conn_note *c = record;

	sp_put_u64(w, c->conn);
	put_addr(w, &c->from->addr);
	sp_put_u16(w, c->from->port);
	put_addr(w, &c->dest->addr);
	sp_put_u16(w, c->dest->port);
}

/* Into the current batch, or into the next one when it is full. */
static void add(struct sp_link *l, enum kind kind, put_fn *put,
                const void *record)
{
	for (int try = 0; try < 2; try++) {
		struct sp_wire before = l->w;

		sp_put_u8(&l->w, (uint8_t)kind);
		put(&l->w, record);
		if (!l->w.bad) {
			sp_loop_defer(l->loop, &l->flush);
			return;
		}
		l->w = before;
		flush(l);
	}
	sp_panic("a record that fits no packet", __FILE__, __LINE__);
}

enum sp_rc sp_link_open(struct sp_link *l, const struct sp_rec_open *r,
                        struct sp_ref waiter)
{
	if (!sp_link_healthy(l) || l->n_waiters == SP_LINK_WAIT_MAX)
		return SP_E_LIMIT;
	add(l, KIND_OPEN, put_open, r);
	if (l->waiter == NULL)
		l->waiter = sp_alloc(SP_LINK_WAIT_MAX, sizeof(*l->waiter));
	l->waiter[(l->first + l->n_waiters++) % SP_LINK_WAIT_MAX] =
		(struct waiter){ l->batch, waiter, r->id };
	return SP_OK;
}

void sp_link_note(struct sp_link *l, const struct sp_rec_open *r)
{
	add(l, KIND_OPEN, put_open, r);
}

void sp_link_close_tx(struct sp_link *l, const struct sp_rec_close *r)
{
	add(l, KIND_CLOSE, put_close, r);
}

void sp_link_conn(struct sp_link *l, uint64_t conn,
                  const struct sp_endpoint *from,
                  const struct sp_endpoint *dest)
{
	struct conn_note c = { conn, from, dest };

	add(l, KIND_CONN, put_conn, &c);
}

/* Serial numbers wrap: RFC 1982 comparison. */
static bool not_after(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) >= 0;
}

enum sp_rc sp_link_on_ack(struct sp_link *l, struct sp_packet *m)
{
	struct sp_str in = { m->body, m->n };
	uint32_t batch;
	uint8_t ok;

	SP_TRY(sp_get_u32(&in, &batch));
	SP_TRY(sp_get_u8(&in, &ok));
	SP_TRY(sp_get_end(&in));
	while (l->n_waiters > 0 &&
	       not_after(l->waiter[l->first].batch, batch)) {
		struct waiter w = l->waiter[l->first];

		l->first = (l->first + 1) % SP_LINK_WAIT_MAX;
		l->n_waiters--;
		l->calls.recorded(l->calls.arg, w.who, w.txn, ok != 0);
	}
	return SP_OK;
}

/* ----------------------------------------------------------- certificates */

static struct mint *find_mint(struct sp_link *l, const struct sp_host *host)
{
	for (size_t i = 0; l->mint != NULL && i < MINT_MAX; i++)
		if (l->mint[i].request != 0 &&
		    sp_host_eq(&l->mint[i].host, host))
			return &l->mint[i];
	return NULL;
}

static struct mint *new_mint(struct sp_link *l, const struct sp_host *host)
{
	if (l->mint == NULL)
		l->mint = sp_alloc(MINT_MAX, sizeof(*l->mint));
	for (size_t i = 0; i < MINT_MAX; i++) {
		if (l->mint[i].request != 0)
			continue;
		if (++l->last_request == 0)
			++l->last_request;
		l->mint[i] = (struct mint){ l->last_request, *host };
		return &l->mint[i];
	}
	return NULL;
}

static void ask_mint(struct sp_link *l, const struct mint *q)
{
	uint8_t buf[SP_HOST_MAX + 16];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&w, q->request);
	sp_put_str(&w, sp_host_str(&q->host));
	sp_assert(!w.bad);
	post(l, SP_IPC_MINT, (struct sp_str){ buf, w.n });
}

enum sp_rc sp_link_mint(struct sp_link *l, const struct sp_host *host,
                        struct sp_ref waiter)
{
	struct mint *q = find_mint(l, host);

	if (l->lost || l->n_leaf == SP_LINK_WAIT_MAX)
		return SP_E_LIMIT;
	if (q == NULL) {
		q = new_mint(l, host);
		if (q == NULL)
			return SP_E_LIMIT;
		ask_mint(l, q);
	}
	if (l->n_leaf == l->cap_leaf) {
		l->cap_leaf = l->cap_leaf == 0 ? 16 : l->cap_leaf * 2;
		l->leaf = sp_realloc(l->leaf, l->cap_leaf * sizeof(*l->leaf));
	}
	l->leaf[l->n_leaf++] = (struct leaf_waiter){ q->request, waiter };
	return SP_OK;
}

/* Callbacks may ask again, so each waiter leaves the list first. */
static void wake_leaf(struct sp_link *l, uint32_t request, bool ok)
{
	for (uint32_t i = 0; i < l->n_leaf;) {
		struct sp_ref who = l->leaf[i].who;

		if (l->leaf[i].request != request) {
			i++;
			continue;
		}
		l->leaf[i] = l->leaf[--l->n_leaf];
		l->calls.leaf_done(l->calls.arg, who, ok);
	}
}

enum sp_rc sp_link_on_leaf(struct sp_link *l, struct sp_packet *m)
{
	struct sp_str in = { m->body, m->n }, der;
	struct sp_host host;
	uint32_t request;
	uint8_t ok;

	SP_TRY(sp_get_u32(&in, &request));
	SP_TRY(sp_get_u8(&in, &ok));
	SP_TRY(sp_get_str(&in, SP_IPC_BODY_MAX, &der));
	SP_TRY(sp_get_end(&in));
	for (size_t i = 0; l->mint != NULL && i < MINT_MAX; i++) {
		if (l->mint[i].request != request || request == 0)
			continue;
		host = l->mint[i].host;
		l->mint[i].request = 0;
		if (ok != 0)
			l->calls.leaf(l->calls.arg, &host, der);
		wake_leaf(l, request, ok != 0);
		return SP_OK;
	}
	return SP_E_STATE;
}

enum sp_rc sp_link_ready(struct sp_link *l, struct sp_str spki)
{
	uint8_t buf[1024];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_str(&w, spki);
	if (w.bad)
		return SP_E_LIMIT;
	post(l, SP_IPC_READY, (struct sp_str){ buf, w.n });
	return l->lost ? SP_E_SYS : SP_OK;
}

/* ------------------------------------------------------------- the socket */

static void on_channel(struct sp_watch *w, uint32_t events)
{
	struct sp_link *l = SP_OWNER(w, struct sp_link, watch);
	struct sp_packet m;

	if ((events & EPOLLOUT) != 0) {
		send_backlog(l);
		relieve(l);
	}
	while (!l->lost) {
		enum sp_rc rc = sp_chan_recv(l->peer.sock, &m);

		if (rc == SP_E_SYS && (errno == EAGAIN || errno == EINTR))
			return;
		if (rc == SP_OK) {
			rc = sp_ops_dispatch(l->ops, &l->peer, &m);
			sp_packet_fini(&m);
		}
		if (rc != SP_OK)
			lose(l);
	}
}

enum sp_rc sp_link_new(struct sp_loop *loop, int sock, const struct sp_op *ops,
                       void *owner, const struct sp_link_calls *calls,
                       struct sp_link **ret, struct sp_err *err)
{
	struct sp_link *l = SP_NEW(struct sp_link);

	l->loop = loop;
	l->ops = ops;
	l->calls = *calls;
	l->flush.run = on_flush;
	l->watch.run = on_channel;
	l->peer = (struct sp_peer){
		.role = SP_R_KEEPER,
		.sock = sock,
		.owner = owner,
	};
	sp_buf_init(&l->backlog, SP_LINK_BACKLOG);
	start_batch(l);
	if (sp_watch_add(loop, &l->watch, sock, EPOLLIN) < 0) {
		sp_free(l);
		return sp_err_sys(err, "watch the keeper's channel");
	}
	*ret = l;
	return SP_OK;
}

void sp_link_free(struct sp_link *l)
{
	if (l == NULL)
		return;
	sp_watch_del(l->loop, &l->watch);
	sp_loop_undefer(l->loop, &l->flush);
	sp_buf_fini(&l->backlog);
	sp_free(l->waiter);
	sp_free(l->mint);
	sp_free(l->leaf);
	sp_free(l);
}
