/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/outbox.h - packets that wait for a peer that does not read fast enough.
 *
 * Role        A role that serves many must not block on one. Packets go out at
 *             once when they can, else they wait in order; while anything
 *             waits, the owner stops reading from that peer (back-pressure).
 * Ownership   The struct it sits in. Waiting descriptors are duplicates.
 * Limits      max packets, chosen at init; over it, or when the peer is gone,
 *             SP_E_LIMIT or SP_E_SYS: treat the peer as lost.
 */
#ifndef SP_IPC_OUTBOX_H
#define SP_IPC_OUTBOX_H

#include "ipc/chan.h"

struct sp_outbox_item;

struct sp_outbox {
	struct sp_outbox_item *first, **last;
	uint32_t n, max;
};

void sp_outbox_init(struct sp_outbox *o, uint32_t max);
void sp_outbox_fini(struct sp_outbox *o);

/* sock must be non-blocking. */
SP_MUST enum sp_rc sp_outbox_send(struct sp_outbox *o, int sock, uint8_t type,
                                  struct sp_str body, const int *fd,
                                  uint8_t n_fds);
/* When sock can be written: SP_OK all sent, SP_E_AGAIN some still wait. */
SP_MUST enum sp_rc sp_outbox_flush(struct sp_outbox *o, int sock);

static inline bool sp_outbox_waits(const struct sp_outbox *o)
{
	return o->first != NULL;
}

#endif
