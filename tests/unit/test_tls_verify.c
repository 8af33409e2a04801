/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an upstream may show: certificates that our own CA would never write,
 * presented by a server that is plain OpenSSL, at times that we choose.
 */
#include "test.h"

#include "tls/session_int.h"

#include "tls_peer.h"

#define HOST  "host.b.example"
#define DAY   86400
#define CHAIN 14

/* libcrypto asks this time(), because the program comes before libc. */
static int64_t skew_s;
time_t time(time_t *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += skew_s;
	if (ret != NULL)
		*ret = t.tv_sec;
	return t.tv_sec;
}

/* ---- certificates ------------------------------------------------------- */

struct spec {
	const char *cn, *san, *eku, *basic;
	int rsa_bits; /* 0 is P-256 */
	bool sha1;
	int days; /* 0 is 30 */
};

struct cert {
	X509 *x;
	EVP_PKEY *key;
};

static const struct spec ROOT = { .cn = "Root", .basic = "critical,CA:TRUE" };
static const struct spec INTER = { .cn = "Inter", .basic = "critical,CA:TRUE" };
static const struct spec LEAF = { .cn = "x", .san = "DNS:" HOST };

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static struct cert make(const struct spec *s, const struct cert *issuer)
{
	struct cert c = { .x = X509_new() };
	X509_NAME *name = X509_get_subject_name(c.x);
	const struct cert *by = issuer != NULL ? issuer : &c;
	uint64_t serial;

	c.key = s->rsa_bits > 0 ? EVP_RSA_gen((unsigned)s->rsa_bits)
	                        : EVP_EC_gen("P-256");
	assert_int_equal(RAND_bytes((uint8_t *)&serial, sizeof(serial)), 1);
	X509_set_version(c.x, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(c.x), serial >> 1);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	                           (const unsigned char *)s->cn, -1, -1, 0);
	X509_set_issuer_name(c.x, X509_get_subject_name(by->x));
	X509_gmtime_adj(X509_getm_notBefore(c.x), -DAY);
	X509_gmtime_adj(X509_getm_notAfter(c.x),
	                (s->days > 0 ? s->days : 30) * DAY);
	X509_set_pubkey(c.x, c.key);
	extend(c.x, by->x, NID_basic_constraints, s->basic);
	extend(c.x, by->x, NID_subject_key_identifier, "hash");
	extend(c.x, by->x, NID_subject_alt_name, s->san);
	extend(c.x, by->x, NID_ext_key_usage, s->eku);
	assert_true(X509_sign(c.x, by->key,
	                      s->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
	return c;
}

static void unmake(struct cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	*c = (struct cert){ 0 };
}

/* ---- the two ends ------------------------------------------------------- */

struct world {
	struct sp_buf index;
	struct sp_roots *roots;
	struct sp_tls_client *client;
	SSL_CTX *server;
	BIO_METHOD *bio;
};

static void trust(struct world *w, const struct cert *anchor)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct sp_err err;
	char *text;
	long n;

	assert_int_equal(PEM_write_bio_X509(bio, anchor->x), 1);
	n = BIO_get_mem_data(bio, &text);
	sp_buf_init(&w->index, 1 << 16);
	assert_int_equal(
		sp_roots_index((struct sp_str){ (uint8_t *)text, (size_t)n },
	                       &w->index, &err),
		SP_OK);
	assert_int_equal(sp_roots_open(sp_buf_str(&w->index), &w->roots),
	                 SP_OK);
	assert_int_equal(sp_tls_client_new(w->roots, &w->client, &err), SP_OK);
	BIO_free(bio);
}

/* A server that shows the chain, leaf last, without what is trusted. */
static void present(struct world *w, const struct cert *chain, size_t n)
{
	w->bio = sp_tls_bio_method();
	w->server = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_security_level(w->server, 0);
	SSL_CTX_set_mode(w->server, SSL_MODE_NO_AUTO_CHAIN);
	assert_int_equal(SSL_CTX_use_certificate(w->server, chain[n - 1].x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(w->server, chain[n - 1].key),
	                 1);
	for (size_t i = n - 1; i-- > 0;)
		assert_int_equal(SSL_CTX_add1_chain_cert(w->server, chain[i].x),
		                 1);
}

static void world_fini(struct world *w)
{
	sp_tls_client_free(w->client);
	sp_roots_free(w->roots);
	sp_buf_fini(&w->index);
	SSL_CTX_free(w->server);
	BIO_meth_free(w->bio);
	*w = (struct world){ 0 };
}

static void meet(struct world *w, struct pair *p)
{
	struct sp_host host = host_of(HOST);

	side_init(&p->c);
	side_init(&p->s);
	assert_int_equal(sp_tls_connect(w->client, &host, 443, &p->c.tls),
	                 SP_OK);
	p->s.tls = sp_tls_session(w->server, w->bio);
	SSL_set_accept_state(p->s.tls->ssl);
}

/* NULL means that the chain is accepted. */
static void assert_verdict(struct world *w, const char *name, const char *why)
{
	struct sp_tls_error e;
	struct pair p;
	bool ok;

	meet(w, &p);
	pair_handshake(&p);
	sp_tls_error(p.c.tls, &e);
	ok = why == NULL ? p.c.rc == SP_DONE
	                 : p.c.rc < 0 && e.kind == SP_TLS_FAIL_UNTRUSTED &&
	                           strstr(e.text, why) != NULL;
	if (!ok)
		print_error("%s: %d, kind %d, %s\n", name, p.c.rc, (int)e.kind,
		            e.text);
	assert_true(ok);
	pair_fini(&p);
}

/* ---- cases -------------------------------------------------------------- */

#define MISMATCH "hostname mismatch"

static const struct {
	const char *name;
	struct spec leaf;
	const char *why;
} leafs[] = {
	{ "exact", { .cn = "x", .san = "DNS:" HOST }, NULL },
	{ "another case", { .cn = "x", .san = "DNS:HOST.B.Example" }, NULL },
	{ "one of many", { .cn = "x", .san = "DNS:q.r,DNS:" HOST }, NULL },
	{ "wildcard", { .cn = "x", .san = "DNS:*.b.example" }, NULL },
	{ "server purpose",
	  { .cn = "x", .san = "DNS:" HOST, .eku = "serverAuth" },
	  NULL },
	{ "other name", { .cn = "x", .san = "DNS:b.example" }, MISMATCH },
	{ "sub name", { .cn = "x", .san = "DNS:x." HOST }, MISMATCH },
	{ "wide wildcard", { .cn = "x", .san = "DNS:*.example" }, MISMATCH },
	{ "lone wildcard", { .cn = "x", .san = "DNS:*" }, MISMATCH },
	{ "partial", { .cn = "x", .san = "DNS:h*.b.example" }, MISMATCH },
	{ "partial end", { .cn = "x", .san = "DNS:*t.b.example" }, MISMATCH },
	{ "inner", { .cn = "x", .san = "DNS:host.*.example" }, MISMATCH },
	{ "common name alone", { .cn = HOST }, MISMATCH },
	{ "common name as well", { .cn = HOST, .san = "DNS:a.b" }, MISMATCH },
	{ "mail", { .cn = "x", .san = "email:a@" HOST }, MISMATCH },
	{ "URI", { .cn = "x", .san = "URI:https://" HOST }, MISMATCH },
	{ "client purpose",
	  { .cn = "x", .san = "DNS:" HOST, .eku = "clientAuth" },
	  "certificate purpose" },
	{ "RSA of 1024 bits",
	  { .cn = "x", .san = "DNS:" HOST, .rsa_bits = 1024 },
	  "key too weak" },
	{ "SHA-1",
	  { .cn = "x", .san = "DNS:" HOST, .sha1 = true },
	  "digest algorithm too weak" },
};

static void test_leafs(void **state)
{
	struct cert root = make(&ROOT, NULL);
	struct world w;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(leafs); i++) {
		struct cert leaf = make(&leafs[i].leaf, &root);

		trust(&w, &root);
		present(&w, &leaf, 1);
		assert_verdict(&w, leafs[i].name, leafs[i].why);
		unmake(&leaf);
		world_fini(&w);
	}
	unmake(&root);
}

static const struct {
	const char *name;
	struct spec inter;
	const char *why;
} inters[] = {
	{ "intermediate", { .cn = "I", .basic = "critical,CA:TRUE" }, NULL },
	{ "no longer path",
	  { .cn = "I", .basic = "critical,CA:TRUE,pathlen:0" },
	  NULL },
	{ "not a CA", { .cn = "I", .basic = "critical,CA:FALSE" }, "CA" },
	{ "says nothing", { .cn = "I" }, "CA" },
	{ "weak key",
	  { .cn = "I", .basic = "critical,CA:TRUE", .rsa_bits = 1024 },
	  "too weak" },
	{ "for clients",
	  { .cn = "I", .basic = "critical,CA:TRUE", .eku = "clientAuth" },
	  "purpose" },
};

static void test_intermediates(void **state)
{
	struct cert root = make(&ROOT, NULL);
	struct world w;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(inters); i++) {
		struct cert chain[2] = { make(&inters[i].inter, &root) };

		chain[1] = make(&LEAF, &chain[0]);
		trust(&w, &root);
		present(&w, chain, 2);
		assert_verdict(&w, inters[i].name, inters[i].why);
		unmake(&chain[0]);
		unmake(&chain[1]);
		world_fini(&w);
	}
	unmake(&root);
}

/* Eleven certificates between the root and the leaf are one too many. */
static void test_chains_are_bounded(void **state)
{
	struct cert root = make(&ROOT, NULL);
	struct cert chain[CHAIN] = { 0 };
	struct world w;

	(void)state;
	for (size_t n = 10; n <= 11; n++) {
		for (size_t i = 0; i < n; i++) {
			char cn[] = { (char)('a' + i), '\0' };
			struct spec s = { .cn = cn, .basic = INTER.basic };

			chain[i] = make(&s, i == 0 ? &root : &chain[i - 1]);
		}
		chain[n] = make(&LEAF, &chain[n - 1]);
		trust(&w, &root);
		present(&w, chain, n + 1);
		assert_verdict(&w, "long chain",
		               n == 10 ? NULL : "certificate chain too long");
		for (size_t i = 0; i <= n; i++)
			unmake(&chain[i]);
		world_fini(&w);
	}
	unmake(&root);
}

/* Only a self-signed certificate is an anchor, even if another one is listed:
 * a chain that stops half-way up is not a chain. */
static void test_anchors(void **state)
{
	struct cert root = make(&ROOT, NULL), inter = make(&INTER, &root);
	struct cert leaf = make(&LEAF, &inter), self = make(&LEAF, NULL);
	struct world w;

	(void)state;
	trust(&w, &inter);
	present(&w, &leaf, 1);
	assert_verdict(&w, "partial chain", "unable to get issuer");
	world_fini(&w);
	trust(&w, &root);
	present(&w, &leaf, 1);
	assert_verdict(&w, "missing intermediate", "unable to get local");
	world_fini(&w);
	trust(&w, &root);
	present(&w, &self, 1);
	assert_verdict(&w, "self-signed", "self-signed certificate");
	world_fini(&w);
	trust(&w, &self);
	present(&w, &self, 1);
	assert_verdict(&w, "self-signed and trusted", NULL);
	world_fini(&w);
	unmake(&root);
	unmake(&inter);
	unmake(&leaf);
	unmake(&self);
}

static void test_clock(void **state)
{
	static const struct {
		int days;
		const char *why;
	} cases[] = {
		{ 0, NULL },
		{ 29, NULL },
		{ 31, "certificate has expired" },
		{ -2, "not yet valid" },
	};
	struct cert root = make(&ROOT, NULL), leaf = make(&LEAF, &root);
	struct world w;

	(void)state;
	trust(&w, &root);
	present(&w, &leaf, 1);
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		skew_s = cases[i].days * (int64_t)DAY;
		assert_verdict(&w, "clock", cases[i].why);
	}
	skew_s = 0;
	unmake(&root);
	unmake(&leaf);
	world_fini(&w);
}

/* ---- what a server may do besides --------------------------------------- */

static bool visit(struct world *w)
{
	struct sp_tls_info info;
	struct pair p;

	meet(w, &p);
	pair_handshake(&p);
	assert_int_equal(p.c.rc, SP_DONE);
	assert_int_equal(side_read(&p.c, &p.s), SP_OK);
	sp_tls_info(p.c.tls, &info);
	pair_fini(&p);
	return info.resumed;
}

/* A session outlives the certificate it stands for; using it does not. */
static void test_no_resumption_after_expiry(void **state)
{
	static const struct spec SHORT = { .cn = "x",
		                           .san = "DNS:" HOST,
		                           .days = 1 };
	struct cert root = make(&ROOT, NULL), leaf = make(&SHORT, &root);
	struct world w;

	(void)state;
	trust(&w, &root);
	present(&w, &leaf, 1);
	skew_s = DAY - 60;
	assert_false(visit(&w));
	assert_true(visit(&w));
	skew_s = DAY + 60;
	assert_verdict(&w, "resume after expiry", "expired");
	skew_s = 0;
	unmake(&root);
	unmake(&leaf);
	world_fini(&w);
}

static int select_h2(SSL *ssl, const unsigned char **ret, unsigned char *n,
                     const unsigned char *list, unsigned list_n, void *arg)
{
	(void)ssl;
	(void)list;
	(void)list_n;
	(void)arg;
	*ret = (const unsigned char *)"h2";
	*n = 2;
	return SSL_TLSEXT_ERR_OK;
}

static void test_protocol_that_was_not_offered(void **state)
{
	struct cert root = make(&ROOT, NULL), leaf = make(&LEAF, &root);
	struct sp_tls_error e;
	struct world w;
	struct pair p;

	(void)state;
	trust(&w, &root);
	present(&w, &leaf, 1);
	SSL_CTX_set_alpn_select_cb(w.server, select_h2, NULL);
	meet(&w, &p);
	pair_handshake(&p);
	assert_true(p.c.rc < 0);
	sp_tls_error(p.c.tls, &e);
	assert_int_equal(e.kind, SP_TLS_FAIL_PROTO);
	pair_fini(&p);
	unmake(&root);
	unmake(&leaf);
	world_fini(&w);
}

/* HelloRequest is answered with a warning; the session goes on. */
static void test_no_renegotiation(void **state)
{
	struct cert root = make(&ROOT, NULL), leaf = make(&LEAF, &root);
	struct world w;
	struct pair p;

	(void)state;
	trust(&w, &root);
	present(&w, &leaf, 1);
	SSL_CTX_set_max_proto_version(w.server, TLS1_2_VERSION);
	meet(&w, &p);
	pair_handshake(&p);
	assert_int_equal(p.c.rc, SP_DONE);
	assert_int_equal(SSL_renegotiate(p.s.tls->ssl), 1);
	p.s.tls->out = &p.s.out;
	SSL_do_handshake(p.s.tls->ssl);
	p.s.tls->out = NULL;
	assert_true(sp_buf_len(&p.s.out) > 0);
	assert_int_equal(side_read(&p.c, &p.s), SP_OK);
	/* One warning alert of 2 bytes, no ClientHello. */
	assert_int_equal(p.c.out.p[p.c.out.head], 21);
	assert_true(sp_buf_len(&p.c.out) < 64);
	pair_fini(&p);
	unmake(&root);
	unmake(&leaf);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leafs),
		cmocka_unit_test(test_intermediates),
		cmocka_unit_test(test_chains_are_bounded),
		cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_no_resumption_after_expiry),
		cmocka_unit_test(test_protocol_that_was_not_offered),
		cmocka_unit_test(test_no_renegotiation),
	};

	return cmocka_run_group_tests_name("tls/verify", tests, NULL, NULL);
}
