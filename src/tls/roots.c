/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding the 140 certificates of a system bundle costs 18 ms and a megabyte
 * in every proxy, and a chain needs one of them. So the keeper writes an index
 * and the proxies share its pages:
 *
 *	"SPR1"  u32 n
 *	n times u32 hash of the canonical subject, u32 offset, u32 length
 *	the certificates (DER); offsets count from the start of the index
 *
 * Integers are big endian, rows are sorted by hash. Keeper and proxy are the
 * same binary, so the hash only has to agree with itself.
 */
#include "tls/roots_int.h"

#include "core/alloc.h"
#include "tls/der.h"

#define MAGIC     "SPR1"
#define HEAD_LEN  8u
#define ROW_LEN   12u
#define PEM_MAX   (16u << 20)
#define INDEX_MAX (16u << 20)

struct row {
	uint32_t hash;
	struct sp_str der;
};

struct sp_roots {
	struct sp_str index;
	uint32_t n;
	X509_LOOKUP_METHOD *method;
};

/* ---- keeper: from PEM to the index -------------------------------------- */

struct builder {
	struct row *row; /* SP_ROOTS_MAX of them; the DER is theirs */
	size_t n;
};

/* The subject as DER; *whole is cut to the certificate without what trails. */
static enum sp_rc find_subject(struct sp_str *whole, struct sp_str *ret)
{
	struct sp_str cert, tbs, rest = *whole;

	SP_TRY(sp_der_take(&rest, SP_DER_SEQ, &cert, whole));
	SP_TRY(sp_der_take(&cert, SP_DER_SEQ, &tbs, NULL));
	if (tbs.n > 0 && tbs.p[0] == SP_DER_CTX_C(0)) /* absent in version 1 */
		SP_TRY(sp_der_take(&tbs, SP_DER_CTX_C(0), NULL, NULL));
	SP_TRY(sp_der_take(&tbs, SP_DER_INT, NULL, NULL)); /* serial */
	SP_TRY(sp_der_take(&tbs, SP_DER_SEQ, NULL, NULL)); /* algorithm */
	SP_TRY(sp_der_take(&tbs, SP_DER_SEQ, NULL, NULL)); /* issuer */
	SP_TRY(sp_der_take(&tbs, SP_DER_SEQ, NULL, NULL)); /* validity */
	return sp_der_take(&tbs, SP_DER_SEQ, NULL, ret);
}

static enum sp_rc hash_name(const X509_NAME *name, uint32_t *ret)
{
	int ok = 0;

	*ret = (uint32_t)X509_NAME_hash_ex(name, NULL, NULL, &ok);
	return ok == 1 ? SP_OK : SP_E_PROTO;
}

static enum sp_rc hash_subject(struct sp_str der, uint32_t *ret)
{
	const unsigned char *p = der.p;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.n);
	enum sp_rc rc = SP_E_PROTO;

	if (name != NULL && p == der.p + der.n)
		rc = hash_name(name, ret);
	X509_NAME_free(name);
	return rc;
}

/* Blocks that are no certificate are left out: bundles carry such things. */
static enum sp_rc add_block(struct builder *b, const char *label,
                            struct sp_str der)
{
	bool plain = strcmp(label, PEM_STRING_X509) == 0 ||
	             strcmp(label, PEM_STRING_X509_OLD) == 0;
	bool trusted = strcmp(label, PEM_STRING_X509_TRUSTED) == 0;
	struct sp_str subject, cert = der;
	struct row row;

	if ((!plain && !trusted) || der.n > SP_ROOT_DER_MAX)
		return SP_OK;
	if (find_subject(&cert, &subject) < 0 || (plain && cert.n != der.n))
		return SP_OK;
	if (hash_subject(subject, &row.hash) < 0)
		return SP_OK;
	if (b->n == SP_ROOTS_MAX)
		return SP_E_LIMIT;
	row.der.p = (const uint8_t *)sp_strdup(cert);
	row.der.n = cert.n;
	b->row[b->n++] = row;
	return SP_OK;
}

/*
 * A broken block has been read up to where it broke, so the next call looks
 * for the block behind it. False at the end of the text.
 */
static bool next_block(BIO *bio, char **label, char **header,
                       unsigned char **data, long *n)
{
	while (PEM_read_bio(bio, label, header, data, n) != 1) {
		int why = ERR_GET_REASON(ERR_peek_last_error());

		ERR_clear_error();
		if (why == PEM_R_NO_START_LINE || BIO_eof(bio))
			return false;
	}
	return true;
}

static enum sp_rc read_blocks(struct builder *b, BIO *bio)
{
	char *label = NULL, *header = NULL;
	unsigned char *data = NULL;
	enum sp_rc rc = SP_OK;
	long n = 0;

	while (rc == SP_OK && next_block(bio, &label, &header, &data, &n)) {
		rc = add_block(b, label, (struct sp_str){ data, (size_t)n });
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	return rc;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->der.n != y->der.n)
		return x->der.n < y->der.n ? -1 : 1;
	return memcmp(x->der.p, y->der.p, x->der.n);
}

static void put_u32(struct sp_buf *b, size_t v)
{
	uint8_t be[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
		         (uint8_t)(v >> 8), (uint8_t)v };

	sp_assert(v <= UINT32_MAX);
	sp_buf_add(b, (struct sp_str){ be, sizeof(be) });
}

static void sort_unique(struct builder *b)
{
	size_t kept = 0;

	qsort(b->row, b->n, sizeof(b->row[0]), compare);
	for (size_t i = 0; i < b->n; i++) {
		if (kept > 0 && compare(&b->row[kept - 1], &b->row[i]) == 0)
			sp_free((void *)(uintptr_t)b->row[i].der.p);
		else
			b->row[kept++] = b->row[i];
	}
	b->n = kept;
}

static enum sp_rc write_index(const struct builder *b, struct sp_buf *out)
{
	size_t at = HEAD_LEN + b->n * ROW_LEN, total = at;

	for (size_t i = 0; i < b->n; i++)
		total += b->row[i].der.n;
	if (total > INDEX_MAX || total > sp_buf_free_space(out))
		return SP_E_LIMIT;
	sp_buf_text(out, MAGIC);
	put_u32(out, b->n);
	for (size_t i = 0; i < b->n; i++) {
		put_u32(out, b->row[i].hash);
		put_u32(out, at);
		put_u32(out, b->row[i].der.n);
		at += b->row[i].der.n;
	}
	for (size_t i = 0; i < b->n; i++)
		sp_buf_add(out, b->row[i].der);
	return SP_OK;
}

static void builder_fini(struct builder *b)
{
	for (size_t i = 0; i < b->n; i++)
		sp_free((void *)(uintptr_t)b->row[i].der.p);
	sp_free(b->row);
}

static enum sp_rc build(struct builder *b, struct sp_str pem,
                        struct sp_buf *out, struct sp_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	enum sp_rc rc;

	sp_assert(bio != NULL);
	rc = read_blocks(b, bio);
	BIO_free(bio);
	ERR_clear_error();
	if (rc == SP_OK && b->n == 0) {
		sp_err_set(err, "no certificate in the bundle");
		return SP_E_PROTO;
	}
	if (rc == SP_OK) {
		sort_unique(b);
		rc = write_index(b, out);
	}
	if (rc < 0)
		sp_err_set(err, "too many certificates in the bundle");
	return rc;
}

enum sp_rc sp_roots_index(struct sp_str pem, struct sp_buf *out,
                          struct sp_err *err)
{
	SP_CLEANUP(builder_fini) struct builder b = { 0 };

	if (pem.n > PEM_MAX) {
		sp_err_set(err, "bundle of more than %u bytes", PEM_MAX);
		return SP_E_LIMIT;
	}
	if (pem.n == 0) {
		sp_err_set(err, "the bundle is empty");
		return SP_E_PROTO;
	}
	sp_ossl_init();
	b.row = sp_alloc(SP_ROOTS_MAX, sizeof(b.row[0]));
	return build(&b, pem, out, err);
}

/* ---- proxy: certificates on demand -------------------------------------- */

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* Rows were checked by sp_roots_open(). */
static struct row row_at(const struct sp_roots *r, uint32_t i)
{
	const uint8_t *p = r->index.p + HEAD_LEN + (size_t)i * ROW_LEN;

	return (struct row){
		.hash = get_u32(p),
		.der = { r->index.p + get_u32(p + 4), get_u32(p + 8) },
	};
}

/* The first row whose hash is not below this one. */
static uint32_t lower_bound(const struct sp_roots *r, uint32_t hash)
{
	uint32_t from = 0, to = r->n;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (row_at(r, mid).hash < hash)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* The certificate, if it decodes and really has this subject. */
static X509 *decode(struct sp_str der, const X509_NAME *name)
{
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	if (x != NULL && p == der.p + der.n &&
	    X509_NAME_cmp(X509_get_subject_name(x), name) == 0)
		return x;
	X509_free(x);
	return NULL;
}

/*
 * OpenSSL asks for an issuer that is not in the store yet. All anchors with
 * this subject go into the store, where OpenSSL looks for the one whose key
 * fits; one of them is the answer. The store keeps it alive: OpenSSL takes a
 * reference of its own and forgets that of ret, see X509_LOOKUP_meth_new(3).
 */
static int by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type,
                      const X509_NAME *name, X509_OBJECT *ret)
{
	const struct sp_roots *r = X509_LOOKUP_get_method_data(lookup);
	X509_STORE *store = X509_LOOKUP_get_store(lookup);
	uint32_t hash;
	int found = 0;

	if (type != X509_LU_X509 || hash_name(name, &hash) < 0)
		return 0;
	for (uint32_t i = lower_bound(r, hash); i < r->n; i++) {
		struct row row = row_at(r, i);
		X509 *x;

		if (row.hash != hash)
			break;
		x = decode(row.der, name);
		if (x == NULL)
			continue;
		if (X509_STORE_add_cert(store, x) == 1 && found == 0 &&
		    X509_OBJECT_set1_X509(ret, x) == 1) {
			X509_free(x); /* the one that nobody would drop */
			found = 1;
		}
		X509_free(x);
	}
	return found;
}

static enum sp_rc check_rows(struct sp_str index, uint32_t n)
{
	size_t data = HEAD_LEN + (size_t)n * ROW_LEN;
	uint32_t last = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = index.p + HEAD_LEN + (size_t)i * ROW_LEN;
		uint32_t hash = get_u32(p), at = get_u32(p + 4);
		uint32_t len = get_u32(p + 8);

		if (hash < last || len == 0 || len > SP_ROOT_DER_MAX)
			return SP_E_PROTO;
		if (at < data || at > index.n || len > index.n - at)
			return SP_E_PROTO;
		last = hash;
	}
	return SP_OK;
}

enum sp_rc sp_roots_open(struct sp_str indexed, struct sp_roots **ret)
{
	struct sp_roots *r;
	uint32_t n;

	if (indexed.n < HEAD_LEN || indexed.n > INDEX_MAX ||
	    memcmp(indexed.p, MAGIC, strlen(MAGIC)) != 0)
		return SP_E_PROTO;
	n = get_u32(indexed.p + strlen(MAGIC));
	if (n < 1 || n > SP_ROOTS_MAX ||
	    indexed.n < HEAD_LEN + (size_t)n * ROW_LEN)
		return SP_E_PROTO;
	SP_TRY(check_rows(indexed, n));
	sp_ossl_init();
	r = SP_NEW(struct sp_roots);
	r->index = indexed;
	r->n = n;
	r->method = X509_LOOKUP_meth_new("indexed trust anchors");
	sp_assert(r->method != NULL);
	X509_LOOKUP_meth_set_get_by_subject(r->method, by_subject);
	*ret = r;
	return SP_OK;
}

void sp_roots_free(struct sp_roots *r)
{
	if (r == NULL)
		return;
	X509_LOOKUP_meth_free(r->method);
	sp_free(r);
}

X509_STORE *sp_roots_store(struct sp_roots *r)
{
	X509_STORE *store = X509_STORE_new();
	X509_LOOKUP *lookup;

	if (store == NULL)
		return NULL;
	lookup = X509_STORE_add_lookup(store, r->method);
	if (lookup == NULL || X509_LOOKUP_set_method_data(lookup, r) != 1 ||
	    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	return store;
}
