/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/jks.c - Java key store with trusted certificates, big endian:
 *
 *	u32 0xFEEDFEED   u32 2   u32 entries
 *	per entry: u32 2, u16 length and alias, u64 milliseconds since 1970,
 *	           u16 5 "X.509", u32 length and DER
 *	20 bytes   SHA-1(UTF-16BE("changeit") "Mighty Aphrodite" all above)
 *
 * Java's loader takes it under every usual store type. A PKCS12 made by
 * OpenSSL would lack the JDK's trust attribute and load as no anchor at all.
 *
 * SHA-1 is a checksum here, not a protection. OpenSSL's plain function does:
 * the first use of EVP sets up its providers, which takes longer than all the
 * rest of the launcher's work (1.2 ms, and half a megabyte until it ends).
 */
#define OPENSSL_API_COMPAT 0x10101000L /* before it was called outdated */
#include <openssl/sha.h>

#include "trust/bundle.h"

#define PASSWORD "changeit"
#define WHITENER "Mighty Aphrodite"

static void put(struct sp_buf *b, uint64_t v, size_t width)
{
	for (size_t i = width; i-- > 0;)
		sp_buf_byte(b, (uint8_t)(v >> (8 * i)));
}

static void put_entry(const struct sp_bundle *b, size_t i, uint64_t now_ms,
                      struct sp_buf *out)
{
	struct sp_str der = sp_bundle_cert(b, i);
	char alias[32];

	snprintf(alias, sizeof(alias), "sallyport-%zu", i);
	put(out, 2, 4);
	put(out, strlen(alias), 2);
	sp_buf_text(out, alias);
	put(out, now_ms, 8);
	put(out, 5, 2);
	sp_buf_text(out, "X.509");
	put(out, der.n, 4);
	sp_buf_add(out, der);
}

static bool digest(struct sp_str body, uint8_t ret[SHA_DIGEST_LENGTH])
{
	SHA_CTX c;
	bool ok = SHA1_Init(&c) == 1;

	for (const char *p = PASSWORD; ok && *p != '\0'; p++) {
		const char wide[2] = { 0, *p };

		ok = SHA1_Update(&c, wide, sizeof(wide)) == 1;
	}
	return ok && SHA1_Update(&c, WHITENER, strlen(WHITENER)) == 1 &&
	       SHA1_Update(&c, body.p, body.n) == 1 && SHA1_Final(ret, &c) == 1;
}

void sp_bundle_jks(const struct sp_bundle *b, uint64_t now_ms,
                   struct sp_buf *out)
{
	size_t start = sp_buf_len(out);
	uint8_t sum[SHA_DIGEST_LENGTH];
	struct sp_str body;

	put(out, 0xfeedfeed, 4);
	put(out, 2, 4);
	put(out, b->n, 4);
	for (size_t i = 0; i < b->n; i++)
		put_entry(b, i, now_ms, out);
	body = sp_buf_str(out);
	(void)sp_str_take(&body, start); /* what was there before */
	if (!digest(body, sum))
		out->bad = true;
	sp_buf_add(out, (struct sp_str){ sum, sizeof(sum) });
}
