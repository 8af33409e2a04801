/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/bench_tls.c - what TLS costs, without sockets, on one core.
 *
 *	bench_tls [SECONDS [BUNDLE.pem]]
 *
 * Handshakes are split by role; times are CPU time of this thread. With a
 * bundle the cost of indexing and opening it is shown, too.
 */
#include "tls/session_int.h"

#include <malloc.h>

#include "../tests/unit/tls_peer.h"

#define IDLE 1000u
#define BULK 65536u

static double seconds = 0.5;

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void show(const char *what, double value, const char *unit)
{
	printf("%-44s %10.1f %s\n", what, value, unit);
}

struct cost {
	double client, server;
	unsigned n;
};

static void turn(struct side *x, struct side *peer, double *sum)
{
	double from = cpu();

	side_turn(x, peer);
	*sum += cpu() - from;
}

/* A handshake, the ticket read and the sessions freed; by role. */
static void connect_once(struct bench *b, int version, uint16_t port,
                         struct cost *c)
{
	struct sp_host a = host_of("a.example");
	enum sp_rc rc;
	struct pair p;
	double t[3];

	side_init(&p.c);
	side_init(&p.s);
	t[0] = cpu();
	rc = sp_tls_connect(b->client, &a, port, &p.c.tls);
	sp_assert(rc == SP_OK);
	t[1] = cpu();
	rc = sp_tls_accept(b->server, &a, &p.s.tls);
	sp_assert(rc == SP_OK);
	t[2] = cpu();
	c->client += t[1] - t[0];
	c->server += t[2] - t[1];
	SSL_set_max_proto_version(p.c.tls->ssl, version);
	for (int i = 0; i < 4; i++) {
		turn(&p.c, &p.s, &c->client);
		turn(&p.s, &p.c, &c->server);
	}
	sp_assert(p.c.rc == SP_DONE && p.s.rc == SP_DONE);
	t[0] = cpu();
	rc = side_read(&p.c, &p.s);
	sp_assert(rc == SP_OK);
	side_fini(&p.c);
	t[1] = cpu();
	side_fini(&p.s);
	c->client += t[1] - t[0];
	c->server += cpu() - t[1];
	c->n++;
}

static void handshakes(struct bench *b, const char *name, int version,
                       bool resume)
{
	struct cost c = { .n = 0 };
	char text[64];

	connect_once(b, version, 1, &c);
	c = (struct cost){ .n = 0 };
	/* Nothing is resumed on another port. */
	for (uint16_t port = 1; c.client + c.server < seconds; port++)
		connect_once(b, version, resume ? 1 : port, &c);
	snprintf(text, sizeof(text), "%s, client side", name);
	show(text, c.client / c.n * 1e6, "us");
	snprintf(text, sizeof(text), "%s, server side", name);
	show(text, c.server / c.n * 1e6, "us");
}

static void bulk(struct bench *b, const char *cipher)
{
	static uint8_t data[BULK];
	double t, enc = 0, dec = 0, n = 0;
	struct pair p;
	char text[64];

	pair_init(b, &p, "a.example", "a.example");
	SSL_set_ciphersuites(p.c.tls->ssl, cipher);
	pair_handshake(&p);
	while (enc + dec < seconds) {
		enum sp_rc rc;

		t = cpu();
		rc = sp_tls_write(p.s.tls, (struct sp_str){ data, BULK },
		                  &p.s.out);
		enc += cpu() - t;
		sp_assert(rc == SP_OK);
		carry(&p.s.out, &p.c.in, 0);
		t = cpu();
		rc = sp_tls_read(p.c.tls, &p.c.in, &p.c.plain, &p.c.out);
		dec += cpu() - t;
		sp_assert(rc == SP_OK && sp_buf_len(&p.c.plain) == BULK);
		sp_buf_reset(&p.c.plain);
		n += BULK;
	}
	snprintf(text, sizeof(text), "%s, encrypt", cipher);
	show(text, n / enc / 1e9, "GB/s");
	snprintf(text, sizeof(text), "%s, decrypt", cipher);
	show(text, n / dec / 1e9, "GB/s");
	snprintf(text, sizeof(text), "%s, relay (both)", cipher);
	show(text, n / (enc + dec) / 1e9, "GB/s");
	pair_fini(&p);
}

/* Bytes per session that has talked once and is idle now. */
static void memory(struct bench *b)
{
	static struct pair p[IDLE];
	size_t from = mallinfo2().uordblks, both, servers;

	for (size_t i = 0; i < IDLE; i++) {
		pair_init(b, &p[i], "a.example", "a.example");
		pair_handshake(&p[i]);
		side_read(&p[i].c, &p[i].s);
		for (struct side *x = &p[i].c; x <= &p[i].s; x++) {
			struct side *peer = x == &p[i].c ? &p[i].s : &p[i].c;
			enum sp_rc rc =
				sp_tls_write(x->tls, sp_str("hello"), &x->out);

			sp_assert(rc == SP_OK);
			rc = side_read(peer, x);
			sp_assert(rc == SP_OK);
		}
		sp_buf_fini(&p[i].c.in);
		sp_buf_fini(&p[i].c.out);
		sp_buf_fini(&p[i].c.plain);
		sp_buf_fini(&p[i].s.in);
		sp_buf_fini(&p[i].s.out);
		sp_buf_fini(&p[i].s.plain);
	}
	both = mallinfo2().uordblks - from;
	for (size_t i = 0; i < IDLE; i++) {
		sp_tls_free(p[i].c.tls);
		p[i].c.tls = NULL;
	}
	servers = mallinfo2().uordblks - from;
	show("idle session, server side", (double)servers / IDLE, "bytes");
	show("idle session, client side", (double)(both - servers) / IDLE,
	     "bytes");
	for (size_t i = 0; i < IDLE; i++)
		sp_tls_free(p[i].s.tls);
}

static void mint(struct bench *b)
{
	struct sp_host a = host_of("some.host.example");
	struct sp_buf der;
	unsigned n = 0;
	double from = cpu();

	sp_buf_init(&der, SP_CERT_DER_MAX);
	for (; cpu() - from < seconds; n++) {
		sp_buf_reset(&der);
		if (sp_ca_mint(b->ca, &a, sp_tls_server_spki(b->server),
		               b->now_s, &der) < 0)
			sp_panic("mint", __FILE__, __LINE__);
	}
	show("mint a leaf", (cpu() - from) / n * 1e6, "us");
	from = cpu();
	for (n = 0; cpu() - from < seconds; n++)
		if (sp_tls_leaf_put(b->server, &a, sp_buf_str(&der), b->now_s))
			sp_panic("put", __FILE__, __LINE__);
	show("put a leaf into the cache", (cpu() - from) / n * 1e6, "us");
	sp_buf_fini(&der);
}

static void start_up(struct bench *b)
{
	uint8_t byte;
	struct sp_err err;
	enum sp_rc rc;
	double t[6];

	b->now_s = (uint64_t)time(NULL);
	t[0] = cpu();
	sp_ossl_init();
	if (RAND_bytes(&byte, 1) != 1)
		sp_panic("random", __FILE__, __LINE__);
	t[1] = cpu();
	rc = sp_ca_new("sb-test", b->now_s, &b->ca, &err);
	sp_assert(rc == SP_OK);
	t[2] = cpu();
	roots_of(b->ca, &b->index);
	rc = sp_roots_open(sp_buf_str(&b->index), &b->roots);
	sp_assert(rc == SP_OK);
	t[3] = cpu();
	rc = sp_tls_server_new(sp_ca_cert(b->ca), &b->server, &err);
	sp_assert(rc == SP_OK);
	t[4] = cpu();
	rc = sp_tls_client_new(b->roots, &b->client, &err);
	sp_assert(rc == SP_OK);
	t[5] = cpu();
	show("start of OpenSSL", (t[1] - t[0]) * 1e6, "us");
	show("sp_ca_new (keeper)", (t[2] - t[1]) * 1e6, "us");
	show("sp_tls_server_new", (t[4] - t[3]) * 1e6, "us");
	show("sp_tls_client_new", (t[5] - t[4]) * 1e6, "us");
	leaf_as(b, b->ca, "a.example", "a.example", b->now_s);
}

static void bundle(const char *path)
{
	FILE *f = fopen(path, "re");
	struct sp_buf pem, index;
	struct sp_roots *roots;
	struct sp_err err;
	size_t n;
	double t;

	if (f == NULL)
		return;
	sp_buf_init(&pem, 1 << 24);
	sp_buf_init(&index, 1 << 24);
	n = fread(sp_buf_room(&pem, 1 << 22), 1, 1 << 22, f);
	fclose(f);
	sp_buf_commit(&pem, n);
	t = cpu();
	if (sp_roots_index(sp_buf_str(&pem), &index, &err) < 0)
		sp_panic(err.text, __FILE__, __LINE__);
	show("index of the bundle (keeper)", (cpu() - t) * 1e6, "us");
	t = cpu();
	if (sp_roots_open(sp_buf_str(&index), &roots) < 0)
		sp_panic("open", __FILE__, __LINE__);
	show("open the index (proxy)", (cpu() - t) * 1e6, "us");
	sp_roots_free(roots);
	sp_buf_fini(&index);
	sp_buf_fini(&pem);
}

int main(int argc, char **argv)
{
	struct bench b;

	if (argc > 1)
		seconds = strtod(argv[1], NULL);
	start_up(&b);
	if (argc > 2)
		bundle(argv[2]);
	mint(&b);
	handshakes(&b, "TLS 1.3, full", TLS1_3_VERSION, false);
	handshakes(&b, "TLS 1.3, resumed", TLS1_3_VERSION, true);
	handshakes(&b, "TLS 1.2, full", TLS1_2_VERSION, false);
	handshakes(&b, "TLS 1.2, resumed", TLS1_2_VERSION, true);
	bulk(&b, "TLS_AES_128_GCM_SHA256");
	bulk(&b, "TLS_AES_256_GCM_SHA384");
	bulk(&b, "TLS_CHACHA20_POLY1305_SHA256");
	memory(&b);
	bench_fini(&b);
	return 0;
}
