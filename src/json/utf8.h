/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json/utf8.h - the one decoder of UTF-8 (RFC 3629).
 *
 * Role        Text from outside to code points. No allocation, no state.
 * Strictness  Overlong forms, surrogates and values above U+10FFFF are not
 *             UTF-8. A broken sequence is replaced piece by piece, as Unicode
 *             ("maximal subpart") and every common library do it, so that a
 *             second implementation arrives at the same text.
 */
#ifndef SP_JSON_UTF8_H
#define SP_JSON_UTF8_H

#include "core/base.h"

#define SP_UTF8_REPLACEMENT 0xfffdu

/*
 * Take one code point off a non-empty span. False: the bytes taken (at least
 * one) were not UTF-8, and *ret is the replacement character.
 */
bool sp_utf8_next(struct sp_str *in, uint32_t *ret);
bool sp_utf8_valid(struct sp_str s);
/* Writes 1 to 4 bytes, returns how many. cp is a valid code point. */
size_t sp_utf8_put(uint32_t cp, uint8_t ret[4]);

#endif
