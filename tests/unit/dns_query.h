/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/dns_query.h - questions as stub resolvers send them.
 */
#ifndef SP_TEST_DNS_QUERY_H
#define SP_TEST_DNS_QUERY_H

#include "core/base.h"

struct query {
	uint8_t b[512];
	size_t n;
};

static inline struct sp_str query_str(const struct query *q)
{
	return (struct sp_str){ q->b, q->n };
}

static inline void query_raw(struct query *q, const void *p, size_t n)
{
	sp_assert(q->n + n <= sizeof(q->b));
	memcpy(q->b + q->n, p, n);
	q->n += n;
}

static inline void query_u16(struct query *q, unsigned v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	query_raw(q, b, 2);
}

/* "a.b" or "a.b."; labels may hold anything but dots; "" is the root. */
static inline void query_name(struct query *q, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ".");
		uint8_t len = (uint8_t)n;

		query_raw(q, &len, 1);
		query_raw(q, text, n);
		text += n + (text[n] == '.');
	}
	query_raw(q, "", 1);
}

static inline void query_head(struct query *q, unsigned id, unsigned flags,
                              unsigned qd, unsigned ar)
{
	q->n = 0;
	query_u16(q, id);
	query_u16(q, flags);
	query_u16(q, qd);
	query_u16(q, 0);
	query_u16(q, 0);
	query_u16(q, ar);
}

static inline void query_opt(struct query *q, unsigned size, unsigned version)
{
	query_raw(q, "", 1);
	query_u16(q, 41);
	query_u16(q, size);
	query_u16(q, version); /* upper rcode bits 0, version */
	query_u16(q, 0);
	query_u16(q, 0);
}

static inline void query_make(struct query *q, const char *name, unsigned type,
                              bool edns)
{
	query_head(q, 0x1234, 0x0100, 1, edns);
	query_name(q, name);
	query_u16(q, type);
	query_u16(q, 1);
	if (edns)
		query_opt(q, 1232, 0);
}

#endif
