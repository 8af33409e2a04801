/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/flow.h - one side of a connection: a socket, TLS or not, two buffers.
 *
 * Role        Turns readiness into plain bytes in ->plain, and plain bytes
 *             given to sp_flow_send() into wire bytes. Knows nothing of HTTP.
 * Ownership   Embedded in the connection it serves, which consumes ->plain
 *             and calls sp_flow_fini() once; that closes the socket.
 * Limits      SP_FLOW_HIGH bytes each way. Reading stops when ->plain is
 *             full, so TCP holds the peer back; sp_flow_room() tells a sender
 *             how much it may give.
 * Contract    on_ready is called when something changed; it should only mark
 *             (queue a job). The watch is edge-triggered and set once: no
 *             system call changes it later.
 * Failure     dead means that the socket or TLS broke: nothing more is sent
 *             or received; what ->plain holds is still good. gone means that
 *             sending has failed or would fail; what the peer said before may
 *             still be read. Sending more than there is room for is dead, too:
 *             a gap in the stream is never hidden.
 */
#ifndef SP_NET_FLOW_H
#define SP_NET_FLOW_H

#include "core/buf.h"
#include "loop/loop.h"
#include "net/sock.h"
#include "tls/tls.h"

#define SP_FLOW_HIGH 65536u
/* Ciphertext of one full buffer, and some records of its own. */
#define SP_FLOW_WIRE (SP_FLOW_HIGH + 8192u)

struct sp_flow {
	struct sp_loop *loop;
	struct sp_watch watch;
	struct sp_tls *tls;  /* NULL: plain TCP */
	struct sp_buf wire;  /* received, not decrypted (TLS only) */
	struct sp_buf plain; /* received, for the owner */
	struct sp_buf pend;  /* to be encrypted (TLS only) */
	struct sp_buf out;   /* to be sent */
	void (*on_ready)(void *arg);
	void *arg;
	uint64_t received, sent; /* wire bytes */
	bool readable, writable, hangup;
	bool full;      /* TLS has to answer first, and ->out had no room */
	bool fin;       /* the socket has no more; ->wire may still hold some */
	bool undecoded; /* ->plain was full while decrypting */
	bool eof;       /* the peer ends orderly; nothing follows ->plain */
	bool truncated; /* TLS without close_notify, or a reset */
	bool dead;
	bool gone;  /* what we send arrives nowhere: nobody is there */
	bool reset; /* and it was no orderly end */
	bool shut;  /* our end was announced */
	bool told;  /* ... to the kernel, too */
	bool hand;  /* handshake not finished: plain flows after it */
};

/* Takes over fd. SP_E_SYS when it cannot be watched (fd is closed then). */
SP_MUST enum sp_rc sp_flow_open(struct sp_flow *f, struct sp_loop *loop, int fd,
                                void (*on_ready)(void *arg), void *arg);
/* Closes; NULL-safe on parts, twice is harmless. */
void sp_flow_fini(struct sp_flow *f);
/* As fini, but the peer sees a reset. */
void sp_flow_reset(struct sp_flow *f);
static inline bool sp_flow_is_open(const struct sp_flow *f)
{
	return f->watch.fd >= 0;
}

/* Receive what is there, at most until the buffers are full. */
void sp_flow_fill(struct sp_flow *f);
/* Bytes that may wait in the socket although no event will tell. */
bool sp_flow_may_have_more(const struct sp_flow *f);

/* How many bytes sp_flow_send() would take now. */
size_t sp_flow_room(const struct sp_flow *f);
void sp_flow_send(struct sp_flow *f, struct sp_str s);
/* Encrypt and write as much as the socket takes. */
void sp_flow_flush(struct sp_flow *f);
/* Nothing waits to be written. */
bool sp_flow_idle(const struct sp_flow *f);

/* From now on the socket speaks TLS; what ->plain holds becomes ->wire. */
void sp_flow_start_tls(struct sp_flow *f, struct sp_tls *tls);
/*
 * SP_DONE finished, SP_OK waiting for the peer, < 0 failed: the alert (if
 * any) is in ->out and wants a flush.
 */
SP_MUST enum sp_rc sp_flow_handshake(struct sp_flow *f);

/* close_notify (TLS), and shutdown of our direction once all is written. */
void sp_flow_shut(struct sp_flow *f);
/* Give memory back while nothing is buffered. */
void sp_flow_shrink(struct sp_flow *f);

#endif
