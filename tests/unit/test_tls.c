/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

/* The version, the protocols and key updates of a peer are set through it. */
#include "tls/session_int.h"

#include "tls/hello.h"
#include "tls_peer.h"

#define DAY 86400u
#define BIG 65536u

static struct bench B;

static int set_up(void **state)
{
	(void)state;
	bench_init(&B);
	leaf_as(&B, B.ca, "a.example", "a.example", B.now_s);
	leaf_as(&B, B.ca, "b.example", "b.example", B.now_s);
	leaf_as(&B, B.ca, "192.0.2.1", "192.0.2.1", B.now_s);
	leaf_as(&B, B.ca, "[2001:db8::1]", "[2001:db8::1]", B.now_s);
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
	struct sp_tls_error e;

	sp_tls_error(p->c.tls, &e);
	if (p->c.rc != SP_DONE)
		print_error("client: %s\n", e.text);
	assert_int_equal(p->c.rc, SP_DONE);
	assert_int_equal(p->s.rc, SP_DONE);
	assert_int_equal(ERR_peek_error(), 0);
}

static void assert_says(struct side *from, struct side *to, const char *text)
{
	enum sp_rc rc = sp_tls_write(from->tls, sp_str(text), &from->out);

	assert_int_equal(rc, SP_OK);
	sp_buf_reset(&to->plain);
	assert_int_equal(side_read(to, from), SP_OK);
	assert_int_equal(sp_buf_len(&to->plain), strlen(text));
	assert_memory_equal(sp_buf_str(&to->plain).p, text, strlen(text));
}

static void assert_fails(const struct side *x, enum sp_tls_fail kind, int alert,
                         const char *part)
{
	struct sp_tls_error e;

	sp_tls_error(x->tls, &e);
	if (e.kind != kind || strstr(e.text, part) == NULL)
		print_error("kind %d, alert %d, text %s\n", (int)e.kind,
		            e.alert, e.text);
	assert_true(x->rc < 0);
	assert_int_equal(e.kind, kind);
	assert_int_equal(e.alert, alert);
	assert_non_null(strstr(e.text, part));
	assert_int_equal(ERR_peek_error(), 0);
}

/* ---- what works --------------------------------------------------------- */

static void test_talks_both_ways(void **state)
{
	static const char *const hosts[] = { "a.example", "192.0.2.1",
		                             "[2001:db8::1]" };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(hosts); i++) {
		struct sp_tls_info info;
		struct pair p;

		pair_init(&B, &p, hosts[i], hosts[i]);
		pair_handshake(&p);
		assert_open(&p);
		sp_tls_info(p.c.tls, &info);
		assert_string_equal(info.version, "TLSv1.3");
		assert_true(sp_str_is(info.alpn, "http/1.1"));
		sp_tls_info(p.s.tls, &info);
		assert_true(sp_str_is(info.alpn, "http/1.1"));
		assert_says(&p.c, &p.s, "GET / HTTP/1.1\r\n\r\n");
		assert_says(&p.s, &p.c, "HTTP/1.1 204 No Content\r\n\r\n");
		pair_fini(&p);
	}
}

static void run_at(size_t feed, int version)
{
	struct pair p;

	pair_init(&B, &p, "a.example", "a.example");
	p.c.feed = p.s.feed = feed;
	SSL_set_max_proto_version(p.c.tls->ssl, version);
	pair_handshake(&p);
	assert_open(&p);
	assert_says(&p.c, &p.s, "question");
	assert_says(&p.s, &p.c, "answer");
	sp_tls_close(p.c.tls, &p.c.out);
	assert_int_equal(side_read(&p.s, &p.c), SP_DONE);
	sp_tls_close(p.s.tls, &p.s.out);
	assert_int_equal(side_read(&p.c, &p.s), SP_DONE);
	assert_int_equal(sp_tls_eof(p.c.tls), SP_DONE);
	assert_int_equal(sp_tls_eof(p.s.tls), SP_DONE);
	pair_fini(&p);
}

static void test_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t feed = 1; feed < 1500; feed += feed < 40 ? 1 : 97) {
		forget_sessions(); /* a full handshake each time */
		run_at(feed, TLS1_3_VERSION);
		forget_sessions();
		run_at(feed, TLS1_2_VERSION);
	}
}

/* The handshake leaves what follows it for sp_tls_read(). */
static void test_data_right_behind_the_handshake(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	while (p.c.rc == SP_OK) {
		side_turn(&p.c, &p.s);
		if (p.c.rc == SP_OK)
			side_turn(&p.s, &p.c);
	}
	assert_int_equal(sp_tls_write(p.c.tls, sp_str("early"), &p.c.out),
	                 SP_OK);
	sp_tls_close(p.c.tls, &p.c.out);
	side_turn(&p.s, &p.c); /* Finished, data and close_notify in one */
	assert_open(&p);
	assert_true(sp_buf_len(&p.s.in) > 0);
	assert_int_equal(side_read(&p.s, &p.c), SP_DONE);
	assert_true(sp_str_is(sp_buf_str(&p.s.plain), "early"));
	pair_fini(&p);
}

static void fill(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (uint8_t)(seed >> 24);
	}
}

/* 64 KiB in one call, read into a buffer that holds a thousand. */
static void test_big_writes_small_reads(void **state)
{
	static uint8_t sent[BIG], got[BIG];
	enum sp_rc rc = SP_E_AGAIN;
	struct pair p;
	size_t n = 0;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	fill(sent, BIG, 1);
	assert_int_equal(
		sp_tls_write(p.s.tls, (struct sp_str){ sent, BIG }, &p.s.out),
		SP_OK);
	assert_true(sp_buf_len(&p.s.out) <= sp_tls_overhead(BIG));
	p.c.plain.max = 1000;
	carry(&p.s.out, &p.c.in, 0);
	while (rc == SP_E_AGAIN) {
		struct sp_str s;

		rc = sp_tls_read(p.c.tls, &p.c.in, &p.c.plain, &p.c.out);
		s = sp_buf_str(&p.c.plain);
		assert_true(s.n <= 1000 && n + s.n <= BIG);
		if (s.n > 0)
			memcpy(got + n, s.p, s.n);
		n += s.n;
		sp_buf_consume(&p.c.plain, s.n);
	}
	assert_int_equal(rc, SP_OK);
	assert_int_equal(n, BIG);
	assert_memory_equal(sent, got, BIG);
	pair_fini(&p);
}

/* Output that is exactly as long as promised, for lengths around records. */
static void test_overhead_is_enough(void **state)
{
	static const size_t sizes[] = { 1,     16383, 16384, 16385,
		                        32768, 65535, 65536 };
	static uint8_t data[BIG];

	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct pair p;

		pair_init(&B, &p, "b.example", "b.example");
		SSL_set_max_proto_version(p.c.tls->ssl, v);
		/* The longest records: CBC with SHA-384. */
		SSL_set_cipher_list(p.c.tls->ssl, "ECDHE-ECDSA-AES256-SHA384");
		pair_handshake(&p);
		assert_open(&p);
		for (size_t i = 0; i < SP_COUNT(sizes); i++) {
			struct sp_str s = { data, sizes[i] };

			p.c.out.max = sp_tls_overhead(s.n);
			assert_int_equal(sp_tls_write(p.c.tls, s, &p.c.out),
			                 SP_OK);
			assert_true(sp_buf_ok(&p.c.out));
			sp_buf_reset(&p.s.plain);
			assert_int_equal(side_read(&p.s, &p.c), SP_OK);
			assert_int_equal(sp_buf_len(&p.s.plain), s.n);
			sp_buf_fini(&p.c.out);
		}
		pair_fini(&p);
	}
}

static void test_write_without_room_writes_nothing(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	sp_buf_fini(&p.c.out);
	p.c.out.max = sp_tls_overhead(4) - 1;
	assert_int_equal(sp_tls_write(p.c.tls, sp_str("text"), &p.c.out),
	                 SP_E_AGAIN);
	assert_int_equal(sp_buf_len(&p.c.out), 0);
	p.c.out.max++;
	assert_says(&p.c, &p.s, "text");
	pair_fini(&p);
}

/* A handshake whose output is taken away 100 bytes at a time. */
static void test_handshake_with_small_output(void **state)
{
	bool was_full = false;
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	p.c.out.max = p.s.out.max = 100;
	for (int i = 0; i < 200; i++) {
		carry(&p.s.out, &p.c.in, 0);
		p.c.rc = sp_tls_handshake(p.c.tls, &p.c.in, &p.c.out);
		was_full |= p.c.rc == SP_E_AGAIN;
		carry(&p.c.out, &p.s.in, 0);
		p.s.rc = sp_tls_handshake(p.s.tls, &p.s.in, &p.s.out);
		assert_true(sp_buf_ok(&p.c.out) && sp_buf_ok(&p.s.out));
	}
	assert_true(was_full);
	assert_open(&p);
	p.c.out.max = p.s.out.max = WIRE_MAX;
	assert_says(&p.s, &p.c, "text");
	pair_fini(&p);
}

static void test_key_update(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	assert_int_equal(SSL_key_update(p.c.tls->ssl, SSL_KEY_UPDATE_REQUESTED),
	                 1);
	assert_says(&p.c, &p.s, "with new keys");
	assert_says(&p.s, &p.c, "also with new keys");
	pair_fini(&p);
}

static void test_half_closed_still_answers(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	sp_tls_close(p.c.tls, &p.c.out);
	sp_tls_close(p.c.tls, &p.c.out); /* no second one */
	assert_int_equal(sp_tls_write(p.c.tls, sp_str("x"), &p.c.out),
	                 SP_E_STATE);
	assert_int_equal(side_read(&p.s, &p.c), SP_DONE);
	assert_int_equal(side_read(&p.s, &p.c), SP_DONE);
	assert_says(&p.s, &p.c, "the rest of the answer");
	pair_fini(&p);
}

/* What our client says of itself, as our own parser reads it. */
static void test_hello_of_the_client(void **state)
{
	static const char *const hosts[] = { "a.example", "192.0.2.1",
		                             "[2001:db8::1]" };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(hosts); i++) {
		struct sp_host host = host_of(hosts[i]);
		struct sp_hello h;
		struct side c;

		side_init(&c);
		assert_int_equal(sp_tls_connect(B.client, &host, 1, &c.tls),
		                 SP_OK);
		assert_int_equal(sp_tls_handshake(c.tls, &c.in, &c.out), SP_OK);
		assert_int_equal(sp_hello_parse(sp_buf_str(&c.out), &h),
		                 SP_DONE);
		assert_int_equal(h.has_sni, i == 0);
		if (h.has_sni)
			assert_string_equal(h.sni.text, hosts[i]);
		assert_true(h.alpn_http11 && !h.alpn_h2);
		assert_true(h.has_tls12 && h.has_tls13 && h.has_ecdsa);
		side_fini(&c);
	}
}

/* ---- what must fail ----------------------------------------------------- */

static void test_truncation_is_an_error(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	assert_says(&p.s, &p.c, "half of an answer");
	p.c.rc = sp_tls_eof(p.c.tls);
	assert_fails(&p.c, SP_TLS_FAIL_PROTO, 0, "without close_notify");
	assert_int_equal(side_read(&p.c, &p.s), SP_E_STATE);
	pair_fini(&p);
}

static void test_damaged_record_is_an_error(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	assert_int_equal(sp_tls_write(p.s.tls, sp_str("text"), &p.s.out),
	                 SP_OK);
	p.s.out.p[p.s.out.tail - 1] ^= 1;
	p.c.rc = side_read(&p.c, &p.s);
	assert_fails(&p.c, SP_TLS_FAIL_PROTO, 0, "bad record mac");
	assert_int_equal(sp_buf_len(&p.c.plain), 0);
	assert_true(sp_buf_len(&p.c.out) > 0); /* an alert */
	assert_int_equal(sp_tls_write(p.c.tls, sp_str("x"), &p.c.out),
	                 SP_E_STATE);
	p.s.rc = side_read(&p.s, &p.c);
	assert_fails(&p.s, SP_TLS_FAIL_ALERT, 20, "bad record mac");
	pair_fini(&p);
}

/* Connect to `to` where the server shows what it has for `is`. */
static void refused(const char *to, const char *is, const char *text, int alert)
{
	struct pair p;

	pair_init(&B, &p, to, is);
	pair_handshake(&p);
	assert_fails(&p.c, SP_TLS_FAIL_UNTRUSTED, 0, text);
	assert_fails(&p.s, SP_TLS_FAIL_ALERT, alert, "");
	assert_int_equal(sp_tls_handshake(p.c.tls, &p.c.in, &p.c.out),
	                 SP_E_STATE);
	pair_fini(&p);
}

static void test_wrong_host_is_refused(void **state)
{
	(void)state;
	leaf_as(&B, B.ca, "c.example", "a.example", B.now_s);
	refused("c.example", "c.example",
	        "hostname mismatch (depth 0, a.example)", 42);
	refused("192.0.2.2", "192.0.2.1", "IP address mismatch", 42);
	refused("[2001:db8::2]", "[2001:db8::1]", "IP address mismatch", 42);
	refused("192.0.2.1", "a.example", "IP address mismatch", 42);
	refused("sub.a.example", "a.example", "hostname mismatch", 42);
}

/* An own CA that is old enough to have issued what has expired. */
static void test_validity_is_checked(void **state)
{
	struct bench old = { .now_s = 0 };
	struct pair p;
	struct sp_err err;

	(void)state;
	old.now_s = (uint64_t)time(NULL);
	assert_int_equal(sp_ca_new("old", old.now_s - 100 * DAY, &old.ca, &err),
	                 SP_OK);
	roots_of(old.ca, &old.index);
	assert_int_equal(sp_roots_open(sp_buf_str(&old.index), &old.roots),
	                 SP_OK);
	assert_int_equal(
		sp_tls_server_new(sp_ca_cert(old.ca), &old.server, &err),
		SP_OK);
	assert_int_equal(sp_tls_client_new(old.roots, &old.client, &err),
	                 SP_OK);
	leaf_as(&old, old.ca, "a.example", "a.example", old.now_s - 8 * DAY);
	pair_init(&old, &p, "a.example", "a.example");
	pair_handshake(&p);
	assert_fails(&p.c, SP_TLS_FAIL_UNTRUSTED, 0,
	             "certificate has expired (depth 0, a.example)");
	assert_fails(&p.s, SP_TLS_FAIL_ALERT, 45, "certificate expired");
	pair_fini(&p);
	leaf_as(&old, old.ca, "a.example", "a.example", old.now_s + 2 * DAY);
	pair_init(&old, &p, "a.example", "a.example");
	pair_handshake(&p);
	assert_fails(&p.c, SP_TLS_FAIL_UNTRUSTED, 0,
	             "certificate is not yet valid");
	pair_fini(&p);
	bench_fini(&old);
}

/* Of two sandboxes each rejects the leafs of the other. */
static void test_foreign_ca_is_refused(void **state)
{
	struct bench other;
	struct sp_tls_client *ours = B.client;

	(void)state;
	bench_init(&other);
	B.client = other.client;
	refused("a.example", "a.example", "certificate", 48);
	B.client = ours;
	bench_fini(&other);
}

static void test_old_versions_are_refused(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	SSL_set_security_level(p.c.tls->ssl, 0);
	SSL_set_min_proto_version(p.c.tls->ssl, TLS1_VERSION);
	SSL_set_max_proto_version(p.c.tls->ssl, TLS1_1_VERSION);
	pair_handshake(&p);
	assert_fails(&p.s, SP_TLS_FAIL_PROTO, 0, "unsupported protocol");
	assert_fails(&p.c, SP_TLS_FAIL_ALERT, 70, "protocol version");
	pair_fini(&p);
}

/* TLS 1.2 renegotiation by the client is refused. */
static void test_no_renegotiation(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	SSL_set_max_proto_version(p.c.tls->ssl, TLS1_2_VERSION);
	SSL_clear_options(p.c.tls->ssl, SSL_OP_NO_RENEGOTIATION);
	pair_handshake(&p);
	assert_open(&p);
	assert_int_equal(SSL_renegotiate(p.c.tls->ssl), 1);
	p.c.tls->out = &p.c.out;
	SSL_do_handshake(p.c.tls->ssl);
	p.c.tls->out = NULL;
	assert_true(sp_buf_len(&p.c.out) > 0);
	assert_int_equal(side_read(&p.s, &p.c), SP_OK);
	p.c.rc = side_read(&p.c, &p.s);
	assert_fails(&p.c, SP_TLS_FAIL_PROTO, 0, "no renegotiation");
	pair_fini(&p);
}

static void test_alpn(void **state)
{
	static const uint8_t h2[] = "\x02h2", both[] = "\x02h2\x08http/1.1";
	struct sp_tls_info info;
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	SSL_set_alpn_protos(p.c.tls->ssl, both, sizeof(both) - 1);
	pair_handshake(&p);
	assert_open(&p);
	sp_tls_info(p.s.tls, &info);
	assert_true(sp_str_is(info.alpn, "http/1.1"));
	pair_fini(&p);

	pair_init(&B, &p, "a.example", "a.example");
	SSL_set_alpn_protos(p.c.tls->ssl, NULL, 0);
	pair_handshake(&p);
	assert_open(&p);
	sp_tls_info(p.s.tls, &info);
	assert_int_equal(info.alpn.n, 0);
	pair_fini(&p);

	pair_init(&B, &p, "a.example", "a.example");
	SSL_set_alpn_protos(p.c.tls->ssl, h2, sizeof(h2) - 1);
	pair_handshake(&p);
	assert_fails(&p.c, SP_TLS_FAIL_ALERT, 120, "");
	pair_fini(&p);
}

static void test_garbage_gets_an_alert(void **state)
{
	static const uint8_t hello[] = { 22, 3, 1, 0, 4, 'z', 0, 0, 0 };
	struct sp_host a = host_of("a.example");
	struct side s;

	(void)state;
	side_init(&s);
	assert_int_equal(sp_tls_accept(B.server, &a, &s.tls), SP_OK);
	sp_buf_add(&s.in, (struct sp_str){ hello, sizeof(hello) });
	s.rc = sp_tls_handshake(s.tls, &s.in, &s.out);
	assert_fails(&s, SP_TLS_FAIL_PROTO, 0, "");
	assert_true(sp_buf_len(&s.out) == 7 && s.out.p[0] == 21);
	side_fini(&s);
}

static void test_plain_alert(void **state)
{
	static const uint8_t want[] = { 21, 3, 3, 0, 2, 2, 49 };
	struct sp_buf out;

	(void)state;
	sp_buf_init(&out, 64);
	sp_tls_plain_alert(SP_ALERT_ACCESS_DENIED, &out);
	assert_int_equal(sp_buf_len(&out), sizeof(want));
	assert_memory_equal(sp_buf_str(&out).p, want, sizeof(want));
	sp_buf_fini(&out);
}

/* ---- the context ------------------------------------------------------- */

static void test_bad_ca_makes_no_server(void **state)
{
	struct sp_tls_server *s = NULL;
	struct sp_err err;

	(void)state;
	assert_int_equal(sp_tls_server_new(sp_str("0000"), &s, &err), SP_E_SYS);
	assert_null(s);
	assert_non_null(strstr(err.text, "make the TLS server"));
	sp_tls_server_free(NULL);
	sp_tls_client_free(NULL);
	sp_tls_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks_both_ways),
		cmocka_unit_test(test_pieces_of_every_size),
		cmocka_unit_test(test_data_right_behind_the_handshake),
		cmocka_unit_test(test_big_writes_small_reads),
		cmocka_unit_test(test_overhead_is_enough),
		cmocka_unit_test(test_write_without_room_writes_nothing),
		cmocka_unit_test(test_handshake_with_small_output),
		cmocka_unit_test(test_key_update),
		cmocka_unit_test(test_half_closed_still_answers),
		cmocka_unit_test(test_hello_of_the_client),
		cmocka_unit_test(test_truncation_is_an_error),
		cmocka_unit_test(test_damaged_record_is_an_error),
		cmocka_unit_test(test_wrong_host_is_refused),
		cmocka_unit_test(test_validity_is_checked),
		cmocka_unit_test(test_foreign_ca_is_refused),
		cmocka_unit_test(test_old_versions_are_refused),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_garbage_gets_an_alert),
		cmocka_unit_test(test_plain_alert),
		cmocka_unit_test(test_bad_ca_makes_no_server),
	};

	return cmocka_run_group_tests_name("tls", tests, set_up, tear_down);
}
