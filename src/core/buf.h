/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/buf.h - bytes that grow up to a maximum chosen at init.
 *
 * Role        Assembles output, holds input that waits for more. Consuming
 *             from the front is O(1); the storage is moved or grown only when
 *             room is asked for.
 * Ownership   The struct it sits in; sp_buf_fini() releases the storage.
 *             Spans into it die with the next call that adds bytes.
 * Limits      max. Adding beyond it poisons the buffer: it stays bad, later
 *             adds are ignored, and the one check is at the end (sp_buf_ok).
 */
#ifndef SP_CORE_BUF_H
#define SP_CORE_BUF_H

#include "core/base.h"

struct sp_buf {
	uint8_t *p;
	size_t head; /* first byte not consumed yet */
	size_t tail; /* end of the content; head <= tail <= cap */
	size_t cap;
	size_t max; /* of cap */
	bool bad;
};

void sp_buf_init(struct sp_buf *b, size_t max);
void sp_buf_fini(struct sp_buf *b);
/* As fini, but wipes the storage first: for what may hold secrets. */
void sp_buf_wipe(struct sp_buf *b);
/* Empty and healthy again; keeps the storage. */
void sp_buf_reset(struct sp_buf *b);
/* Gives the storage back when the buffer is empty. */
void sp_buf_shrink(struct sp_buf *b);

static inline size_t sp_buf_len(const struct sp_buf *b)
{
	return b->tail - b->head;
}

static inline struct sp_str sp_buf_str(const struct sp_buf *b)
{
	return (struct sp_str){ b->p + b->head, b->tail - b->head };
}

static inline bool sp_buf_ok(const struct sp_buf *b)
{
	return !b->bad;
}

/*
 * Room for n more bytes behind the tail, or NULL (and poisoned) when that
 * would exceed the maximum. Bytes written there count after sp_buf_commit().
 */
SP_MUST uint8_t *sp_buf_room(struct sp_buf *b, size_t n);
void sp_buf_commit(struct sp_buf *b, size_t n);
/* How many bytes could still be added before the maximum. */
size_t sp_buf_free_space(const struct sp_buf *b);

void sp_buf_add(struct sp_buf *b, struct sp_str s);
void sp_buf_text(struct sp_buf *b, const char *text);
void sp_buf_byte(struct sp_buf *b, uint8_t c);
void sp_buf_u64(struct sp_buf *b, uint64_t v); /* decimal */
void sp_buf_printf(struct sp_buf *b, const char *fmt, ...) SP_PRINTF(2, 3);

/* Drop n bytes from the front; the caller has checked n <= len. */
void sp_buf_consume(struct sp_buf *b, size_t n);

#endif
