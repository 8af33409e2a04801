/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/path.h"

#include "policy/pattern.h"

#define ROUNDS 2u /* servers behind servers decode twice */

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of an escape at p, or -1. */
static int escape(const uint8_t *p, const uint8_t *end)
{
	int hi, lo;

	if (end - p < 3 || p[0] != '%')
		return -1;
	hi = hex(p[1]);
	lo = hex(p[2]);
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static size_t decode_all(uint8_t *p, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		int c = escape(p + i, p + n);

		p[out++] = c < 0 ? p[i] : (uint8_t)c;
		i += c < 0 ? 0 : 2;
	}
	return out;
}

/* A segment whose part before ';' is a dot segment to somebody. */
static bool is_dots(const uint8_t *p, size_t n)
{
	const uint8_t *semicolon = n > 0 ? memchr(p, ';', n) : NULL;

	if (semicolon != NULL)
		n = (size_t)(semicolon - p);
	return (n == 1 || n == 2) && p[0] == '.' && p[n - 1] == '.';
}

/* C0 and C1 only occur in overlong UTF-8, which hides dots and slashes. */
static bool is_ambiguous(const uint8_t *p, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i <= n; i++) {
		uint8_t c = i < n ? p[i] : '/';

		if (c == '\\' || c == '\0' || c == 0xc0 || c == 0xc1)
			return true;
		if (c != '/')
			continue;
		if (is_dots(p + start, i - start))
			return true;
		start = i + 1;
	}
	return false;
}

static bool is_unreserved(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

/* RFC 3986, 6.2.2.1 and 6.2.2.2. */
static size_t normalize(struct sp_str raw, uint8_t *ret)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++) {
		int c = escape(raw.p + i, raw.p + raw.n);

		if (c < 0) {
			ret[n++] = raw.p[i];
			continue;
		}
		i += 2;
		if (is_unreserved(c)) {
			ret[n++] = (uint8_t)c;
			continue;
		}
		ret[n++] = '%';
		ret[n++] = (uint8_t)digits[c >> 4];
		ret[n++] = (uint8_t)digits[c & 15];
	}
	return n;
}

enum sp_rc sp_path_canon(struct sp_str raw, uint8_t *ret, size_t *ret_n)
{
	size_t n = raw.n;

	if (raw.n == 0)
		raw = sp_str("/");
	if (raw.n > SP_PATH_MAX)
		return SP_E_LIMIT;
	memcpy(ret, raw.p, raw.n);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		if (is_ambiguous(ret, n))
			return SP_E_DENIED;
		n = decode_all(ret, n);
	}
	*ret_n = normalize(raw, ret);
	return SP_OK;
}

static struct sp_str take_segment(struct sp_str *s)
{
	const uint8_t *slash = s->n > 0 ? memchr(s->p, '/', s->n) : NULL;
	size_t n = slash != NULL ? (size_t)(slash - s->p) : s->n;

	return sp_str_take(s, n);
}

static bool segment_matches(struct sp_str pattern, struct sp_str s)
{
	if (sp_str_is(pattern, "*"))
		return s.n > 0;
	return sp_glob_match(pattern, s);
}

/* What is left of both, and where to go on when they differ. */
struct walk {
	struct sp_str pattern, path;
	struct sp_str star; /* behind the last "**"; p NULL: none yet */
	struct sp_str mark; /* the path it has not taken */
};

/* The segment behind the slash, and what follows it. */
static struct sp_str next_segment(struct sp_str *s)
{
	(void)sp_str_take(s, 1); /* the slash */
	return take_segment(s);
}

/* One segment on both sides; false if they differ here. */
static bool step(struct walk *w)
{
	struct sp_str p = w->pattern, t = w->path, a;

	if (p.n == 0)
		return false;
	a = next_segment(&p);
	if (sp_str_is(a, "**")) {
		w->star = w->pattern = p;
		w->mark = w->path;
		return true;
	}
	if (t.n == 0 || !segment_matches(a, next_segment(&t)))
		return false;
	w->pattern = p;
	w->path = t;
	return true;
}

/* As in text matching, only the last "**" can take one segment more. */
static bool retry(struct walk *w)
{
	if (w->star.p == NULL || w->mark.n == 0)
		return false;
	(void)next_segment(&w->mark); /* taken by the star */
	w->pattern = w->star;
	w->path = w->mark;
	return true;
}

bool sp_path_match(struct sp_str pattern, struct sp_str path)
{
	struct walk w = { .pattern = pattern, .path = path };

	if (path.n == 0 || path.p[0] != '/')
		return false; /* "OPTIONS *" */
	while (w.pattern.n > 0 || w.path.n > 0) {
		if (w.star.p != NULL && w.pattern.n == 0 && w.star.n == 0)
			return true;
		if (!step(&w) && !retry(&w))
			return false;
	}
	return true;
}
