/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/nl.h - netlink messages as bytes.
 *
 * Role        Builds batches of messages (rtnetlink, nfnetlink) in the order
 *             the kernel reads them, sends them in one call and collects the
 *             acknowledgements. No library: a message is a byte buffer.
 * Ownership   The struct is the buffer; put it in the caller's frame.
 * Limits      SP_NL_MAX bytes a batch, SP_NL_DEPTH nested attributes. Beyond
 *             either the batch is poisoned and sp_nl_talk() refuses it.
 * Failure     The errno of the first message that the kernel refused.
 */
#ifndef SP_SANDBOX_NL_H
#define SP_SANDBOX_NL_H

#include "core/err.h"

#define SP_NL_MAX   8192u
#define SP_NL_DEPTH 6u

struct sp_nl {
	_Alignas(8) uint8_t p[SP_NL_MAX];
	size_t n;   /* bytes of finished messages and the open one */
	size_t msg; /* where the open message begins */
	size_t nest[SP_NL_DEPTH]; /* where the open attributes begin */
	uint8_t depth;
	uint32_t seq;  /* number of the last message begun */
	uint32_t acks; /* messages that will be answered */
	bool bad;
};

void sp_nl_init(struct sp_nl *m);
/* Header and fixed part. NLM_F_REQUEST is added; NLM_F_ACK is counted. */
void sp_nl_begin(struct sp_nl *m, uint16_t type, uint16_t flags,
                 const void *body, size_t n);
void sp_nl_put(struct sp_nl *m, uint16_t type, const void *data, size_t n);
void sp_nl_text(struct sp_nl *m, uint16_t type, const char *text);
void sp_nl_be32(struct sp_nl *m, uint16_t type, uint32_t v);
void sp_nl_nest(struct sp_nl *m, uint16_t type);
void sp_nl_unnest(struct sp_nl *m);
void sp_nl_end(struct sp_nl *m);

/*
 * Sends the batch and waits for the answers. Errors of messages numbered
 * `optional` or higher are ignored (0: none is optional). Returns 0 or the
 * first errno; *ret_seq is the number of the message that was refused.
 */
SP_MUST int sp_nl_talk(int fd, const struct sp_nl *m, uint32_t optional,
                       uint32_t *ret_seq);

#endif
