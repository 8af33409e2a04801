/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/glob.c - text patterns.
 */
#include "policy/glob.h"

#include <libpsl.h>

#include "policy/pattern.h"

#define SUFFIX_LABELS_MAX 6u /* the ICANN part of the list has at most 4 */

/* On a mismatch only the last star can take one byte more. */
bool sp_glob_match(struct sp_str pattern, struct sp_str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/*
 * Length of the public suffix, ICANN part only: github.io is a registration
 * like any other. An unknown top-level domain counts as one. The list is the
 * one built into the library; no file is read.
 */
static size_t suffix_length(struct sp_str host)
{
	char text[SP_HOST_MAX + 1];
	size_t at = host.n, last = 0;
	unsigned labels = 0;

	sp_assert(host.n < sizeof(text));
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	while (at > 0 && labels < SUFFIX_LABELS_MAX) {
		if (text[--at] != '.')
			continue;
		labels++;
		if (psl_is_public_suffix2(psl_builtin(), text + at + 1,
		                          PSL_TYPE_ICANN))
			last = host.n - at - 1;
	}
	return last;
}

bool sp_glob_match_bounded(struct sp_str pattern, struct sp_str host)
{
	size_t n = suffix_length(host);

	sp_assert(pattern.n >= 2);
	if (n == 0 || n + 1 >= host.n)
		return false;
	pattern.n -= 2; /* ".*" */
	host.n -= n + 1;
	return sp_glob_match(pattern, host);
}
