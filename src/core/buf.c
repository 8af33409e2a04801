/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buf.h"

#include <stdarg.h>

#include "core/alloc.h"

#define CAP_MIN 256u

void sp_buf_init(struct sp_buf *b, size_t max)
{
	*b = (struct sp_buf){ .max = max };
}

void sp_buf_fini(struct sp_buf *b)
{
	sp_free(b->p);
	*b = (struct sp_buf){ .max = b->max };
}

void sp_buf_wipe(struct sp_buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	sp_buf_fini(b);
}

void sp_buf_reset(struct sp_buf *b)
{
	b->head = b->tail = 0;
	b->bad = false;
}

void sp_buf_shrink(struct sp_buf *b)
{
	if (b->head == b->tail && !b->bad)
		sp_buf_fini(b);
}

size_t sp_buf_free_space(const struct sp_buf *b)
{
	return b->bad ? 0 : b->max - sp_buf_len(b);
}

/* Doubling keeps adding amortized O(1); the maximum cuts it off. */
static void grow(struct sp_buf *b, size_t need)
{
	size_t cap = b->cap < CAP_MIN ? CAP_MIN : b->cap;

	while (cap < need)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	b->p = sp_realloc(b->p, cap);
	b->cap = cap;
}

uint8_t *sp_buf_room(struct sp_buf *b, size_t n)
{
	size_t len = sp_buf_len(b);

	if (b->bad || n > b->max || len > b->max - n) {
		b->bad = true;
		return NULL;
	}
	if (b->cap - b->tail >= n && b->p != NULL)
		return b->p + b->tail;
	if (b->head > 0) {
		if (len > 0 && b->p != NULL)
			memmove(b->p, b->p + b->head, len);
		b->head = 0;
		b->tail = len;
	}
	if (b->cap - len < n || b->p == NULL)
		grow(b, len + n);
	return b->p + b->tail;
}

void sp_buf_commit(struct sp_buf *b, size_t n)
{
	sp_assert(n <= b->cap - b->tail);
	b->tail += n;
}

void sp_buf_add(struct sp_buf *b, struct sp_str s)
{
	uint8_t *p = sp_buf_room(b, s.n);

	if (p == NULL || s.n == 0)
		return;
	memcpy(p, s.p, s.n);
	b->tail += s.n;
}

void sp_buf_text(struct sp_buf *b, const char *text)
{
	sp_buf_add(b, sp_str(text));
}

void sp_buf_byte(struct sp_buf *b, uint8_t c)
{
	sp_buf_add(b, (struct sp_str){ &c, 1 });
}

void sp_buf_u64(struct sp_buf *b, uint64_t v)
{
	uint8_t digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (uint8_t)('0' + v % 10);
	while ((v /= 10) > 0);
	sp_buf_add(b, (struct sp_str){ digits + at, sizeof(digits) - at });
}

void sp_buf_printf(struct sp_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	uint8_t *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	sp_assert(n >= 0);
	p = sp_buf_room(b, (size_t)n + 1);
	if (p != NULL) {
		vsnprintf((char *)p, (size_t)n + 1, fmt, again);
		b->tail += (size_t)n;
	}
	va_end(again);
}

void sp_buf_consume(struct sp_buf *b, size_t n)
{
	sp_assert(n <= sp_buf_len(b));
	b->head += n;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}
