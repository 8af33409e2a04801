/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/hash.h - leaf hashes: SHA-256(0x00 || line), RFC 6962, 2.1.
 *
 * Role        The chain of today and the leaves of a tree later are the same
 *             hashes. The algorithm is fetched once: OpenSSL 3 needs longer to
 *             look it up than to hash a record.
 * Ownership   sp_leaf_init() and sp_leaf_fini() in place.
 */
#ifndef SP_AUDIT_HASH_H
#define SP_AUDIT_HASH_H

#include "core/base.h"

#define SP_LEAF_HEX 64u

struct sp_leaf {
	struct evp_md_ctx_st *ctx;
	struct evp_md_st *md;
};

void sp_leaf_init(struct sp_leaf *h);
void sp_leaf_fini(struct sp_leaf *h);
/* The line without its newline. Writes lower-case hex and a NUL. */
void sp_leaf_hex(struct sp_leaf *h, struct sp_str line,
                 char ret[SP_LEAF_HEX + 1]);

#endif
