/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/session_int.h"

#include "core/alloc.h"
#include "tls/lru.h"
#include "tls/roots_int.h"

/* A session holds the peer's chain, some 10 to 20 KB. */
#define SESSIONS_MAX 128u
/* As many connections to one host as can resume at once (TLS 1.3). */
#define SESSIONS_PER_PEER 4u
#define PEER_MAX          (SP_HOST_MAX + 3 + 8)
#define CHAIN_DEPTH_MAX   10
#define CN_SHOWN          64

struct sp_tls_client {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	struct sp_lru *sessions;
};

static const uint8_t HTTP11[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };

static void drop_session(void *value)
{
	SSL_SESSION_free(value);
}

/* OpenSSL has a new session or ticket; 1 means that we keep the reference. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct sp_tls *t = sp_tls_of(ssl);

	if (SSL_SESSION_is_resumable(session) != 1)
		return 0;
	sp_lru_put(t->client->sessions, sp_str(t->peer), session);
	return 1;
}

/* The name comes from a certificate that nobody has vouched for. */
static void subject_cn(X509 *cert, char *ret, int max)
{
	X509_NAME *name = cert != NULL ? X509_get_subject_name(cert) : NULL;

	ret[0] = '\0';
	if (name == NULL ||
	    X509_NAME_get_text_by_NID(name, NID_commonName, ret, max) <= 0)
		snprintf(ret, (size_t)max, "without a name");
	for (char *c = ret; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

/* Changes nothing: it only notes what the verifier did not like. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	int index = SSL_get_ex_data_X509_STORE_CTX_idx();
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, index);
	char cn[CN_SHOWN + 1], text[sizeof(((struct sp_tls_error *)0)->text)];
	int code = X509_STORE_CTX_get_error(store);

	if (ok)
		return ok;
	subject_cn(X509_STORE_CTX_get_current_cert(store), cn, sizeof(cn));
	snprintf(text, sizeof(text), "%s (depth %d, %s)",
	         X509_verify_cert_error_string(code),
	         X509_STORE_CTX_get_error_depth(store), cn);
	sp_tls_note(sp_tls_of(ssl), SP_TLS_FAIL_UNTRUSTED, 0, text);
	return 0;
}

static bool set_algorithms(SSL_CTX *ctx)
{
	return SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:"
	                                    "DHE+AESGCM:ECDHE+AES") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") == 1;
}

/* Protocol lists are the one setter of OpenSSL that returns 0 for success. */
static bool set_up(struct sp_tls_client *c, struct sp_roots *roots)
{
	X509_STORE *store = sp_roots_store(roots);
	uint64_t seed;

	if (store == NULL || RAND_bytes((uint8_t *)&seed, sizeof(seed)) != 1) {
		X509_STORE_free(store);
		return false;
	}
	c->sessions =
		sp_lru_new(SESSIONS_MAX, SESSIONS_PER_PEER, seed, drop_session);
	c->bio = sp_tls_bio_method();
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL || !sp_tls_ctx_setup(c->ctx)) {
		X509_STORE_free(store);
		return false;
	}
	SSL_CTX_set_cert_store(c->ctx, store); /* owned by ctx from here on */
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_verify_depth(c->ctx, CHAIN_DEPTH_MAX);
	SSL_CTX_set_session_cache_mode(
		c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, on_new_session);
	return set_algorithms(c->ctx) &&
	       SSL_CTX_set_alpn_protos(c->ctx, HTTP11, sizeof(HTTP11)) == 0;
}

enum sp_rc sp_tls_client_new(struct sp_roots *roots, struct sp_tls_client **ret,
                             struct sp_err *err)
{
	struct sp_tls_client *c = SP_NEW(struct sp_tls_client);

	sp_ossl_init();
	if (!set_up(c, roots)) {
		sp_tls_client_free(c);
		return sp_ossl_err(err, "make the TLS client");
	}
	*ret = c;
	return SP_OK;
}

void sp_tls_client_free(struct sp_tls_client *c)
{
	if (c == NULL)
		return;
	sp_lru_free(c->sessions);
	SSL_CTX_free(c->ctx);
	BIO_meth_free(c->bio);
	sp_free(c);
}

/* ---- one session ----------------------------------------------------- */

static bool expect_name(SSL *ssl, const char *name)
{
	/* The common name of the subject never counts (RFC 9525, 2). */
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
	                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       SSL_set1_host(ssl, name) == 1;
}

static bool expect_address(SSL *ssl, const struct sp_addr *a)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);

	return X509_VERIFY_PARAM_set1_ip(p, a->b, a->family == 4 ? 4 : 16) == 1;
}

/*
 * A resumed handshake does not look at certificates, so the one that was
 * verified must still be valid.
 */
static bool still_valid(SSL_SESSION *session)
{
	const X509 *x = SSL_SESSION_get0_peer(session);

	return x != NULL && X509_cmp_current_time(X509_get0_notAfter(x)) > 0;
}

/* TLS 1.3 tickets are used once (RFC 8446, C.4); a TLS 1.2 session stays. */
static bool resume(struct sp_tls_client *c, struct sp_tls *t)
{
	struct sp_str key = sp_str(t->peer);
	SSL_SESSION *s = sp_lru_take(c->sessions, key);
	bool ok;

	if (s == NULL)
		return true;
	if (!still_valid(s)) {
		SSL_SESSION_free(s);
		return true;
	}
	ok = SSL_set_session(t->ssl, s) == 1; /* takes its own reference */
	if (ok && SSL_SESSION_get_protocol_version(s) == TLS1_2_VERSION)
		sp_lru_put(c->sessions, key, s);
	else
		SSL_SESSION_free(s);
	return ok;
}

enum sp_rc sp_tls_connect(struct sp_tls_client *c, const struct sp_host *host,
                          uint16_t port, struct sp_tls **ret)
{
	char peer[PEER_MAX];
	struct sp_tls *t;
	bool ok;

	if (host->kind == SP_HOST_NONE)
		return SP_E_STATE;
	ERR_clear_error();
	t = sp_tls_session(c->ctx, c->bio);
	t->client = c;
	snprintf(peer, sizeof(peer), "%s:%u", host->text, port);
	t->peer = sp_strdup(sp_str(peer));
	SSL_set_connect_state(t->ssl);
	ok = host->kind == SP_HOST_NAME ? expect_name(t->ssl, host->text)
	                                : expect_address(t->ssl, &host->addr);
	if (!ok || !resume(c, t)) {
		ERR_clear_error();
		sp_tls_free(t);
		return SP_E_SYS;
	}
	*ret = t;
	return SP_OK;
}
