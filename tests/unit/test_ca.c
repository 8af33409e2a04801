/* SPDX-License-Identifier: Apache-2.0 */
/* What was written by hand is read back with OpenSSL's own parser. */
#include "test.h"

#include "tls/ossl.h"

#include "name/host.h"
#include "tls/ca.h"
#include "tls/spki.h"

#define NOW   UINT64_C(1750000000) /* 2025-06-15 15:06:40 */
#define HOUR  3600u
#define DAY   86400u
#define SHORT "short.example"
/* 65 characters: one more than fits into a common name. */
#define LONG "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g2345"

static struct sp_ca *CA;
static EVP_PKEY *KEY; /* what a proxy would have */
static uint8_t SPKI[SP_P256_SPKI_LEN];

static int set_up(void **state)
{
	struct sp_err err;

	(void)state;
	assert_int_equal(sp_ca_new("sb-1f", NOW, &CA, &err), SP_OK);
	KEY = EVP_EC_gen("P-256");
	assert_non_null(KEY);
	assert_int_equal(sp_spki_p256(KEY, SPKI), SP_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sp_ca_free(CA);
	EVP_PKEY_free(KEY);
	return 0;
}

static X509 *parse(struct sp_str der)
{
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	assert_non_null(x);
	assert_ptr_equal(p, der.p + der.n);
	return x;
}

static X509 *mint(const char *name, uint64_t now_s)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf der;
	struct sp_host host;

	sp_buf_init(&der, SP_CERT_DER_MAX);
	assert_int_equal(sp_host_parse(sp_str(name), &host), SP_OK);
	assert_int_equal(sp_ca_mint(CA, &host,
	                            (struct sp_str){ SPKI, sizeof(SPKI) },
	                            now_s, &der),
	                 SP_OK);
	return parse(sp_buf_str(&der));
}

static void assert_time(const ASN1_TIME *t, uint64_t want)
{
	ASN1_TIME *w = ASN1_TIME_set(NULL, (time_t)want);

	assert_int_equal(ASN1_TIME_compare(t, w), 0);
	ASN1_TIME_free(w);
}

static void assert_critical(const X509 *x, int nid, int want)
{
	int at = X509_get_ext_by_NID(x, nid, -1);

	if (at < 0)
		print_error("extension %s is missing\n", OBJ_nid2sn(nid));
	assert_true(at >= 0);
	assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(x, at)),
	                 want);
}

static void assert_serial(const X509 *x)
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(x);

	assert_int_equal(ASN1_STRING_type(n), V_ASN1_INTEGER); /* positive */
	assert_in_range(ASN1_STRING_length(n), 8, 20);
}

static void test_ca_profile(void **state)
{
	X509 *x = parse(sp_ca_cert(CA));
	char cn[65];

	(void)state;
	assert_int_equal(X509_get_version(x), 2); /* version 3 */
	assert_serial(x);
	assert_int_equal(X509_get_signature_nid(x), NID_ecdsa_with_SHA256);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn,
	                          sizeof(cn));
	assert_string_equal(cn, "Sallyport sandbox sb-1f");
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x),
	                               X509_get_issuer_name(x)),
	                 0);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
	assert_time(X509_get0_notBefore(x), NOW - HOUR);
	assert_time(X509_get0_notAfter(x), NOW - HOUR + 398 * DAY);
	assert_critical(x, NID_basic_constraints, 1);
	assert_critical(x, NID_key_usage, 1);
	assert_int_equal(X509_check_ca(x), 1);
	assert_int_equal(X509_get_pathlen(x), 0);
	assert_int_equal(X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(x)), 20);
	assert_int_equal(X509_get_ext_count(x), 3);
	X509_free(x);
}

static void test_leaf_profile(void **state)
{
	X509 *ca = parse(sp_ca_cert(CA)), *x = mint(SHORT, NOW + 5);

	(void)state;
	assert_int_equal(X509_get_version(x), 2);
	assert_serial(x);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(ca)), 1);
	assert_int_equal(X509_check_issued(ca, x), X509_V_OK);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), KEY), 1);
	assert_time(X509_get0_notBefore(x), NOW + 5 - HOUR);
	assert_time(X509_get0_notAfter(x), NOW + 5 - HOUR + 7 * DAY);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x),
	                                       X509_get0_subject_key_id(ca)),
	                 0);
	assert_critical(x, NID_subject_alt_name, 0);
	assert_int_equal(X509_get_ext_count(x), 5);
	X509_free(ca);
	X509_free(x);
}

static const struct {
	const char *host, *cn; /* NULL: the subject is empty */
	const char *dns, *ip;
} subjects[] = {
	{ SHORT, SHORT, SHORT, NULL },
	{ "MiXed.Example.", "mixed.example", "mixed.example", NULL },
	{ LONG, NULL, LONG, NULL },
	{ "192.0.2.7", "192.0.2.7", NULL, "192.0.2.7" },
	{ "[2001:DB8::1]", "2001:db8::1", NULL, "2001:db8::1" },
};

static const GENERAL_NAME *only_alt_name(X509 *x, GENERAL_NAMES **ret)
{
	*ret = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_non_null(*ret);
	assert_int_equal(sk_GENERAL_NAME_num(*ret), 1);
	return sk_GENERAL_NAME_value(*ret, 0);
}

static void test_subject_and_alt_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(subjects); i++) {
		X509 *x = mint(subjects[i].host, NOW);
		const X509_NAME *name = X509_get_subject_name(x);
		GENERAL_NAMES *all;
		const GENERAL_NAME *alt = only_alt_name(x, &all);
		char cn[65];

		assert_critical(x, NID_subject_alt_name,
		                subjects[i].cn == NULL);
		assert_int_equal(X509_NAME_entry_count(name),
		                 subjects[i].cn != NULL);
		if (subjects[i].cn != NULL) {
			X509_NAME_get_text_by_NID(name, NID_commonName, cn,
			                          sizeof(cn));
			assert_string_equal(cn, subjects[i].cn);
		}
		if (subjects[i].dns != NULL) {
			assert_int_equal(alt->type, GEN_DNS);
			assert_int_equal(
				X509_check_host(x, subjects[i].dns, 0, 0, NULL),
				1);
		} else {
			assert_int_equal(alt->type, GEN_IPADD);
			assert_int_equal(
				X509_check_ip_asc(x, subjects[i].ip, 0), 1);
		}
		GENERAL_NAMES_free(all);
		X509_free(x);
	}
}

static void test_leaf_ends_with_the_ca(void **state)
{
	uint64_t end = NOW - HOUR + 398 * DAY;
	struct sp_host host;
	struct sp_buf out;
	X509 *x = mint(SHORT, end - 1);

	(void)state;
	assert_time(X509_get0_notAfter(x), end);
	X509_free(x);
	sp_buf_init(&out, SP_CERT_DER_MAX);
	assert_int_equal(sp_host_parse(sp_str(SHORT), &host), SP_OK);
	assert_int_equal(sp_ca_mint(CA, &host,
	                            (struct sp_str){ SPKI, sizeof(SPKI) }, end,
	                            &out),
	                 SP_E_STATE);
	assert_int_equal(sp_buf_len(&out), 0);
	sp_buf_fini(&out);
}

static void test_serials_differ(void **state)
{
	X509 *a = mint(SHORT, NOW), *b = mint(SHORT, NOW);

	(void)state;
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a),
	                                      X509_get0_serialNumber(b)),
	                     0);
	X509_free(a);
	X509_free(b);
}

/* Any other shape is refused without being parsed. */
static void test_odd_keys_are_refused(void **state)
{
	uint8_t rsa[SP_RSA_SPKI_LEN + 1] = { 0 }, ec[SP_P256_SPKI_LEN + 1];
	struct sp_host host;
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, SP_CERT_DER_MAX);
	memcpy(ec, SPKI, sizeof(SPKI));
	assert_int_equal(sp_host_parse(sp_str(SHORT), &host), SP_OK);
	for (size_t n = 0; n <= sizeof(ec); n++)
		if (n != SP_P256_SPKI_LEN)
			assert_false(sp_spki_ok((struct sp_str){ ec, n }));
	for (size_t i = 0; i < 27; i++) { /* all of the head */
		ec[i] ^= 1;
		assert_int_equal(sp_ca_mint(CA, &host,
		                            (struct sp_str){ ec, sizeof(SPKI) },
		                            NOW, &out),
		                 SP_E_PROTO);
		ec[i] ^= 1;
	}
	assert_false(sp_spki_ok((struct sp_str){ rsa, SP_RSA_SPKI_LEN }));
	assert_int_equal(sp_buf_len(&out), 0);
	sp_buf_fini(&out);
}

static void test_rsa_key_is_signed(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	struct sp_str spki = { der, (size_t)n };
	struct sp_host host;
	struct sp_buf out;
	X509 *x;

	(void)state;
	sp_buf_init(&out, SP_CERT_DER_MAX);
	assert_int_equal(n, SP_RSA_SPKI_LEN);
	assert_int_equal(sp_host_parse(sp_str(SHORT), &host), SP_OK);
	assert_int_equal(sp_ca_mint(CA, &host, spki, NOW, &out), SP_OK);
	x = parse(sp_buf_str(&out));
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), key), 1);
	spki.n--;
	assert_int_equal(sp_ca_mint(CA, &host, spki, NOW, &out), SP_E_PROTO);
	X509_free(x);
	sp_buf_fini(&out);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void test_pem_is_the_certificate(void **state)
{
	struct sp_buf pem;
	unsigned char *der = NULL;
	BIO *bio;
	X509 *x;
	int n;

	(void)state;
	sp_buf_init(&pem, 4096);
	sp_ca_cert_pem(CA, &pem);
	assert_true(sp_buf_ok(&pem));
	bio = BIO_new_mem_buf(sp_buf_str(&pem).p, (int)sp_buf_len(&pem));
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(x);
	n = i2d_X509(x, &der);
	assert_true(
		sp_str_eq((struct sp_str){ der, (size_t)n }, sp_ca_cert(CA)));
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	sp_buf_fini(&pem);
}

static void test_subject_hash(void **state)
{
	X509 *x = parse(sp_ca_cert(CA));

	(void)state;
	assert_int_equal(sp_ca_subject_hash(CA), X509_subject_name_hash(x));
	X509_free(x);
}

static void test_bad_ids(void **state)
{
	static const char longest[] =
		"0123456789012345678901234567890123456789012345";
	struct sp_ca *ca = NULL;
	struct sp_err err;

	(void)state;
	_Static_assert(sizeof(longest) - 1 == 64 - 18, "fills the name");
	assert_int_equal(sp_ca_new("", NOW, &ca, &err), SP_E_PROTO);
	assert_int_equal(sp_ca_new("a\nb", NOW, &ca, &err), SP_E_PROTO);
	assert_int_equal(sp_ca_new("x0123456789012345678901234567890123456789"
	                           "012345",
	                           NOW, &ca, &err),
	                 SP_E_PROTO);
	assert_int_equal(sp_ca_new(longest, NOW, &ca, &err), SP_OK);
	sp_ca_free(ca);
	sp_ca_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ca_profile),
		cmocka_unit_test(test_leaf_profile),
		cmocka_unit_test(test_subject_and_alt_name),
		cmocka_unit_test(test_leaf_ends_with_the_ca),
		cmocka_unit_test(test_serials_differ),
		cmocka_unit_test(test_odd_keys_are_refused),
		cmocka_unit_test(test_rsa_key_is_signed),
		cmocka_unit_test(test_pem_is_the_certificate),
		cmocka_unit_test(test_subject_hash),
		cmocka_unit_test(test_bad_ids),
	};

	return cmocka_run_group_tests_name("tls/ca", tests, set_up, tear_down);
}
