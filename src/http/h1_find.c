/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1_find.c - where a head ends, in bytes that arrive piece by piece.
 *
 * Only control bytes are looked at: a head has two per line and nothing else
 * of them but tabs. What is wrong is said as soon as it is seen; whether it
 * came in one piece or byte by byte makes no difference, not even to the
 * error (the tests and the fuzzer check this).
 */
#include "http/h1_int.h"

/* The longest start line that the parser could accept, without CR LF. */
#define START_MAX (SP_H1_METHOD_MAX + 1 + SP_H1_TARGET_MAX + 1 + 8)

/*
 * A start line over its maximum is found here and not by the parser, or it
 * would be waited for. at is how far the search has come.
 */
static bool start_too_long(struct sp_str in, size_t skip, size_t at)
{
	return at > skip + START_MAX &&
	       memchr(in.p + skip, '\r', START_MAX + 1) == NULL;
}

/* An empty line ends here, at "at"; is it the end of the head? */
static bool is_empty_line(struct sp_str in, size_t skip, size_t at)
{
	return at == skip || in.p[at - 1] == '\n';
}

struct search {
	struct sp_h1_cursor c; /* text is what of the input may be a head */
	size_t skip;
};

static enum sp_rc fail(const struct search *s, enum sp_reason reason,
                       const char *rule, size_t at)
{
	if (start_too_long(s->c.text, s->skip, at))
		return sp_h1_fail(&s->c, SP_REASON_URI_TOO_LONG, "start-line",
		                  s->skip + START_MAX);
	return sp_h1_fail(&s->c, reason, rule, at);
}

/* The bytes ran out at "at" without an end. */
static enum sp_rc more(const struct search *s, size_t at)
{
	if (start_too_long(s->c.text, s->skip, at))
		return fail(s, SP_REASON_URI_TOO_LONG, "start-line", at);
	if (s->c.text.n - s->skip >= SP_H1_HEAD_MAX)
		return fail(s, SP_REASON_HEAD_TOO_LARGE, "head-size",
		            s->skip + SP_H1_HEAD_MAX);
	return SP_OK;
}

static enum sp_rc search(struct search *s, size_t *scan, size_t *ret_n)
{
	const struct sp_str in = s->c.text;

	for (size_t at = *scan;; at += 2) {
		*scan = at = sp_h1_find_ctl(in.p, at, in.n);
		if (at == in.n || (at + 1 == in.n && in.p[at] == '\r'))
			return more(s, at);
		if (in.p[at] != '\r' || in.p[at + 1] != '\n') {
			/* Names the rule; fail() knows which comes first. */
			enum sp_rc rc = sp_h1_line_end(&s->c, at);

			sp_assert(rc < 0);
			return fail(s, SP_REASON_BAD_REQUEST, s->c.why->rule,
			            at);
		}
		if (start_too_long(in, s->skip, at))
			return more(s, at);
		if (!is_empty_line(in, s->skip, at))
			continue;
		if (at == s->skip)
			return fail(s, SP_REASON_BAD_REQUEST, "empty-line", at);
		*ret_n = at + 2 - s->skip;
		return SP_DONE;
	}
}

static enum sp_rc find(struct sp_str in, bool response, size_t *scan,
                       size_t *ret_skip, size_t *ret_n, struct sp_h1_error *why)
{
	struct search s = { .c = { .response = response, .why = why } };
	enum sp_rc rc;

	if (!response && in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n')
		s.skip = 2;
	if (*scan < s.skip)
		*scan = s.skip;
	if (in.n > s.skip + SP_H1_HEAD_MAX)
		in.n = s.skip + SP_H1_HEAD_MAX;
	s.c.text = in;
	rc = search(&s, scan, ret_n);
	if (rc == SP_DONE)
		*ret_skip = s.skip;
	return rc;
}

enum sp_rc sp_h1_find(struct sp_str in, size_t *scan, size_t *ret_skip,
                      size_t *ret_n, struct sp_h1_error *why)
{
	return find(in, false, scan, ret_skip, ret_n, why);
}

enum sp_rc sp_h1_find_response(struct sp_str in, size_t *scan, size_t *ret_n,
                               struct sp_h1_error *why)
{
	size_t skip;

	return find(in, true, scan, &skip, ret_n, why);
}
