/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/http_check.h - messages in a byte stream, read by a parser that
 * shares no line with ours, and is stricter: this is what may stand behind us.
 */
#ifndef SP_TEST_HTTP_CHECK_H
#define SP_TEST_HTTP_CHECK_H

#include "core/buf.h"

struct seen {
	struct sp_str line[3]; /* method, target, version; or version, ... */
	struct sp_str host;
	unsigned hosts, lengths, codings;
	uint64_t length;
	struct sp_buf *body; /* appended to, if there is one */
};

enum check { CHECK_BAD = -1, CHECK_MORE, CHECK_WHOLE };

/* The next line without its end; MORE if there is none. */
static inline enum check check_line(struct sp_str *in, struct sp_str *line)
{
	const uint8_t *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;

	if (lf == NULL)
		return CHECK_MORE;
	if (lf == in->p || lf[-1] != '\r')
		return CHECK_BAD;
	*line = sp_str_take(in, (size_t)(lf - in->p) + 1);
	line->n -= 2;
	for (size_t i = 0; i < line->n; i++)
		if ((line->p[i] < ' ' && line->p[i] != '\t') ||
		    line->p[i] == 0x7f)
			return CHECK_BAD;
	return CHECK_WHOLE;
}

/* Three words with one blank between them; the last may hold blanks. */
static inline bool check_start(struct sp_str s, struct seen *m)
{
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *b = s.n > 0 ? memchr(s.p, ' ', s.n) : NULL;

		if (b == NULL || b == s.p)
			return false;
		m->line[i] = sp_str_take(&s, (size_t)(b - s.p));
		(void)sp_str_take(&s, 1);
	}
	m->line[2] = s;
	return true;
}

static inline bool check_number(struct sp_str s, unsigned base, uint64_t *ret)
{
	*ret = 0;
	if (s.n == 0 || s.n > 15)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = strchr(digits, sp_lower(s.p[i]));

		if (at == NULL || s.p[i] == 0 ||
		    (unsigned)(at - digits) >= base)
			return false;
		*ret = *ret * base + (unsigned)(at - digits);
	}
	return true;
}

static inline bool check_field(struct sp_str s, struct seen *m)
{
	const uint8_t *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;
	struct sp_str name;

	if (colon == NULL || colon == s.p)
		return false;
	name = sp_str_take(&s, (size_t)(colon - s.p));
	for (size_t i = 0; i < name.n; i++)
		if (strchr(" \t\"(),/;<=>?@[\\]{}", name.p[i]) != NULL)
			return false;
	if (s.n < 2 || s.p[1] != ' ') /* as we write it */
		return false;
	(void)sp_str_take(&s, 2);
	if (sp_str_is_nocase(name, "host")) {
		m->hosts++;
		m->host = s;
	} else if (sp_str_is_nocase(name, "content-length")) {
		m->lengths++;
		return check_number(s, 10, &m->length);
	} else if (sp_str_is_nocase(name, "transfer-encoding")) {
		m->codings++;
		return sp_str_is(s, "chunked");
	}
	return true;
}

static inline enum check check_fields(struct sp_str *in, struct seen *m)
{
	struct sp_str line = { 0 };
	enum check c;

	while ((c = check_line(in, &line)) == CHECK_WHOLE && line.n > 0)
		if (!check_field(line, m))
			return CHECK_BAD;
	return c;
}

static inline enum check check_bytes(struct sp_str *in, uint64_t n,
                                     struct seen *m)
{
	struct sp_str s;

	if (in->n < n)
		return CHECK_MORE;
	s = sp_str_take(in, (size_t)n);
	if (m->body != NULL)
		sp_buf_add(m->body, s);
	return CHECK_WHOLE;
}

static inline enum check check_chunks(struct sp_str *in, struct seen *m)
{
	struct seen trailers = { .length = 0 };
	struct sp_str line = { 0 };
	enum check c;
	uint64_t n;

	for (;;) {
		c = check_line(in, &line);
		if (c != CHECK_WHOLE)
			return c;
		if (!check_number(line, 16, &n))
			return CHECK_BAD;
		if (n == 0)
			break;
		c = check_bytes(in, n, m);
		if (c != CHECK_WHOLE)
			return c;
		c = check_line(in, &line);
		if (c != CHECK_WHOLE || line.n > 0)
			return c == CHECK_WHOLE ? CHECK_BAD : c;
	}
	c = check_fields(in, &trailers);
	/* a trailer that frames or routes is an attack */
	if (trailers.hosts + trailers.lengths + trailers.codings > 0)
		return CHECK_BAD;
	return c;
}

/* The message at the front of *in, taken off it when it is whole. */
static inline enum check check_message(struct sp_str *in, struct seen *m,
                                       struct sp_buf *body)
{
	struct sp_str rest = *in, line = { 0 };
	enum check c;

	*m = (struct seen){ .body = body };
	c = check_line(&rest, &line);
	if (c != CHECK_WHOLE)
		return c;
	if (!check_start(line, m))
		return CHECK_BAD;
	c = check_fields(&rest, m);
	if (c != CHECK_WHOLE)
		return c;
	if (m->hosts > 1 || m->lengths > 1 || m->codings > 1 ||
	    m->lengths + m->codings > 1)
		return CHECK_BAD;
	c = m->codings > 0 ? check_chunks(&rest, m)
	                   : check_bytes(&rest, m->length, m);
	if (c == CHECK_WHOLE)
		*in = rest;
	return c;
}

#endif
