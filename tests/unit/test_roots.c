/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tls/ossl.h"

#include "core/alloc.h"
#include "tls/ca.h"
#include "tls/roots_int.h"
#include "tls/spki.h"
#include "tls/tls.h"

#define NOW   UINT64_C(1750000000)
#define CAS   5u
#define ROWS  8u /* magic and count */
#define ROW_N 12u

static struct sp_ca *ca[CAS];

/* The last two share their name and differ in their key. */
static const char *const ids[CAS] = { "one", "two", "three", "twin", "twin" };

static int set_up(void **state)
{
	struct sp_err err;

	(void)state;
	for (size_t i = 0; i < CAS; i++)
		assert_int_equal(sp_ca_new(ids[i], NOW, &ca[i], &err), SP_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < CAS; i++)
		sp_ca_free(ca[i]);
	return 0;
}

static void bundle(struct sp_buf *pem)
{
	sp_buf_init(pem, 1 << 16);
	for (size_t i = 0; i < CAS; i++)
		sp_ca_cert_pem(ca[i], pem);
}

static uint32_t count_of(const struct sp_buf *index)
{
	return sp_buf_str(index).p[7]; /* small enough here */
}

static enum sp_rc index_of(const char *text, struct sp_buf *out)
{
	struct sp_err err;

	sp_buf_init(out, 1 << 16);
	return sp_roots_index(sp_str(text), out, &err);
}

/* A leaf of this CA; only its name and its issuer matter here. */
static X509 *leaf_of(struct sp_ca *from)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf der;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t spki[SP_P256_SPKI_LEN];
	const unsigned char *p;
	struct sp_host host;
	X509 *x;

	sp_buf_init(&der, SP_CERT_DER_MAX);
	assert_int_equal(sp_spki_p256(key, spki), SP_OK);
	assert_int_equal(sp_host_parse(sp_str("a.example"), &host), SP_OK);
	assert_int_equal(sp_ca_mint(from, &host,
	                            (struct sp_str){ spki, sizeof(spki) }, NOW,
	                            &der),
	                 SP_OK);
	p = sp_buf_str(&der).p;
	x = d2i_X509(NULL, &p, (long)sp_buf_len(&der));
	assert_non_null(x);
	EVP_PKEY_free(key);
	return x;
}

static int verify(X509_STORE *store, X509 *x)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc;

	assert_int_equal(X509_STORE_CTX_init(ctx, store, x, NULL), 1);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)NOW);
	rc = X509_verify_cert(ctx);
	X509_STORE_CTX_free(ctx);
	return rc;
}

static void test_all_are_found_and_no_other(void **state)
{
	struct sp_buf pem, index;
	struct sp_roots *roots;
	struct sp_ca *other;
	X509_STORE *store;
	struct sp_err err;
	X509 *x;

	(void)state;
	bundle(&pem);
	sp_ca_cert_pem(ca[0], &pem); /* twice */
	sp_buf_init(&index, 1 << 16);
	assert_int_equal(sp_roots_index(sp_buf_str(&pem), &index, &err), SP_OK);
	assert_int_equal(count_of(&index), CAS);
	assert_int_equal(sp_roots_open(sp_buf_str(&index), &roots), SP_OK);
	store = sp_roots_store(roots);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < CAS; i++) {
			x = leaf_of(ca[i]);
			assert_int_equal(verify(store, x), 1);
			X509_free(x);
		}
	/* Each anchor was decoded once. */
	assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(store)),
	                 CAS);
	/* The name alone is not enough. */
	assert_int_equal(sp_ca_new("twin", NOW, &other, &err), SP_OK);
	x = leaf_of(other);
	assert_int_equal(verify(store, x), 0);
	X509_free(x);
	sp_ca_free(other);
	X509_STORE_free(store);
	sp_roots_free(roots);
	sp_buf_fini(&index);
	sp_buf_fini(&pem);
}

/* Nothing is decoded before it is asked for. */
static void test_opening_decodes_nothing(void **state)
{
	struct sp_buf pem, index;
	struct sp_roots *roots;
	X509_STORE *store;
	struct sp_err err;

	(void)state;
	bundle(&pem);
	sp_buf_init(&index, 1 << 16);
	assert_int_equal(sp_roots_index(sp_buf_str(&pem), &index, &err), SP_OK);
	assert_int_equal(sp_roots_open(sp_buf_str(&index), &roots), SP_OK);
	store = sp_roots_store(roots);
	assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(store)), 0);
	X509_STORE_free(store);
	sp_roots_free(roots);
	sp_roots_free(NULL);
	sp_buf_fini(&index);
	sp_buf_fini(&pem);
}

static void test_bundle_with_other_things_in_it(void **state)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf pem;
	SP_CLEANUP(sp_buf_fini) struct sp_buf index;
	struct sp_err err;

	(void)state;
	sp_buf_init(&pem, 1 << 16);
	sp_buf_init(&index, 1 << 16);
	sp_buf_text(&pem, "# Some comment\nCertificate:\n    Data:\n");
	sp_ca_cert_pem(ca[0], &pem);
	sp_buf_text(&pem, "-----BEGIN PRIVATE KEY-----\nMAA=\n"
	                  "-----END PRIVATE KEY-----\n");
	sp_buf_text(&pem, "-----BEGIN CERTIFICATE-----\nMAA=\n"
	                  "-----END CERTIFICATE-----\n");
	sp_buf_text(&pem, "-----BEGIN CERTIFICATE-----\n!!!!\n"
	                  "-----END CERTIFICATE-----\n");
	sp_ca_cert_pem(ca[1], &pem);
	sp_buf_text(&pem, "-----BEGIN CERTIFICATE-----\nMIIB");
	assert_int_equal(sp_roots_index(sp_buf_str(&pem), &index, &err), SP_OK);
	assert_int_equal(count_of(&index), 2);
}

/* Base64 of a certificate and one byte more. */
static void test_bytes_behind_a_certificate(void **state)
{
	static const char *const labels[] = { "CERTIFICATE",
		                              "TRUSTED CERTIFICATE" };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(labels); i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		struct sp_buf der, out;
		struct sp_err err;
		char *text;
		long n;

		sp_buf_init(&der, SP_CERT_DER_MAX);
		sp_buf_init(&out, 1 << 16);
		sp_buf_add(&der, sp_ca_cert(ca[0]));
		sp_buf_byte(&der, 0);
		PEM_write_bio(bio, labels[i], "", der.p, (long)der.tail);
		n = BIO_get_mem_data(bio, &text);
		assert_int_equal(
			sp_roots_index(
				(struct sp_str){ (uint8_t *)text, (size_t)n },
				&out, &err),
			i == 0 ? SP_E_PROTO : SP_OK);
		BIO_free(bio);
		sp_buf_fini(&der);
		sp_buf_fini(&out);
	}
}

static void test_bundle_without_a_certificate(void **state)
{
	struct sp_buf out;

	(void)state;
	assert_int_equal(index_of("", &out), SP_E_PROTO);
	assert_int_equal(index_of("hello\n", &out), SP_E_PROTO);
	assert_int_equal(index_of("-----BEGIN CERTIFICATE-----\nMAA=\n"
	                          "-----END CERTIFICATE-----\n",
	                          &out),
	                 SP_E_PROTO);
	assert_int_equal(sp_buf_len(&out), 0);
}

static void test_index_does_not_fit(void **state)
{
	struct sp_buf pem, index;
	struct sp_err err;

	(void)state;
	bundle(&pem);
	sp_buf_init(&index, 256);
	assert_int_equal(sp_roots_index(sp_buf_str(&pem), &index, &err),
	                 SP_E_LIMIT);
	assert_int_equal(sp_buf_len(&index), 0);
	sp_buf_fini(&index);
	sp_buf_fini(&pem);
}

static void test_damaged_index_is_refused(void **state)
{
	struct sp_roots *roots = NULL;
	struct sp_buf pem, index;
	struct sp_err err;
	struct sp_str s;

	(void)state;
	bundle(&pem);
	sp_buf_init(&index, 1 << 16);
	assert_int_equal(sp_roots_index(sp_buf_str(&pem), &index, &err), SP_OK);
	s = sp_buf_str(&index);
	for (size_t n = 0; n < s.n; n++)
		assert_int_equal(
			sp_roots_open((struct sp_str){ s.p, n }, &roots),
			SP_E_PROTO);
	/* High bytes of magic, count, offsets and lengths; the order. */
	for (size_t i = 0; i < 7; i++) {
		index.p[i] ^= 0x80;
		assert_int_equal(sp_roots_open(s, &roots), SP_E_PROTO);
		index.p[i] ^= 0x80;
	}
	for (size_t i = 0; i < CAS; i++)
		for (size_t k = 4; k < ROW_N; k += 4) {
			index.p[ROWS + i * ROW_N + k] ^= 0x80;
			assert_int_equal(sp_roots_open(s, &roots), SP_E_PROTO);
			index.p[ROWS + i * ROW_N + k] ^= 0x80;
		}
	for (size_t k = 4; k < ROW_N; k += 4) { /* offset, length: zero */
		uint8_t kept[4];

		memcpy(kept, index.p + ROWS + k, 4);
		memset(index.p + ROWS + k, 0, 4);
		assert_int_equal(sp_roots_open(s, &roots), SP_E_PROTO);
		memcpy(index.p + ROWS + k, kept, 4);
	}
	index.p[7] = 0;
	assert_int_equal(sp_roots_open(s, &roots), SP_E_PROTO);
	index.p[7] = CAS;
	assert_int_equal(sp_roots_open(s, &roots), SP_OK);
	sp_roots_free(roots);
	memset(index.p + ROWS, 0xff, 4);
	assert_int_equal(sp_roots_open(s, &roots), SP_E_PROTO);
	sp_buf_fini(&index);
	sp_buf_fini(&pem);
}

/* An index of n rows that all point to len bytes of nothing. */
static enum sp_rc open_index_of(uint32_t n, uint32_t len)
{
	size_t data = ROWS + (size_t)n * ROW_N, all = data + len;
	uint8_t *p = sp_alloc(all, 1);
	struct sp_roots *roots = NULL;
	enum sp_rc rc;

	memcpy(p, "SPR1", 4);
	p[6] = (uint8_t)(n >> 8);
	p[7] = (uint8_t)n;
	for (size_t at = ROWS; at < data; at += ROW_N) {
		p[at + 5] = (uint8_t)(data >> 16);
		p[at + 6] = (uint8_t)(data >> 8);
		p[at + 7] = (uint8_t)data;
		p[at + 10] = (uint8_t)(len >> 8);
		p[at + 11] = (uint8_t)len;
	}
	rc = sp_roots_open((struct sp_str){ p, all }, &roots);
	sp_roots_free(roots);
	sp_free(p);
	return rc;
}

static void test_index_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(open_index_of(1, SP_ROOT_DER_MAX - 1), SP_OK);
	assert_int_equal(open_index_of(1, SP_ROOT_DER_MAX), SP_OK);
	assert_int_equal(open_index_of(1, SP_ROOT_DER_MAX + 1), SP_E_PROTO);
	assert_int_equal(open_index_of(SP_ROOTS_MAX - 1, 9), SP_OK);
	assert_int_equal(open_index_of(SP_ROOTS_MAX, 9), SP_OK);
	assert_int_equal(open_index_of(SP_ROOTS_MAX + 1, 9), SP_E_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_found_and_no_other),
		cmocka_unit_test(test_opening_decodes_nothing),
		cmocka_unit_test(test_bundle_with_other_things_in_it),
		cmocka_unit_test(test_bytes_behind_a_certificate),
		cmocka_unit_test(test_bundle_without_a_certificate),
		cmocka_unit_test(test_index_does_not_fit),
		cmocka_unit_test(test_damaged_index_is_refused),
		cmocka_unit_test(test_index_is_bounded),
	};

	return cmocka_run_group_tests_name("tls/roots", tests, set_up,
	                                   tear_down);
}
