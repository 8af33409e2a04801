/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/dns_check.h - an independent reader of DNS answers.
 *
 * Shares no code with dns/packet.c, so that a mistake there is seen here. It
 * follows compression pointers (only backwards), walks every record and ends
 * exactly at the last byte, or says no.
 */
#ifndef SP_TEST_DNS_CHECK_H
#define SP_TEST_DNS_CHECK_H

#include "core/base.h"

struct seen {
	uint16_t id, flags, qtype, rcode; /* with the upper bits of EDNS */
	unsigned questions, answers, authority, opt;
	uint16_t rr_type;
	uint32_t rr_ttl, soa_ttl;
	const uint8_t *rdata;
	size_t n_rdata;
	int ede; /* -1: none */
};

static inline unsigned seen_u16(const uint8_t *p)
{
	return (unsigned)p[0] * 256u + p[1];
}

/* Position behind the name at pos, or 0. */
static inline size_t seen_name(const uint8_t *p, size_t n, size_t pos)
{
	size_t behind = 0, limit = n, total = 0;

	while (pos < limit && pos < n) {
		unsigned c = p[pos];

		if (c == 0)
			return behind != 0 ? behind : pos + 1;
		if (c >= 0xc0) {
			if (pos + 2 > n)
				return 0;
			if (behind == 0)
				behind = pos + 2;
			limit = pos;
			pos = seen_u16(p + pos) & 0x3fffu;
			if (pos >= limit)
				return 0;
			continue;
		}
		total += c + 1;
		if (c > 63 || total > 254)
			return 0;
		pos += c + 1;
	}
	return 0;
}

static inline bool seen_edns(struct seen *s, const uint8_t *rr, size_t n)
{
	const uint8_t *d = rr + 10;

	s->opt++;
	s->rcode = (uint16_t)(s->rcode | rr[4] << 4);
	if (rr[5] != 0) /* version */
		return false;
	while (n > 0) {
		size_t len;

		if (n < 4)
			return false;
		len = seen_u16(d + 2);
		if (n < 4 + len)
			return false;
		if (seen_u16(d) == 15 && len >= 2)
			s->ede = (int)seen_u16(d + 4);
		d += 4 + len;
		n -= 4 + len;
	}
	return true;
}

/* Two names and five numbers. */
static inline bool seen_soa(struct seen *s, const uint8_t *p, size_t n,
                            size_t pos, size_t len)
{
	size_t end = pos + len;

	pos = seen_name(p, n, pos);
	if (pos == 0)
		return false;
	pos = seen_name(p, n, pos);
	if (pos == 0 || pos + 20 != end)
		return false;
	s->soa_ttl = seen_u16(p + pos + 18);
	return true;
}

static inline size_t seen_record(struct seen *s, const uint8_t *p, size_t n,
                                 size_t pos, int section)
{
	const uint8_t *rr;
	size_t len;

	pos = seen_name(p, n, pos);
	if (pos == 0 || pos + 10 > n)
		return 0;
	rr = p + pos;
	len = seen_u16(rr + 8);
	pos += 10;
	if (len > n - pos)
		return 0;
	if (section == 0) {
		s->answers++;
		s->rr_type = (uint16_t)seen_u16(rr);
		s->rr_ttl = seen_u16(rr + 4) << 16 | seen_u16(rr + 6);
		s->rdata = p + pos;
		s->n_rdata = len;
	}
	if (section == 1) {
		s->authority++;
		if (seen_u16(rr) != 6 || !seen_soa(s, p, n, pos, len))
			return 0;
	}
	if (section == 2 && (seen_u16(rr) != 41 || !seen_edns(s, rr, len)))
		return 0;
	return pos + len;
}

static inline bool dns_check(struct sp_str in, struct seen *s)
{
	const uint8_t *p = in.p;
	size_t n = in.n, pos = 12;

	*s = (struct seen){ .ede = -1 };
	if (n < 12)
		return false;
	s->id = (uint16_t)seen_u16(p);
	s->flags = (uint16_t)seen_u16(p + 2);
	s->rcode = s->flags & 15u;
	s->questions = seen_u16(p + 4);
	if (s->questions > 1)
		return false;
	if (s->questions == 1) {
		pos = seen_name(p, n, pos);
		if (pos == 0 || pos + 4 > n)
			return false;
		s->qtype = (uint16_t)seen_u16(p + pos);
		pos += 4;
	}
	for (int section = 0; section < 3; section++) {
		unsigned count = seen_u16(p + 6 + 2 * section);

		for (; count > 0; count--) {
			pos = seen_record(s, p, n, pos, section);
			if (pos == 0)
				return false;
		}
	}
	return pos == n;
}

#endif
