/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/der.h"

size_t sp_der_open(struct sp_buf *b, uint8_t tag)
{
	size_t mark = sp_buf_len(b);

	sp_buf_byte(b, tag);
	sp_buf_byte(b, 0); /* the short length; sp_der_close() knows better */
	return mark;
}

void sp_der_close(struct sp_buf *b, size_t mark)
{
	size_t n, extra;
	uint8_t *p;

	if (!sp_buf_ok(b))
		return;
	n = sp_buf_len(b) - mark - 2;
	extra = n < 0x80 ? 0 : n <= 0xff ? 1 : 2;
	if (n > UINT16_MAX || sp_buf_room(b, extra) == NULL) {
		b->bad = true;
		return;
	}
	p = b->p + b->head + mark;
	memmove(p + 2 + extra, p + 2, n);
	sp_buf_commit(b, extra);
	p[1] = extra == 0 ? (uint8_t)n : (uint8_t)(0x80 | extra);
	if (extra == 2)
		p[2] = (uint8_t)(n >> 8);
	if (extra > 0)
		p[1 + extra] = (uint8_t)n;
}

void sp_der_put(struct sp_buf *b, uint8_t tag, struct sp_str content)
{
	size_t mark = sp_der_open(b, tag);

	sp_buf_add(b, content);
	sp_der_close(b, mark);
}

struct date {
	uint64_t year;
	unsigned month, day;
};

/*
 * The proleptic Gregorian calendar in years that begin in March, so that the
 * leap day is the last one. gmtime_r() would open the time zone file.
 */
static struct date date_of(uint64_t days_since_1970)
{
	uint64_t d = days_since_1970 + 719468; /* since 0000-03-01 */
	uint64_t era = d / 146097, of_era = d % 146097;
	uint64_t y =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	unsigned of_year = (unsigned)(of_era - (365 * y + y / 4 - y / 100));
	unsigned m = (5 * of_year + 2) / 153; /* 0 is March */

	return (struct date){
		.year = era * 400 + y + (m >= 10),
		.month = m < 10 ? m + 3 : m - 9,
		.day = of_year - (153 * m + 2) / 5 + 1,
	};
}

void sp_der_put_time(struct sp_buf *b, uint64_t unix_s)
{
	struct date d = date_of(unix_s / 86400);
	unsigned s = (unsigned)(unix_s % 86400);
	bool utc = d.year < 2050;
	char text[32];
	int n;

	sp_assert(d.year >= 1970 && d.year <= 9999);
	n = snprintf(text, sizeof(text), "%04u%02u%02u%02u%02u%02uZ",
	             (unsigned)d.year, d.month, d.day, s / 3600, s / 60 % 60,
	             s % 60);
	sp_assert(n == 15);
	sp_der_put(b, utc ? SP_DER_UTCTIME : SP_DER_GENTIME,
	           sp_str(utc ? text + 2 : text));
}

static enum sp_rc take_length(struct sp_str *in, size_t *ret)
{
	size_t octets, n = 0;
	uint8_t first;

	if (in->n < 1)
		return SP_E_PROTO;
	first = *sp_str_take(in, 1).p;
	if (first < 0x80) {
		*ret = first;
		return SP_OK;
	}
	octets = first & 0x7fu;
	if (octets < 1 || octets > 2 || in->n < octets)
		return SP_E_PROTO;
	for (size_t i = 0; i < octets; i++)
		n = n << 8 | *sp_str_take(in, 1).p;
	if (n < (octets == 1 ? 0x80u : 0x100u)) /* not the shortest form */
		return SP_E_PROTO;
	*ret = n;
	return SP_OK;
}

enum sp_rc sp_der_take(struct sp_str *in, uint8_t tag,
                       struct sp_str *ret_content, struct sp_str *ret_whole)
{
	struct sp_str rest = *in, content;
	size_t n;

	if (rest.n < 1 || *sp_str_take(&rest, 1).p != tag)
		return SP_E_PROTO;
	SP_TRY(take_length(&rest, &n));
	if (n > rest.n)
		return SP_E_PROTO;
	content = sp_str_take(&rest, n);
	if (ret_content != NULL)
		*ret_content = content;
	if (ret_whole != NULL)
		*ret_whole = (struct sp_str){ in->p, in->n - rest.n };
	*in = rest;
	return SP_OK;
}
