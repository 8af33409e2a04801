/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1_int.h - what the files of the HTTP/1 parser share.
 *
 * Role        Character classes, the search for control bytes, the parser of
 *             one field line (heads and trailers use the very same one), and
 *             the table of fields that mean something to us.
 * Invariant   Text handed to sp_h1_line() ends with CR LF, so that loops over
 *             a class of characters need no bound: CR is in none of them.
 */
#ifndef SP_HTTP_H1_INT_H
#define SP_HTTP_H1_INT_H

#include <endian.h>

#include "http/h1.h"

enum {
	SP_H1_TCHAR = 1,     /* RFC 9110, 5.6.2 */
	SP_H1_TARGET = 2,    /* visible ASCII but '#' */
	SP_H1_AUTHORITY = 4, /* host, port, brackets; no '@', no '\' */
	SP_H1_DIGIT = 8,
	SP_H1_CTL = 16, /* controls but tab, and DEL */
};

extern const uint8_t sp_h1_class[256];

static inline bool sp_h1_is(uint8_t c, unsigned kind)
{
	return (sp_h1_class[c] & kind) != 0;
}

/* Does s consist of nothing but this class? */
static inline bool sp_h1_all(struct sp_str s, unsigned kind)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sp_h1_is(s.p[i], kind))
			return false;
	return true;
}

/*
 * Skip eight bytes at a time while none is a control byte or DEL (tab counts
 * as one here). "x - 0x20.." borrows into the high bit of bytes below 0x20;
 * a borrow can make a byte above a hit look like one, never below it, so the
 * lowest hit is exact, and the lowest byte in memory is the lowest here.
 */
static inline size_t sp_h1_skip_plain(const uint8_t *p, size_t at, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (; n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
		uint64_t w, del, hit;

		memcpy(&w, p + at, sizeof(w));
		w = le64toh(w);
		del = w ^ ones * 0x7f;
		hit = (w - ones * 0x20) & ~w;
		hit = (hit | ((del - ones) & ~del)) & ones * 0x80;
		if (hit != 0)
			return at + (unsigned)__builtin_ctzll(hit) / 8;
	}
	while (at < n && !sp_h1_is(p[at], SP_H1_CTL) && p[at] != '\t')
		at++;
	return at;
}

/* The first control byte but tab at or behind at; n if there is none. */
static inline size_t sp_h1_find_ctl(const uint8_t *p, size_t at, size_t n)
{
	while ((at = sp_h1_skip_plain(p, at, n)) < n && p[at] == '\t')
		at++;
	return at;
}

static inline struct sp_str sp_h1_trim(struct sp_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* A place in a head or trailer block, and where errors go. */
struct sp_h1_cursor {
	struct sp_str text; /* ends with CR LF */
	size_t at;
	bool response;
	struct sp_h1_error *why;
};

/* Fills in why; the reason of anything in a response is UPSTREAM_PROTOCOL. */
SP_MUST enum sp_rc sp_h1_fail(const struct sp_h1_cursor *c,
                              enum sp_reason reason, const char *rule,
                              size_t offset);

/* At the end of a line: CR LF at "at", or which rule is broken there. */
SP_MUST enum sp_rc sp_h1_line_end(const struct sp_h1_cursor *c, size_t at);

/* Parse the field line at the cursor and step behind it. */
SP_MUST enum sp_rc sp_h1_line(struct sp_h1_cursor *c, struct sp_h1_field *ret);

/* The next element of a comma list, trimmed; empty ones are skipped. */
bool sp_h1_next_element(struct sp_str *list, struct sp_str *ret);

/* Fields that mean something to a proxy; all others are PLAIN. */
enum sp_h1_kind {
	SP_H1_K_PLAIN,
	SP_H1_K_HOST,
	SP_H1_K_LENGTH,
	SP_H1_K_CODING,
	SP_H1_K_EXPECT,
	SP_H1_K_TE,
	SP_H1_K_CONNECTION,
	SP_H1_K_UPGRADE,
	SP_H1_K_ALT_SVC,
	SP_H1_K_HOP,       /* dropped without being looked at */
	SP_H1_K_DISGUISED, /* a framing field with '_' in place of '-' */
};

enum sp_h1_kind sp_h1_kind(struct sp_str name);

/* Names compare without case (RFC 9110, 5.1). */
static inline bool sp_h1_same_name(struct sp_str a, struct sp_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (sp_lower(a.p[i]) != sp_lower(b.p[i]))
			return false;
	return true;
}

/*
 * All field lines up to and with the empty line at the end of the text, then
 * what they mean together: framing, persistence, upgrade, what is hop-by-hop.
 * The start line has filled in h->minor.
 */
SP_MUST enum sp_rc sp_h1_fields(struct sp_h1_cursor *c, struct sp_h1_head *h);

#endif
