/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates are written as DER by hand and OpenSSL only signs: the profile
 * is then a page that can be read, a leaf costs one signature (X509_sign() and
 * X509_set_pubkey() of OpenSSL 3.0 cost ten times that), and the public key
 * that a proxy sent is compared with a fixed shape instead of being parsed by
 * the process that holds the secrets.
 */
#include "tls/ossl.h"

#include "tls/ca.h"

#include "core/alloc.h"
#include "tls/der.h"
#include "tls/spki.h"

#define CN_MAX        64u /* ub-common-name, RFC 5280 A.1 */
#define CN_PREFIX     "Sallyport sandbox "
#define KEY_ID_LEN    20u
#define SERIAL_LEN    16u
#define SIGNATURE_MAX 72u
#define BACKDATE_S    3600u /* clocks inside may be a little late */
#define DAY_S         86400u
#define CA_LIFE_S     (398u * DAY_S)
#define LEAF_LIFE_S   (7u * DAY_S)
#define TIME_MAX_S    UINT64_C(253000000000) /* year 9987 */

struct sp_ca {
	EVP_PKEY *key;
	struct sp_buf cert;
	struct sp_buf name; /* DER of the subject */
	uint64_t not_after_s;
	uint8_t key_id[KEY_ID_LEN];
};

struct profile {
	struct sp_str issuer, subject; /* DER */
	uint64_t not_before_s, not_after_s;
	struct sp_str spki;
	struct sp_str extensions; /* DER, without the outer sequences */
};

/* clang-format off */
static const uint8_t OID_CN[] = { 0x06, 0x03, 0x55, 0x04, 0x03 };
static const uint8_t OID_SAN[] = { 0x06, 0x03, 0x55, 0x1d, 0x11 };
static const uint8_t OID_SKI[] = { 0x06, 0x03, 0x55, 0x1d, 0x0e };
static const uint8_t OID_AKI[] = { 0x06, 0x03, 0x55, 0x1d, 0x23 };
static const uint8_t CRITICAL[] = { 0x01, 0x01, 0xff };
static const uint8_t VERSION_3[] = { 0xa0, 0x03, 0x02, 0x01, 0x02 };
/* ecdsa-with-SHA256 */
static const uint8_t ALGORITHM[] = {
	0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
};
static const uint8_t CA_FIXED[] = {
	/* basicConstraints, critical: cA, pathLenConstraint 0 */
	0x30, 0x12, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff,
	0x04, 0x08, 0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00,
	/* keyUsage, critical: keyCertSign, cRLSign */
	0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff,
	0x04, 0x04, 0x03, 0x02, 0x01, 0x06,
};
static const uint8_t LEAF_FIXED[] = {
	/* basicConstraints, critical: empty, that is, not a CA */
	0x30, 0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff,
	0x04, 0x02, 0x30, 0x00,
	/* keyUsage, critical: digitalSignature */
	0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff,
	0x04, 0x04, 0x03, 0x02, 0x07, 0x80,
	/* extKeyUsage: serverAuth */
	0x30, 0x13, 0x06, 0x03, 0x55, 0x1d, 0x25, 0x04, 0x0c,
	0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01,
};
/* clang-format on */

#define CONST_STR(a) ((struct sp_str){ (a), sizeof(a) })

/* An empty CN is an empty name. */
static void put_name(struct sp_buf *b, struct sp_str cn)
{
	size_t name = sp_der_open(b, SP_DER_SEQ), set, pair;

	if (cn.n > 0) {
		set = sp_der_open(b, SP_DER_SET);
		pair = sp_der_open(b, SP_DER_SEQ);
		sp_buf_add(b, CONST_STR(OID_CN));
		sp_der_put(b, SP_DER_UTF8, cn);
		sp_der_close(b, pair);
		sp_der_close(b, set);
	}
	sp_der_close(b, name);
}

static void put_subject_key_id(struct sp_buf *b, struct sp_str id)
{
	size_t ext = sp_der_open(b, SP_DER_SEQ), value;

	sp_buf_add(b, CONST_STR(OID_SKI));
	value = sp_der_open(b, SP_DER_OCTETS);
	sp_der_put(b, SP_DER_OCTETS, id);
	sp_der_close(b, value);
	sp_der_close(b, ext);
}

static void put_authority_key_id(struct sp_buf *b, struct sp_str id)
{
	size_t ext = sp_der_open(b, SP_DER_SEQ), value, seq;

	sp_buf_add(b, CONST_STR(OID_AKI));
	value = sp_der_open(b, SP_DER_OCTETS);
	seq = sp_der_open(b, SP_DER_SEQ);
	sp_der_put(b, SP_DER_CTX(0), id);
	sp_der_close(b, seq);
	sp_der_close(b, value);
	sp_der_close(b, ext);
}

/* The exact name (dNSName) or address (iPAddress), nothing else. */
static void put_alt_name(struct sp_buf *b, const struct sp_host *host,
                         bool critical)
{
	struct sp_str ip = { host->addr.b, host->addr.family == 4 ? 4 : 16 };
	size_t ext = sp_der_open(b, SP_DER_SEQ), value, seq;

	sp_buf_add(b, CONST_STR(OID_SAN));
	if (critical)
		sp_buf_add(b, CONST_STR(CRITICAL));
	value = sp_der_open(b, SP_DER_OCTETS);
	seq = sp_der_open(b, SP_DER_SEQ);
	if (host->kind == SP_HOST_NAME)
		sp_der_put(b, SP_DER_CTX(2), sp_host_str(host));
	else
		sp_der_put(b, SP_DER_CTX(7), ip);
	sp_der_close(b, seq);
	sp_der_close(b, value);
	sp_der_close(b, ext);
}

/* 126 random bits: positive, of fixed length, no leading zero. */
static enum sp_rc put_serial(struct sp_buf *b)
{
	uint8_t serial[SERIAL_LEN];

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return SP_E_SYS;
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	sp_der_put(b, SP_DER_INT, CONST_STR(serial));
	return SP_OK;
}

static enum sp_rc put_tbs(struct sp_buf *b, const struct profile *p)
{
	size_t tbs = sp_der_open(b, SP_DER_SEQ), part, seq;

	sp_buf_add(b, CONST_STR(VERSION_3));
	SP_TRY(put_serial(b));
	sp_buf_add(b, CONST_STR(ALGORITHM));
	sp_buf_add(b, p->issuer);
	part = sp_der_open(b, SP_DER_SEQ);
	sp_der_put_time(b, p->not_before_s);
	sp_der_put_time(b, p->not_after_s);
	sp_der_close(b, part);
	sp_buf_add(b, p->subject);
	sp_buf_add(b, p->spki);
	part = sp_der_open(b, SP_DER_CTX_C(3));
	seq = sp_der_open(b, SP_DER_SEQ);
	sp_buf_add(b, p->extensions);
	sp_der_close(b, seq);
	sp_der_close(b, part);
	sp_der_close(b, tbs);
	return SP_OK;
}

static enum sp_rc sign(EVP_PKEY *key, struct sp_str tbs, uint8_t *sig,
                       size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	sp_assert(ctx != NULL);
	ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	     EVP_DigestSign(ctx, sig, n, tbs.p, tbs.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? SP_OK : SP_E_SYS;
}

/* Appends the signed certificate to out; nothing on failure. */
static enum sp_rc issue(EVP_PKEY *key, const struct profile *p,
                        struct sp_buf *out)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf b;
	uint8_t sig[1 + SIGNATURE_MAX] = { 0 }; /* no unused bits */
	size_t n = SIGNATURE_MAX, cert, tbs;
	struct sp_str body;

	sp_buf_init(&b, SP_CERT_DER_MAX);
	cert = sp_der_open(&b, SP_DER_SEQ);
	tbs = sp_buf_len(&b);
	SP_TRY(put_tbs(&b, p));
	if (!sp_buf_ok(&b))
		return SP_E_LIMIT;
	body = sp_buf_str(&b);
	(void)sp_str_take(&body, tbs); /* only the part behind is signed */
	SP_TRY(sign(key, body, sig + 1, &n));
	sp_buf_add(&b, CONST_STR(ALGORITHM));
	sp_der_put(&b, SP_DER_BITS, (struct sp_str){ sig, 1 + n });
	sp_der_close(&b, cert);
	if (!sp_buf_ok(&b) || sp_buf_free_space(out) < sp_buf_len(&b))
		return SP_E_LIMIT;
	sp_buf_add(out, sp_buf_str(&b));
	return SP_OK;
}

/* RFC 7093, method 1: the first 160 bits of the SHA-256 of the public key. */
static enum sp_rc key_id(struct sp_str spki, uint8_t *ret)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct sp_str point = spki;

	(void)sp_str_take(&point, spki.n - SP_P256_POINT_LEN);
	if (EVP_Digest(point.p, point.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return SP_E_SYS;
	memcpy(ret, digest, KEY_ID_LEN);
	return SP_OK;
}

static enum sp_rc self_sign(struct sp_ca *ca, uint64_t now_s)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf ext;
	uint8_t spki[SP_P256_SPKI_LEN];
	struct profile p = {
		.issuer = sp_buf_str(&ca->name),
		.subject = sp_buf_str(&ca->name),
		.not_before_s = now_s - BACKDATE_S,
		.not_after_s = now_s - BACKDATE_S + CA_LIFE_S,
		.spki = CONST_STR(spki),
	};

	sp_buf_init(&ext, SP_CERT_DER_MAX);
	SP_TRY(sp_spki_p256(ca->key, spki));
	SP_TRY(key_id(p.spki, ca->key_id));
	sp_buf_add(&ext, CONST_STR(CA_FIXED));
	put_subject_key_id(&ext, CONST_STR(ca->key_id));
	p.extensions = sp_buf_str(&ext);
	ca->not_after_s = p.not_after_s;
	return issue(ca->key, &p, &ca->cert);
}

static bool id_is_plain(struct sp_str id)
{
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= 0x20 || id.p[i] >= 0x7f)
			return false;
	return id.n > 0 && id.n <= CN_MAX - strlen(CN_PREFIX);
}

enum sp_rc sp_ca_new(const char *id, uint64_t now_s, struct sp_ca **ret,
                     struct sp_err *err)
{
	char cn[CN_MAX + 1];
	struct sp_ca *ca;

	if (!id_is_plain(sp_str(id)) || now_s < BACKDATE_S ||
	    now_s > TIME_MAX_S) {
		sp_err_set(err, "make the CA: bad sandbox id or clock");
		return SP_E_PROTO;
	}
	sp_ossl_init();
	ca = SP_NEW(struct sp_ca);
	sp_buf_init(&ca->cert, SP_CERT_DER_MAX);
	sp_buf_init(&ca->name, SP_CERT_DER_MAX);
	snprintf(cn, sizeof(cn), CN_PREFIX "%s", id);
	put_name(&ca->name, sp_str(cn));
	ca->key = EVP_EC_gen("P-256");
	if (ca->key == NULL || self_sign(ca, now_s) < 0) {
		sp_ca_free(ca);
		return sp_ossl_err(err, "make the CA");
	}
	*ret = ca;
	return SP_OK;
}

void sp_ca_free(struct sp_ca *ca)
{
	if (ca == NULL)
		return;
	EVP_PKEY_free(ca->key); /* clears the private number */
	sp_buf_fini(&ca->cert);
	sp_buf_fini(&ca->name);
	sp_free(ca);
}

struct sp_str sp_ca_cert(const struct sp_ca *ca)
{
	return sp_buf_str(&ca->cert);
}

uint32_t sp_ca_subject_hash(const struct sp_ca *ca)
{
	struct sp_str der = sp_buf_str(&ca->name);
	const unsigned char *p = der.p;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)der.n);
	unsigned long hash;
	int ok = 0;

	sp_assert(name != NULL); /* we wrote it ourselves */
	hash = X509_NAME_hash_ex(name, NULL, NULL, &ok);
	sp_assert(ok == 1 && hash <= UINT32_MAX);
	X509_NAME_free(name);
	return (uint32_t)hash;
}

void sp_ca_cert_pem(const struct sp_ca *ca, struct sp_buf *out)
{
	struct sp_str rest = sp_ca_cert(ca);

	sp_buf_text(out, "-----BEGIN CERTIFICATE-----\n");
	while (rest.n > 0) {
		struct sp_str part =
			sp_str_take(&rest, rest.n < 48 ? rest.n : 48);
		unsigned char line[65];

		EVP_EncodeBlock(line, part.p, (int)part.n);
		sp_buf_text(out, (const char *)line);
		sp_buf_byte(out, '\n');
	}
	sp_buf_text(out, "-----END CERTIFICATE-----\n");
}

enum sp_rc sp_ca_mint(struct sp_ca *ca, const struct sp_host *host,
                      struct sp_str spki, uint64_t now_s, struct sp_buf *out)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf ext;
	SP_CLEANUP(sp_buf_fini) struct sp_buf name;
	char ip[SP_ADDR_TEXT_MAX];
	struct sp_str cn = sp_host_str(host);
	struct profile p = { .issuer = sp_buf_str(&ca->name), .spki = spki };

	sp_buf_init(&ext, SP_CERT_DER_MAX);
	sp_buf_init(&name, SP_CERT_DER_MAX);
	if (host->kind == SP_HOST_NONE || !sp_spki_ok(spki))
		return SP_E_PROTO;
	if (now_s < BACKDATE_S || now_s >= ca->not_after_s)
		return SP_E_STATE;
	if (host->kind != SP_HOST_NAME) {
		sp_addr_text(&host->addr, ip);
		cn = sp_str(ip);
	}
	if (cn.n > CN_MAX)
		cn.n = 0;
	put_name(&name, cn);
	sp_buf_add(&ext, CONST_STR(LEAF_FIXED));
	put_authority_key_id(&ext, CONST_STR(ca->key_id));
	put_alt_name(&ext, host, cn.n == 0);
	p.subject = sp_buf_str(&name);
	p.extensions = sp_buf_str(&ext);
	p.not_before_s = now_s - BACKDATE_S;
	p.not_after_s = p.not_before_s + LEAF_LIFE_S;
	if (p.not_after_s > ca->not_after_s)
		p.not_after_s = ca->not_after_s;
	return issue(ca->key, &p, out);
}
