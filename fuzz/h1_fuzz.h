/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz/h1_fuzz.h - what the harnesses of HTTP/1 heads share. The first byte
 * of an input chooses how it is cut; the rest comes from the connection.
 */
#ifndef SP_FUZZ_H1_FUZZ_H
#define SP_FUZZ_H1_FUZZ_H

#include "http/h1.h"

/* Writing may lengthen: a space behind each colon, Host, framing. */
#define FUZZ_OUT_MAX (2 * SP_H1_HEAD_MAX)

struct found {
	enum sp_rc rc;
	size_t skip, n;
	struct sp_h1_error why;
};

typedef enum sp_rc find_fn(struct sp_str in, size_t *scan, struct found *f);

/* The head in pieces of this size. */
static inline struct found find_by(find_fn *find, struct sp_str all,
                                   size_t piece)
{
	struct found f = { .rc = SP_OK };
	struct sp_str in = { all.p, 0 };
	size_t scan = 0;

	while (f.rc == SP_OK && in.n < all.n) {
		in.n = all.n - in.n < piece ? all.n : in.n + piece;
		f.rc = find(in, &scan, &f);
	}
	return f;
}

/* Where the cuts are must not matter, not even to the error. */
static inline struct found find_twice(find_fn *find, const uint8_t *data,
                                      size_t size)
{
	struct sp_str all = { data + 1, size - 1 };
	struct found f = find_by(find, all, all.n);
	struct found g = find_by(find, all, 1u + data[0] % 61u);

	sp_assert(f.rc == g.rc);
	if (f.rc == SP_DONE)
		sp_assert(f.n == g.n && f.skip == g.skip);
	if (f.rc < 0)
		sp_assert(f.why.rule == g.why.rule &&
		          f.why.reason == g.why.reason &&
		          f.why.offset == g.why.offset);
	return f;
}

/* So near to a limit that what was added by writing may be over it. */
static inline bool near_limit(const struct sp_h1_head *h,
                              const struct sp_buf *out)
{
	if (sp_buf_len(out) > SP_H1_HEAD_MAX - 1024 ||
	    h->n_fields > SP_H1_FIELDS_MAX - 4)
		return true;
	for (size_t i = 0; i < h->n_fields; i++)
		if (h->field[i].name.n + h->field[i].value.n + 4 >
		    SP_H1_FIELD_MAX)
			return true;
	return false;
}

static inline bool named(struct sp_str name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sp_str_is_nocase(name, list[i]))
			return true;
	return false;
}

/*
 * The fields of a that go on are those of b, in the same order, but for those
 * that are made anew or known to be left out.
 */
static inline void check_same_fields(const struct sp_h1_head *a,
                                     const struct sp_h1_head *b)
{
	static const char *const anew[] = { "host", "content-length",
		                            "transfer-encoding", "expect",
		                            "connection" };
	size_t k = 0;

	for (size_t i = 0; i < a->n_fields; i++) {
		if (a->drop[i] || named(a->field[i].name, anew, SP_COUNT(anew)))
			continue;
		while (k < b->n_fields &&
		       named(b->field[k].name, anew, SP_COUNT(anew)))
			k++;
		sp_assert(k < b->n_fields);
		sp_assert(sp_str_eq(a->field[i].name, b->field[k].name));
		sp_assert(sp_str_eq(a->field[i].value, b->field[k].value));
		k++;
	}
	while (k < b->n_fields && named(b->field[k].name, anew, SP_COUNT(anew)))
		k++;
	sp_assert(k == b->n_fields);
}

#endif
