/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/spki.h - public keys of leaf certificates as fixed shapes.
 *
 * Role        The keeper signs public keys that a proxy sent. It compares
 *             them with the two encodings that can occur and never parses
 *             them: a point that is not on the curve, or an even modulus,
 *             harms only the sandbox that sent it.
 */
#ifndef SP_TLS_SPKI_H
#define SP_TLS_SPKI_H

#include "tls/ossl.h"

#include "core/base.h"

#define SP_P256_POINT_LEN 65u
#define SP_P256_SPKI_LEN  91u
#define SP_RSA_SPKI_LEN   294u /* 2048 bits, exponent 65537 */

/* SubjectPublicKeyInfo of a P-256 key, written without OpenSSL's encoders,
 * which cost milliseconds on first use. */
SP_MUST enum sp_rc sp_spki_p256(EVP_PKEY *key, uint8_t ret[SP_P256_SPKI_LEN]);
/* P-256 with an uncompressed point, or RSA-2048 with exponent 65537. */
bool sp_spki_ok(struct sp_str spki);

#endif
