/* SPDX-License-Identifier: Apache-2.0 */
/* First: OpenSSL names members of structs as banned.h poisons them. */
#include <openssl/evp.h>

#include "audit/hash.h"

#define LEAF_BYTES (SP_LEAF_HEX / 2)

void sp_leaf_init(struct sp_leaf *h)
{
	h->md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	h->ctx = EVP_MD_CTX_new();
	/* Only without memory or without OpenSSL's default provider. */
	sp_assert(h->md != NULL && h->ctx != NULL);
}

void sp_leaf_fini(struct sp_leaf *h)
{
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->md);
	*h = (struct sp_leaf){ 0 };
}

void sp_leaf_hex(struct sp_leaf *h, struct sp_str line,
                 char ret[SP_LEAF_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	static const uint8_t leaf_prefix = 0;
	uint8_t sum[LEAF_BYTES];

	sp_assert(EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1);
	sp_assert(EVP_DigestUpdate(h->ctx, &leaf_prefix, 1) == 1);
	sp_assert(EVP_DigestUpdate(h->ctx, line.p, line.n) == 1);
	sp_assert(EVP_DigestFinal_ex(h->ctx, sum, NULL) == 1);
	for (size_t i = 0; i < LEAF_BYTES; i++) {
		ret[2 * i] = digits[sum[i] >> 4];
		ret[2 * i + 1] = digits[sum[i] & 15];
	}
	ret[SP_LEAF_HEX] = '\0';
}
