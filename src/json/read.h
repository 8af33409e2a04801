/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json/read.h - a small strict reader, and the canonical form of what it read.
 *
 * Role        One JSON text (RFC 8259, I-JSON of RFC 7493) to a list of
 *             tokens. No I/O, no allocation.
 * Ownership   Tokens point into the input and die with it.
 * Limits      SP_JSON_TOKENS_MAX tokens, SP_JSON_DEPTH_MAX levels, integers
 *             of at most 2^53 - 1: SP_E_LIMIT.
 * Strictness  Fractions, exponents, -0, duplicate keys, invalid UTF-8 and
 *             lone surrogates are SP_E_PROTO: two readers could differ.
 * Failure     at is where the reader stopped; the tokens are not to be used.
 */
#ifndef SP_JSON_READ_H
#define SP_JSON_READ_H

#include "core/buf.h"

#define SP_JSON_TOKENS_MAX 192u
#define SP_JSON_DEPTH_MAX  8u

enum sp_json_type {
	SP_JSON_NULL,
	SP_JSON_FALSE,
	SP_JSON_TRUE,
	SP_JSON_INT,
	SP_JSON_TEXT,
	SP_JSON_ARRAY,
	SP_JSON_OBJECT,
};

struct sp_json_tok {
	enum sp_json_type type;
	bool escaped;      /* TEXT: raw holds escapes */
	uint16_t n;        /* ARRAY: elements; OBJECT: members */
	uint16_t next;     /* index of the token behind this one's subtree */
	struct sp_str raw; /* TEXT: between the quotes; else as written */
	int64_t num;       /* INT */
};

/* tok[0] is the text's one value. An object is key, value, key, value... */
struct sp_json {
	uint16_t n;
	bool loose; /* blanks between tokens, or keys not in canonical order */
	size_t at;  /* offset of the failure, or the end */
	struct sp_json_tok tok[SP_JSON_TOKENS_MAX];
};

SP_MUST enum sp_rc sp_json_read(struct sp_str in, struct sp_json *ret);

/* The value of a member of the object at index obj; NULL when absent. */
const struct sp_json_tok *sp_json_member(const struct sp_json *j, uint16_t obj,
                                         const char *key);
/* Escapes resolved. Adds to b, which may be poisoned by its maximum. */
void sp_json_text(const struct sp_json_tok *t, struct sp_buf *b);
bool sp_json_text_is(const struct sp_json_tok *t, const char *ascii);

/* RFC 8785: members sorted by UTF-16 code units, minimal escapes. */
void sp_json_canon(const struct sp_json *j, struct sp_buf *out);
/* Is the text that was read its own canonical form? Without writing it. */
bool sp_json_is_canon(const struct sp_json *j);

#endif
