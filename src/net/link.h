/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/link.h - the proxy's side of its channel to the keeper.
 *
 * Role        Collects records into batches (one packet per turn of the loop,
 *             more if they do not fit), remembers who waits for which batch,
 *             asks for leaf certificates. PROTOCOL.ipc has the formats.
 * Ownership   Waiters are struct sp_ref: an answer for a connection that is
 *             gone finds nobody.
 * Limits      SP_LINK_WAIT_MAX waiting for an acknowledgement or a leaf,
 *             SP_LINK_BACKLOG bytes not yet taken by the keeper.
 * Failure     Over SP_LINK_STRAIN nothing new is opened; who can wait,
 *             waits for calls.relieved. What is left of the backlog is for
 *             the ends of what goes on. A lost channel, or a backlog that is
 * full, ends the process: without a keeper there is no record.
 */
#ifndef SP_NET_LINK_H
#define SP_NET_LINK_H

#include "audit/record.h"
#include "core/slots.h"
#include "ipc/ops.h"
#include "loop/loop.h"
#include "net/sock.h"

#define SP_LINK_WAIT_MAX 8192u
#define SP_LINK_STRAIN   (1u << 19) /* from here on: nothing new */
/* One end or one denial of each connection that may exist, and then some. */
#define SP_LINK_BACKLOG (16u << 20)

struct sp_link;

struct sp_link_calls {
	/* The batch with this waiter's opening record is (not) durable. */
	void (*recorded)(void *arg, struct sp_ref who, uint64_t txn, bool ok);
	/* der is empty when the keeper refused. Comes before leaf_done. */
	void (*leaf)(void *arg, const struct sp_host *host, struct sp_str der);
	void (*leaf_done)(void *arg, struct sp_ref who, bool ok);
	/* It was not healthy, and is again. May be NULL. */
	void (*relieved)(void *arg);
	/* The channel is lost or broke its rules. */
	void (*lost)(void *arg);
	void *arg;
};

/* ops: the receiving table of the role, with sp_link_on_ack and _on_leaf in
 * it; owner is what their peer->owner holds. */
SP_MUST enum sp_rc sp_link_new(struct sp_loop *loop, int sock,
                               const struct sp_op *ops, void *owner,
                               const struct sp_link_calls *calls,
                               struct sp_link **ret, struct sp_err *err);
void sp_link_free(struct sp_link *l);

/* SP_E_LIMIT: cannot be recorded now, deny. */
SP_MUST enum sp_rc sp_link_open(struct sp_link *l, const struct sp_rec_open *r,
                                struct sp_ref waiter);
/* A final opening record (a denial) or one nobody waits for. */
void sp_link_note(struct sp_link *l, const struct sp_rec_open *r);
void sp_link_close_tx(struct sp_link *l, const struct sp_rec_close *r);
void sp_link_conn(struct sp_link *l, uint64_t conn,
                  const struct sp_endpoint *from,
                  const struct sp_endpoint *dest);
/* True while the keeper takes records as fast as they come. */
bool sp_link_healthy(const struct sp_link *l);

SP_MUST enum sp_rc sp_link_mint(struct sp_link *l, const struct sp_host *host,
                                struct sp_ref waiter);
SP_MUST enum sp_rc sp_link_ready(struct sp_link *l, struct sp_str spki);

SP_MUST enum sp_rc sp_link_on_ack(struct sp_link *l, struct sp_packet *m);
SP_MUST enum sp_rc sp_link_on_leaf(struct sp_link *l, struct sp_packet *m);

#endif
