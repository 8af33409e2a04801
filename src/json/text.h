/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json/text.h - the inside of a JSON string, code point by code point.
 *
 * Role        Shared by the reader, which checks with it, and the canonical
 *             writer, which compares and rewrites with it. No allocation.
 * Strictness  Unknown escapes, lone surrogates, control bytes and invalid
 *             UTF-8 are SP_E_PROTO.
 */
#ifndef SP_JSON_TEXT_H
#define SP_JSON_TEXT_H

#include "json/read.h"

/*
 * How many bytes from the start stand for themselves and need no look: ASCII
 * without controls, quote and backslash. Eight at a time: nearly all text is
 * of this kind, and reading and writing records is mostly this.
 */
size_t sp_json_plain(struct sp_str s);

/* One code point, escaped or not, off a non-empty span. */
SP_MUST enum sp_rc sp_json_text_next(struct sp_str *raw, uint32_t *ret);

/* Order by UTF-16 code units (RFC 8785, 3.2.3) of strings that were read. */
int sp_json_text_cmp(const struct sp_json_tok *a, const struct sp_json_tok *b);

#endif
