/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/flow.c - edge-triggered, so each flag below remembers what the kernel
 * will not say again:
 *
 *	readable  set by an event, cleared by a short read or EAGAIN
 *	writable  set at first and by an event, cleared by EAGAIN
 *	hangup    the peer has sent its FIN (or worse): read on to the end
 *
 * A read that returned less than asked for has emptied the socket. Unless the
 * FIN is known to be there already, a later one makes a new event, so the
 * read that would only say EAGAIN is saved. Urgent data is the exception: a
 * read stops at it; who sends it is read on to the end, too.
 */
#include "net/flow.h"

#include <errno.h>
#include <unistd.h>

#define READ_SMALL 16384u
#define READ_LARGE SP_FLOW_HIGH
#define EVENTS     (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)
/* ->out must have this before TLS is asked to go on: an alert, a KeyUpdate. */
#define REPLY_ROOM 1024u

static void on_event(struct sp_watch *w, uint32_t events)
{
	struct sp_flow *f = SP_OWNER(w, struct sp_flow, watch);

	if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		f->readable = true;
	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0)
		f->hangup = true;
	/* Both directions have ended, and ours was not ended by us. */
	if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && !f->shut))
		f->gone = true;
	if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
		f->writable = true;
	f->on_ready(f->arg);
}

enum sp_rc sp_flow_open(struct sp_flow *f, struct sp_loop *loop, int fd,
                        void (*on_ready)(void *arg), void *arg)
{
	*f = (struct sp_flow){
		.loop = loop,
		.watch = { .fd = -1, .run = on_event },
		.on_ready = on_ready,
		.arg = arg,
		.writable = true,
		.readable = true, /* what came before the watch */
	};
	sp_buf_init(&f->wire, SP_FLOW_WIRE);
	sp_buf_init(&f->plain, SP_FLOW_HIGH);
	sp_buf_init(&f->pend, 2 * SP_FLOW_HIGH);
	sp_buf_init(&f->out, 2 * SP_FLOW_HIGH + SP_FLOW_WIRE);
	sp_sock_inline(fd);
	if (sp_watch_add(loop, &f->watch, fd, EVENTS) == SP_OK)
		return SP_OK;
	close(fd);
	return SP_E_SYS;
}

static void release(struct sp_flow *f)
{
	sp_tls_free(f->tls);
	f->tls = NULL;
	sp_buf_fini(&f->wire);
	sp_buf_fini(&f->plain);
	sp_buf_fini(&f->pend);
	sp_buf_fini(&f->out);
	f->dead = true;
}

void sp_flow_fini(struct sp_flow *f)
{
	int fd = f->watch.fd;

	if (f->loop == NULL)
		return;
	if (fd >= 0) {
		sp_watch_del(f->loop, &f->watch);
		close(fd);
	}
	release(f);
}

void sp_flow_reset(struct sp_flow *f)
{
	int fd = f->watch.fd;

	if (f->loop == NULL)
		return;
	if (fd >= 0) {
		sp_watch_del(f->loop, &f->watch);
		sp_sock_reset(fd);
	}
	release(f);
}

/* -------------------------------------------------------------- receiving */

/*
 * One recv() into b. Returns true when more may follow at once.
 * #syscalls recvfrom
 */
static bool receive(struct sp_flow *f, struct sp_buf *b)
{
	size_t want = f->received < READ_LARGE ? READ_SMALL : READ_LARGE;
	size_t space = sp_buf_free_space(b);
	uint8_t *p;
	ssize_t n;

	if (want > space)
		want = space;
	if (want == 0 || !f->readable || f->fin)
		return false;
	p = sp_buf_room(b, want);
	sp_assert(p != NULL);
	n = TEMP_FAILURE_RETRY(recv(f->watch.fd, p, want, 0));
	if (n > 0) {
		sp_buf_commit(b, (size_t)n);
		f->received += (uint64_t)n;
		if ((size_t)n < want && !f->hangup)
			f->readable = false;
		return f->readable;
	}
	f->readable = false;
	if (n < 0 && errno == EAGAIN)
		return false;
	f->fin = true;
	f->reset |= n < 0;
	if (f->reset) { /* it is no end of anything */
		f->truncated = true;
		f->gone = true;
		f->dead = true;
	}
	return false;
}

/* Decrypt what is in ->wire; false when that cannot go on for now. */
static bool decrypt(struct sp_flow *f)
{
	enum sp_rc rc = sp_tls_read(f->tls, &f->wire, &f->plain, &f->out);

	f->undecoded = rc == SP_E_AGAIN;
	f->full = f->undecoded && sp_buf_free_space(&f->plain) > 0;
	if (rc == SP_OK || rc == SP_E_AGAIN)
		return rc == SP_OK;
	f->eof = true;
	if (rc != SP_DONE) {
		f->truncated = true;
		f->dead = true;
	}
	return false;
}

/* Records without data fill no buffer that would stop us: a peer that sends
 * nothing else has its share of the turn, too, and no more. */
static void fill_tls(struct sp_flow *f)
{
	uint64_t stop = f->received + SP_FLOW_WIRE;
	bool more = true;

	while (more && f->received < stop) {
		more = receive(f, &f->wire);
		if (f->hand || f->eof || !decrypt(f))
			return;
		if (f->fin) { /* the end without close_notify */
			f->eof = true;
			f->truncated = true;
			return;
		}
	}
}

void sp_flow_fill(struct sp_flow *f)
{
	if (f->watch.fd < 0 || f->eof)
		return;
	if (f->tls != NULL) {
		fill_tls(f);
		return;
	}
	while (receive(f, &f->plain))
		continue;
	f->eof = f->fin;
}

bool sp_flow_may_have_more(const struct sp_flow *f)
{
	if (f->eof || sp_buf_free_space(&f->plain) == 0)
		return false;
	if (f->full && sp_buf_free_space(&f->out) < REPLY_ROOM)
		return false; /* when it is written, an event tells */
	return f->readable || f->undecoded || (f->fin && f->tls != NULL);
}

/* ---------------------------------------------------------------- sending */

size_t sp_flow_room(const struct sp_flow *f)
{
	size_t used = sp_buf_len(&f->pend) + sp_buf_len(&f->out);

	if (f->dead || f->gone || f->shut || used >= SP_FLOW_HIGH)
		return 0;
	return SP_FLOW_HIGH - used;
}

void sp_flow_send(struct sp_flow *f, struct sp_str s)
{
	struct sp_buf *b = f->tls != NULL ? &f->pend : &f->out;

	if (f->dead || f->gone || f->shut)
		return;
	sp_buf_add(b, s);
	if (!sp_buf_ok(b))
		f->dead = true;
}

static void encrypt(struct sp_flow *f)
{
	size_t n = sp_buf_len(&f->pend);

	if (n == 0 || f->hand ||
	    sp_buf_free_space(&f->out) < sp_tls_overhead(n))
		return;
	if (sp_tls_write(f->tls, sp_buf_str(&f->pend), &f->out) < 0)
		f->dead = true;
	sp_buf_consume(&f->pend, n);
}

/* #syscalls sendto */
static void transmit(struct sp_flow *f)
{
	while (f->writable && sp_buf_len(&f->out) > 0) {
		struct sp_str s = sp_buf_str(&f->out);
		ssize_t n = TEMP_FAILURE_RETRY(
			send(f->watch.fd, s.p, s.n, MSG_NOSIGNAL));

		if (n >= 0) {
			sp_buf_consume(&f->out, (size_t)n);
			f->sent += (uint64_t)n;
			continue;
		}
		f->writable = false;
		if (errno == EAGAIN)
			return;
		/* The peer takes no more; what it said may still be read, to
		 * an end that this error has swallowed. EPIPE is a reset
		 * behind an orderly end. */
		f->reset |= errno != EPIPE;
		f->gone = true;
		f->readable = true;
		f->hangup = true;
		sp_buf_reset(&f->out);
		sp_buf_reset(&f->pend);
	}
}

static void announce_end(struct sp_flow *f)
{
	if (!f->shut || f->told || !sp_flow_idle(f) || f->watch.fd < 0)
		return;
	f->told = true;
	/* Fails only when the connection is gone already. */
	(void)shutdown(f->watch.fd, SHUT_WR);
}

void sp_flow_flush(struct sp_flow *f)
{
	if (f->watch.fd < 0)
		return;
	if (f->tls != NULL && !f->dead)
		encrypt(f);
	transmit(f);
	if (f->tls != NULL && !f->dead && sp_buf_len(&f->pend) > 0) {
		encrypt(f);
		transmit(f);
	}
	announce_end(f);
}

bool sp_flow_idle(const struct sp_flow *f)
{
	return sp_buf_len(&f->out) == 0 && sp_buf_len(&f->pend) == 0;
}

/* #syscalls shutdown */
void sp_flow_shut(struct sp_flow *f)
{
	if (f->shut || f->watch.fd < 0)
		return;
	if (f->tls != NULL && !f->dead && !f->hand) {
		encrypt(f);
		/* Never "that was all" before all was said. */
		if (sp_buf_len(&f->pend) == 0)
			sp_tls_close(f->tls, &f->out);
		else
			f->dead = true;
	}
	f->shut = true;
	sp_flow_flush(f);
}

/* -------------------------------------------------------------------- TLS */

void sp_flow_start_tls(struct sp_flow *f, struct sp_tls *tls)
{
	sp_assert(f->tls == NULL);
	f->tls = tls;
	f->hand = true;
	sp_buf_add(&f->wire, sp_buf_str(&f->plain));
	sp_assert(sp_buf_ok(&f->wire));
	sp_buf_consume(&f->plain, sp_buf_len(&f->plain));
	sp_buf_shrink(&f->plain);
}

enum sp_rc sp_flow_handshake(struct sp_flow *f)
{
	enum sp_rc rc;
	bool more;

	sp_assert(f->tls != NULL && f->hand);
	do {
		more = receive(f, &f->wire);
		rc = sp_tls_handshake(f->tls, &f->wire, &f->out);
	} while (rc == SP_OK && more);
	if (rc == SP_DONE)
		f->hand = false;
	transmit(f);
	if (rc == SP_OK && f->fin)
		return SP_E_STATE;
	return rc;
}

void sp_flow_shrink(struct sp_flow *f)
{
	sp_buf_shrink(&f->wire);
	sp_buf_shrink(&f->plain);
	sp_buf_shrink(&f->pend);
	sp_buf_shrink(&f->out);
}
