/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json/write.h - canonical JSON (RFC 8785) into a buffer.
 *
 * Role        Strings with minimal escapes, and flat objects whose members
 *             come out sorted. Integers only, so that the number format of
 *             RFC 8785 is plain decimal.
 * Ownership   Members borrow their keys (literals) and texts until written.
 * Limits      SP_JSON_MEMBERS_MAX per object (asserted: objects are ours);
 *             numbers above 2^53 - 1, which a reader with doubles would
 *             round, are written as 2^53 - 1. The buffer's maximum poisons it.
 * Strictness  Invalid UTF-8 becomes U+FFFD; the object says whether it did.
 *             Keys are ASCII, for which the order of bytes is the order of
 *             UTF-16 code units.
 */
#ifndef SP_JSON_WRITE_H
#define SP_JSON_WRITE_H

#include "core/buf.h"

#define SP_JSON_MEMBERS_MAX 40u
#define SP_JSON_INT_MAX     ((UINT64_C(1) << 53) - 1)

/* With the quotes. */
void sp_json_put_text(struct sp_buf *b, struct sp_str s);
void sp_json_put_u64(struct sp_buf *b, uint64_t v);

enum sp_json_member_kind {
	SP_JSON_M_TEXT,
	SP_JSON_M_U64,
	SP_JSON_M_TRUE,
};

struct sp_json_member {
	const char *key;
	struct sp_str text;
	uint64_t num;
	enum sp_json_member_kind kind;
};

/* Invariant: m[0..n) is sorted by key, without duplicates. */
struct sp_json_object {
	unsigned n;
	bool replaced; /* some text was not UTF-8 */
	struct sp_json_member m[SP_JSON_MEMBERS_MAX];
};

/* In sorted order adding is a single comparison; any order works. */
void sp_json_add_text(struct sp_json_object *o, const char *key,
                      struct sp_str text);
void sp_json_add_u64(struct sp_json_object *o, const char *key, uint64_t v);
/* A false flag is left out: absent means false. */
void sp_json_add_flag(struct sp_json_object *o, const char *key, bool set);

/* One object of the members of both. A key in both is asserted against. */
void sp_json_put_merged(struct sp_buf *b, const struct sp_json_object *x,
                        const struct sp_json_object *y);

#endif
