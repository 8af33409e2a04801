/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/spki.h"

/* clang-format off */
static const uint8_t P256_HEAD[] = {
	0x30, 0x59, 0x30, 0x13,
	0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, /* EC */
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, /* P-256 */
	0x03, 0x42, 0x00, 0x04, /* uncompressed */
};
static const uint8_t RSA_HEAD[] = {
	0x30, 0x82, 0x01, 0x22, 0x30, 0x0d,
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
	0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a,
	0x02, 0x82, 0x01, 0x01, 0x00,
};
static const uint8_t RSA_TAIL[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
/* clang-format on */

_Static_assert(sizeof(P256_HEAD) + SP_P256_POINT_LEN - 1 == SP_P256_SPKI_LEN,
               "the head ends with the first byte of the point");
_Static_assert(sizeof(RSA_HEAD) + 256 + sizeof(RSA_TAIL) == SP_RSA_SPKI_LEN,
               "head, modulus, exponent");

enum sp_rc sp_spki_p256(EVP_PKEY *key, uint8_t ret[SP_P256_SPKI_LEN])
{
	uint8_t point[SP_P256_POINT_LEN];
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
	                                    sizeof(point), &n) != 1)
		return SP_E_SYS;
	if (n != sizeof(point) || point[0] != 0x04)
		return SP_E_SYS;
	memcpy(ret, P256_HEAD, sizeof(P256_HEAD));
	memcpy(ret + sizeof(P256_HEAD), point + 1, sizeof(point) - 1);
	return SP_OK;
}

bool sp_spki_ok(struct sp_str spki)
{
	if (spki.n == SP_P256_SPKI_LEN)
		return memcmp(spki.p, P256_HEAD, sizeof(P256_HEAD)) == 0;
	return spki.n == SP_RSA_SPKI_LEN &&
	       memcmp(spki.p, RSA_HEAD, sizeof(RSA_HEAD)) == 0 &&
	       (spki.p[sizeof(RSA_HEAD)] & 0x80) != 0 &&
	       memcmp(spki.p + spki.n - sizeof(RSA_TAIL), RSA_TAIL,
	              sizeof(RSA_TAIL)) == 0;
}
