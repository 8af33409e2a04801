/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered between connections: sessions and leaf certificates. */
#include "test.h"

/* The version of a peer is set through it. */
#include "tls/session_int.h"

#include "tls_peer.h"

#define DAY 86400u

static struct bench B;

static int set_up(void **state)
{
	(void)state;
	bench_init(&B);
	leaf_as(&B, B.ca, "a.example", "a.example", B.now_s);
	leaf_as(&B, B.ca, "b.example", "b.example", B.now_s);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bench_fini(&B);
	return 0;
}

/* A cache without sessions, for tests that count them. */
static void forget_sessions(void)
{
	struct sp_err err;

	sp_tls_client_free(B.client);
	assert_int_equal(sp_tls_client_new(B.roots, &B.client, &err), SP_OK);
}

static void assert_open(const struct pair *p)
{
	assert_int_equal(p->c.rc, SP_DONE);
	assert_int_equal(p->s.rc, SP_DONE);
}

/* ---- resumption --------------------------------------------------------- */

/* A connection from hello to close; whether it was resumed. */
static bool visit(const char *to, const char *is, int version)
{
	struct sp_tls_info info;
	struct pair p;

	pair_init(&B, &p, to, is);
	SSL_set_max_proto_version(p.c.tls->ssl, version);
	pair_handshake(&p);
	assert_open(&p);
	assert_int_equal(side_read(&p.c, &p.s), SP_OK); /* the ticket */
	sp_tls_info(p.c.tls, &info);
	pair_fini(&p);
	return info.resumed;
}

static void test_resumption(void **state)
{
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		forget_sessions();
		assert_false(visit("a.example", "a.example", v));
		assert_true(visit("a.example", "a.example", v));
		assert_true(visit("a.example", "a.example", v));
		assert_false(visit("b.example", "b.example", v));
	}
}

/* Two connections at once find one ticket. */
static void test_tickets_are_used_once(void **state)
{
	struct sp_tls_info info;
	struct pair p, q;

	(void)state;
	forget_sessions();
	assert_false(visit("a.example", "a.example", TLS1_3_VERSION));
	pair_init(&B, &p, "a.example", "a.example");
	pair_init(&B, &q, "a.example", "a.example");
	side_turn(&p.c, &p.s); /* both hellos before either answer */
	side_turn(&q.c, &q.s);
	pair_handshake(&p);
	pair_handshake(&q);
	sp_tls_info(p.c.tls, &info);
	assert_true(info.resumed);
	sp_tls_info(q.c.tls, &info);
	assert_false(info.resumed);
	pair_fini(&p);
	pair_fini(&q);
}

/* The client holds a ticket for A, and B would take it if it could. */
static void test_tickets_are_bound_to_the_host(void **state)
{
	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		forget_sessions();
		leaf_as(&B, B.ca, "d.example", "a.example", B.now_s);
		assert_false(visit("a.example", "a.example", v));
		assert_false(visit("a.example", "d.example", v));
		/* The control: what differs is only the host. */
		assert_true(visit("a.example", "d.example", v));
	}
}

static void test_no_resumption_on_another_port(void **state)
{
	struct sp_host a = host_of("a.example");
	struct sp_tls_info info;
	struct pair p;

	(void)state;
	forget_sessions();
	assert_false(visit("a.example", "a.example", TLS1_3_VERSION));
	side_init(&p.c);
	side_init(&p.s);
	assert_int_equal(sp_tls_connect(B.client, &a, 8443, &p.c.tls), SP_OK);
	assert_int_equal(sp_tls_accept(B.server, &a, &p.s.tls), SP_OK);
	pair_handshake(&p);
	assert_open(&p);
	sp_tls_info(p.c.tls, &info);
	assert_false(info.resumed);
	pair_fini(&p);
}

/* ---- the leaf cache ----------------------------------------------------- */

static void test_leafs_are_renewed_at_half_life(void **state)
{
	struct sp_host e = host_of("e.example");
	uint64_t half = B.now_s - 3600 + 7 * DAY / 2;
	struct sp_tls *t;

	(void)state;
	assert_false(sp_tls_leaf_have(B.server, &e, B.now_s));
	assert_int_equal(sp_tls_accept(B.server, &e, &t), SP_E_STATE);
	leaf_as(&B, B.ca, "e.example", "e.example", B.now_s);
	assert_true(sp_tls_leaf_have(B.server, &e, B.now_s));
	assert_true(sp_tls_leaf_have(B.server, &e, half - 1));
	assert_false(sp_tls_leaf_have(B.server, &e, half));
}

static void test_only_certificates_of_our_key(void **state)
{
	struct sp_host e = host_of("f.example");
	struct sp_tls_server *other;
	struct sp_err err;
	struct sp_buf der;
	struct sp_str s;

	(void)state;
	sp_buf_init(&der, SP_CERT_DER_MAX);
	assert_int_equal(sp_tls_server_new(sp_ca_cert(B.ca), &other, &err),
	                 SP_OK);
	assert_int_equal(
		sp_ca_mint(B.ca, &e, sp_tls_server_spki(other), B.now_s, &der),
		SP_OK);
	s = sp_buf_str(&der);
	assert_int_equal(sp_tls_leaf_put(B.server, &e, s, B.now_s), SP_E_PROTO);
	assert_int_equal(sp_tls_leaf_put(other, &e, s, B.now_s), SP_OK);
	assert_int_equal(sp_tls_leaf_put(other, &e, s, B.now_s + 8 * DAY),
	                 SP_E_PROTO);
	sp_buf_byte(&der, 0);
	assert_int_equal(sp_tls_leaf_put(other, &e, sp_buf_str(&der), B.now_s),
	                 SP_E_PROTO);
	s.n--;
	assert_int_equal(sp_tls_leaf_put(other, &e, s, B.now_s), SP_E_PROTO);
	assert_int_equal(ERR_peek_error(), 0);
	sp_tls_server_free(other);
	sp_buf_fini(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_tickets_are_used_once),
		cmocka_unit_test(test_tickets_are_bound_to_the_host),
		cmocka_unit_test(test_no_resumption_on_another_port),
		cmocka_unit_test(test_leafs_are_renewed_at_half_life),
		cmocka_unit_test(test_only_certificates_of_our_key),
	};

	return cmocka_run_group_tests_name("tls/resume", tests, set_up,
	                                   tear_down);
}
