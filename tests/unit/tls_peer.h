/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/tls_peer.h - a CA, a server that has leafs of it, a client that
 * trusts it, and the wires between a session of each.
 */
#ifndef SP_TEST_TLS_PEER_H
#define SP_TEST_TLS_PEER_H

#include <time.h>

#include "name/host.h"
#include "tls/ca.h"
#include "tls/tls.h"

#define WIRE_MAX (1u << 20)

struct bench {
	uint64_t now_s; /* OpenSSL verifies against the real clock */
	struct sp_ca *ca;
	struct sp_buf index;
	struct sp_roots *roots;
	struct sp_tls_server *server;
	struct sp_tls_client *client;
};

struct side {
	struct sp_tls *tls;
	struct sp_buf in, out, plain;
	enum sp_rc rc;
	size_t feed; /* bytes per call; 0 is everything */
};

struct pair {
	struct side c, s;
};

static inline struct sp_host host_of(const char *name)
{
	struct sp_host h;
	enum sp_rc rc = sp_host_parse(sp_str(name), &h);

	sp_assert(rc == SP_OK);
	return h;
}

static inline void roots_of(const struct sp_ca *ca, struct sp_buf *index)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf pem;
	struct sp_err err;
	enum sp_rc rc;

	sp_buf_init(&pem, 8192);
	sp_ca_cert_pem(ca, &pem);
	sp_buf_init(index, 1 << 16);
	rc = sp_roots_index(sp_buf_str(&pem), index, &err);
	sp_assert(rc == SP_OK);
}

static inline void bench_init(struct bench *b)
{
	struct sp_err err;
	enum sp_rc rc;

	b->now_s = (uint64_t)time(NULL);
	rc = sp_ca_new("sb-test", b->now_s, &b->ca, &err);
	sp_assert(rc == SP_OK);
	roots_of(b->ca, &b->index);
	rc = sp_roots_open(sp_buf_str(&b->index), &b->roots);
	sp_assert(rc == SP_OK);
	rc = sp_tls_server_new(sp_ca_cert(b->ca), &b->server, &err);
	sp_assert(rc == SP_OK);
	rc = sp_tls_client_new(b->roots, &b->client, &err);
	sp_assert(rc == SP_OK);
}

static inline void bench_fini(struct bench *b)
{
	sp_tls_client_free(b->client);
	sp_tls_server_free(b->server);
	sp_roots_free(b->roots);
	sp_buf_fini(&b->index);
	sp_ca_free(b->ca);
}

/* A leaf for `real`, presented to those who want `host`. */
static inline void leaf_as(struct bench *b, struct sp_ca *ca, const char *host,
                           const char *real, uint64_t minted_s)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf der;
	struct sp_host at = host_of(host), name = host_of(real);
	enum sp_rc rc;

	sp_buf_init(&der, SP_CERT_DER_MAX);
	rc = sp_ca_mint(ca, &name, sp_tls_server_spki(b->server), minted_s,
	                &der);
	sp_assert(rc == SP_OK);
	/* The cache judges by the time it is told: then, not now. */
	rc = sp_tls_leaf_put(b->server, &at, sp_buf_str(&der), minted_s);
	sp_assert(rc == SP_OK);
}

static inline void side_init(struct side *x)
{
	*x = (struct side){ .rc = SP_OK };
	sp_buf_init(&x->in, WIRE_MAX);
	sp_buf_init(&x->out, WIRE_MAX);
	sp_buf_init(&x->plain, WIRE_MAX);
}

static inline void side_fini(struct side *x)
{
	sp_tls_free(x->tls);
	sp_buf_fini(&x->in);
	sp_buf_fini(&x->out);
	sp_buf_fini(&x->plain);
}

/* `to` is whom the client wants, `is` whose leaf the server shows. */
static inline void pair_init(struct bench *b, struct pair *p, const char *to,
                             const char *is)
{
	struct sp_host want = host_of(to), have = host_of(is);
	enum sp_rc rc;

	side_init(&p->c);
	side_init(&p->s);
	rc = sp_tls_connect(b->client, &want, 443, &p->c.tls);
	sp_assert(rc == SP_OK);
	rc = sp_tls_accept(b->server, &have, &p->s.tls);
	sp_assert(rc == SP_OK);
}

static inline void pair_fini(struct pair *p)
{
	side_fini(&p->c);
	side_fini(&p->s);
}

static inline void carry(struct sp_buf *from, struct sp_buf *to, size_t n)
{
	struct sp_str s = sp_buf_str(from);

	if (n == 0 || n > s.n)
		n = s.n;
	sp_buf_add(to, (struct sp_str){ s.p, n });
	sp_buf_consume(from, n);
}

/* One step of the handshake of one side; whether anything was there to do. */
static inline bool side_turn(struct side *x, struct side *peer)
{
	bool had = sp_buf_len(&peer->out) > 0;

	carry(&peer->out, &x->in, x->feed);
	if (x->rc == SP_OK)
		x->rc = sp_tls_handshake(x->tls, &x->in, &x->out);
	return had;
}

/* Until nothing moves any more. */
static inline void pair_handshake(struct pair *p)
{
	bool moved;

	do {
		moved = side_turn(&p->c, &p->s);
		moved |= side_turn(&p->s, &p->c);
	} while (moved || sp_buf_len(&p->c.out) > 0);
}

/* Everything the other side has sent, decrypted. */
static inline enum sp_rc side_read(struct side *x, struct side *peer)
{
	enum sp_rc rc = SP_OK;

	do {
		carry(&peer->out, &x->in, x->feed);
		rc = sp_tls_read(x->tls, &x->in, &x->plain, &x->out);
	} while (rc == SP_OK && sp_buf_len(&peer->out) > 0);
	return rc;
}

#endif
