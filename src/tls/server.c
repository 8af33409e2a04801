/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/session_int.h"

#include "core/alloc.h"
#include "tls/ca.h"
#include "tls/lru.h"
#include "tls/spki.h"

struct sp_tls_server {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	EVP_PKEY *key;
	struct sp_lru *leafs;
	uint8_t spki[SP_P256_SPKI_LEN];
};

struct leaf {
	X509 *cert;
	uint64_t renew_s; /* half-life: from then on it is "not there" */
};

static const uint8_t HTTP11[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };

static void drop_leaf(void *value)
{
	struct leaf *l = value;

	X509_free(l->cert);
	sp_free(l);
}

/* RFC 7301, 3.2: a list without anything we speak ends the handshake. */
static int select_alpn(SSL *ssl, const unsigned char **ret,
                       unsigned char *ret_n, const unsigned char *list,
                       unsigned n, void *arg)
{
	unsigned char *found;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&found, ret_n, HTTP11, sizeof(HTTP11), list,
	                          n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = found;
	return SSL_TLSEXT_ERR_OK;
}

/* AES-128 first: both ends are on this machine, and it is the fastest. */
static bool set_algorithms(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                 SSL_OP_PRIORITIZE_CHACHA);
	return SSL_CTX_set_ciphersuites(
		       ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			    "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
	                                    "ECDHE+AESGCM:ECDHE+CHACHA20:"
	                                    "ECDHE+AES") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1;
}

/*
 * Tickets only, no table of sessions. One ticket per handshake: clients use
 * it once and get the next with the resumed handshake.
 */
static bool set_resumption(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

static bool set_identity(struct sp_tls_server *s, struct sp_str ca_der)
{
	const unsigned char *p = ca_der.p;
	X509 *ca = d2i_X509(NULL, &p, (long)ca_der.n);

	if (ca == NULL)
		return false;
	if (p != ca_der.p + ca_der.n ||
	    SSL_CTX_add_extra_chain_cert(s->ctx, ca) != 1) {
		X509_free(ca);
		return false;
	}
	s->key = EVP_EC_gen("P-256");
	return s->key != NULL && SSL_CTX_use_PrivateKey(s->ctx, s->key) == 1 &&
	       sp_spki_p256(s->key, s->spki) == SP_OK;
}

static bool set_up(struct sp_tls_server *s, struct sp_str ca_der)
{
	uint64_t seed;

	if (RAND_bytes((uint8_t *)&seed, sizeof(seed)) != 1)
		return false;
	s->leafs = sp_lru_new(SP_LEAF_CACHE_MAX, 1, seed, drop_leaf);
	s->bio = sp_tls_bio_method();
	s->ctx = SSL_CTX_new(TLS_server_method());
	if (s->ctx == NULL || !sp_tls_ctx_setup(s->ctx))
		return false;
	SSL_CTX_set_alpn_select_cb(s->ctx, select_alpn, NULL);
	return set_algorithms(s->ctx) && set_resumption(s->ctx) &&
	       set_identity(s, ca_der);
}

enum sp_rc sp_tls_server_new(struct sp_str ca_der, struct sp_tls_server **ret,
                             struct sp_err *err)
{
	struct sp_tls_server *s = SP_NEW(struct sp_tls_server);

	sp_ossl_init();
	if (!set_up(s, ca_der)) {
		sp_tls_server_free(s);
		return sp_ossl_err(err, "make the TLS server");
	}
	*ret = s;
	return SP_OK;
}

void sp_tls_server_free(struct sp_tls_server *s)
{
	if (s == NULL)
		return;
	sp_lru_free(s->leafs);
	SSL_CTX_free(s->ctx);
	BIO_meth_free(s->bio);
	EVP_PKEY_free(s->key);
	sp_free(s);
}

struct sp_str sp_tls_server_spki(const struct sp_tls_server *s)
{
	return (struct sp_str){ s->spki, sizeof(s->spki) };
}

/* ---- leaf certificates ----------------------------------------------- */

bool sp_tls_leaf_have(struct sp_tls_server *s, const struct sp_host *host,
                      uint64_t now_s)
{
	const struct leaf *l = sp_lru_find(s->leafs, sp_host_str(host));

	return l != NULL && now_s < l->renew_s;
}

/* Seconds since 1970; false for what our own CA never writes. */
static bool unix_time(const ASN1_TIME *t, const ASN1_TIME *epoch, uint64_t *ret)
{
	int days, seconds;

	if (ASN1_TIME_diff(&days, &seconds, epoch, t) != 1 || days < 0 ||
	    seconds < 0)
		return false;
	*ret = (uint64_t)days * 86400 + (uint64_t)seconds;
	return true;
}

static bool validity(const X509 *x, uint64_t *ret_from, uint64_t *ret_to)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	bool ok = epoch != NULL &&
	          unix_time(X509_get0_notBefore(x), epoch, ret_from) &&
	          unix_time(X509_get0_notAfter(x), epoch, ret_to) &&
	          *ret_from <= *ret_to;

	ASN1_TIME_free(epoch);
	return ok;
}

enum sp_rc sp_tls_leaf_put(struct sp_tls_server *s, const struct sp_host *host,
                           struct sp_str der, uint64_t now_s)
{
	const unsigned char *p = der.p;
	uint64_t from, to;
	struct leaf *l;
	X509 *x;

	if (der.n > SP_CERT_DER_MAX)
		return SP_E_LIMIT;
	ERR_clear_error();
	x = d2i_X509(NULL, &p, (long)der.n);
	if (x == NULL || p != der.p + der.n ||
	    X509_check_private_key(x, s->key) != 1 ||
	    !validity(x, &from, &to) || now_s >= to) {
		X509_free(x);
		ERR_clear_error();
		return SP_E_PROTO;
	}
	l = SP_NEW(struct leaf);
	l->cert = x;
	l->renew_s = from + (to - from) / 2;
	if (l->renew_s <= now_s) /* issued late in the life of the CA */
		l->renew_s = to;
	sp_lru_put(s->leafs, sp_host_str(host), l);
	return SP_OK;
}

/*
 * A ticket carries the session id context. With a hash of the host as the
 * context a ticket of host A is unknown to a session for host B.
 */
static bool bind_tickets(SSL *ssl, struct sp_str host)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n;

	return EVP_Digest(host.p, host.n, digest, &n, EVP_sha256(), NULL) ==
	               1 &&
	       SSL_set_session_id_context(ssl, digest, n) == 1;
}

enum sp_rc sp_tls_accept(struct sp_tls_server *s, const struct sp_host *host,
                         struct sp_tls **ret)
{
	const struct leaf *l = sp_lru_find(s->leafs, sp_host_str(host));
	struct sp_tls *t;

	if (l == NULL)
		return SP_E_STATE;
	ERR_clear_error();
	t = sp_tls_session(s->ctx, s->bio);
	SSL_set_accept_state(t->ssl);
	if (SSL_use_certificate(t->ssl, l->cert) != 1 ||
	    !bind_tickets(t->ssl, sp_host_str(host))) {
		ERR_clear_error();
		sp_tls_free(t);
		return SP_E_SYS;
	}
	*ret = t;
	return SP_OK;
}
