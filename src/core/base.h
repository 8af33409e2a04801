/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/base.h - the vocabulary every other header may assume.
 *
 * Lowest layer: includes only the C library, knows no other module.
 */
#ifndef SP_CORE_BASE_H
#define SP_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/banned.h"

#define SP_MUST         __attribute__((warn_unused_result))
#define SP_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define SP_CLEANUP(fn)  __attribute__((cleanup(fn)))
#define SP_COUNT(a)     (sizeof(a) / sizeof((a)[0]))
/* The struct that member m at p sits in. */
#define SP_OWNER(p, type, m) ((type *)(void *)((char *)(p)-offsetof(type, m)))
#define SP_KIB(n)            ((uint64_t)(n) << 10)
#define SP_MIB(n)            ((uint64_t)(n) << 20)

/*
 * How many rows an X-macro list has. An enumerator for the count would have to
 * be handled in every switch, since switches here have no default.
 */
#define SP_LIST_ONE(...)    +1 /* NOLINT(bugprone-macro-parentheses) */
#define SP_LIST_COUNT(LIST) (0 LIST(SP_LIST_ONE))

/* One row per outcome; sp_rc_text() and the man page are generated from it. */
#define SP_RC_LIST(X)                                                          \
	X(SP_OK, 0, "ok")                                                      \
	X(SP_DONE, 1, "complete")                                              \
	X(SP_E_PROTO, -1, "malformed input")                                   \
	X(SP_E_LIMIT, -2, "limit exceeded")                                    \
	X(SP_E_STATE, -3, "call not allowed in this state")                    \
	X(SP_E_SYS, -4, "system call failed")                                  \
	X(SP_E_DENIED, -5, "denied")                                           \
	X(SP_E_AGAIN, -6, "not ready yet")

enum sp_rc {
#define X(name, val, text) name = (val),
	SP_RC_LIST(X)
#undef X
};

const char *sp_rc_text(enum sp_rc rc);

/*
 * The one macro that hides a return. Legal only where the function owns
 * nothing that SP_CLEANUP() or the transaction arena would not release.
 */
#define SP_TRY(expr)                                                           \
	do {                                                                   \
		enum sp_rc sp_try_rc = (expr);                                 \
		if (sp_try_rc < 0)                                             \
			return sp_try_rc;                                      \
	} while (0)

/*
 * A result that does not matter here; a comment at the place says why. GCC
 * does not take a cast to void for an answer.
 */
#define SP_IGNORE(expr)                                                        \
	do {                                                                   \
		if (expr) {                                                    \
		}                                                              \
	} while (0)

/*
 * A broken invariant. Stays on in release builds: the process is one tenant,
 * it restarts in milliseconds, and while it is gone everything is denied.
 */
#define sp_assert(cond) ((cond) ? (void)0 : sp_panic(#cond, __FILE__, __LINE__))

_Noreturn void sp_panic(const char *what, const char *file, int line);

/* A borrowed span of bytes. Never owns, never NUL-terminated. */
struct sp_str {
	const uint8_t *p;
	size_t n;
};

/* Split off the first n bytes; the caller has checked n <= s->n. */
static inline struct sp_str sp_str_take(struct sp_str *s, size_t n)
{
	struct sp_str head = { s->p, n };

	sp_assert(n <= s->n);
	if (n > 0)
		s->p += n;
	s->n -= n;
	return head;
}

/* The span of a C string: for literals and for text of our own. */
static inline struct sp_str sp_str(const char *text)
{
	return (struct sp_str){ (const uint8_t *)text, strlen(text) };
}

static inline bool sp_str_eq(struct sp_str a, struct sp_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII only, whatever the locale says. */
static inline uint8_t sp_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool sp_str_is_nocase(struct sp_str s, const char *lower)
{
	if (s.n != strlen(lower))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (sp_lower(s.p[i]) != (uint8_t)lower[i])
			return false;
	return true;
}

static inline bool sp_str_is(struct sp_str s, const char *text)
{
	return s.n == strlen(text) && (s.n == 0 || memcmp(s.p, text, s.n) == 0);
}

#endif
