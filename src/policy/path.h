/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/path.h - paths as rules see them.
 *
 * Role        Canonical form: unreserved characters decoded, other escapes in
 *             upper case, "%2F" kept inside its segment. "//", ";params" and
 *             case are kept and matched literally.
 * Strictness  A path that a server could read as another one is SP_E_DENIED:
 *             dot segments in any spelling (plain, encoded, doubly encoded,
 *             overlong UTF-8, "..;x"), backslash, NUL. Plain dot segments are
 *             refused too, since the raw path is what is sent.
 * Limits      SP_PATH_MAX bytes; longer is SP_E_LIMIT.
 */
#ifndef SP_POLICY_PATH_H
#define SP_POLICY_PATH_H

#include "core/base.h"

#define SP_PATH_MAX 8192u

/* ret has room for SP_PATH_MAX bytes; *ret_n is never more than raw.n or 1. */
SP_MUST enum sp_rc sp_path_canon(struct sp_str raw, uint8_t *ret,
                                 size_t *ret_n);

/*
 * "*" within a segment is any run of its bytes, as a whole segment at least
 * one byte; "**" as a whole segment is any number of segments, none too.
 * Both are canonical.
 */
bool sp_path_match(struct sp_str pattern, struct sp_str path);

#endif
