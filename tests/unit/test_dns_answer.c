/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "dns/answer.h"
#include "dns_check.h"
#include "dns_query.h"

enum { A = 1, NS = 2, SOA = 6, PTR = 12, MX = 15, TXT = 16, AAAA = 28 };
enum { SRV = 33, OPT = 41, SVCB = 64, HTTPS = 65, AXFR = 252, ANY = 255 };
enum { CAA = 257 };
enum { OK = 0, FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4 };
enum { REFUSED = 5, BADVERS = 16 };

struct world {
	struct sp_pool *pool;
	struct sp_dns_env env;
	struct sp_buf out;
	struct sp_dns_event event;
	struct seen seen;
};

static bool allow_example(void *arg, const struct sp_host *name)
{
	(void)arg;
	return sp_str_is(sp_host_str(name), "example.com") ||
	       sp_str_is(sp_host_str(name), "www.example.com");
}

static int setup(void **state)
{
	static struct world w;

	w = (struct world){ .pool = sp_pool_new() };
	w.env = (struct sp_dns_env){
		.pool = w.pool,
		.now_ms = 1000,
		.allowed = allow_example,
	};
	sp_buf_init(&w.out, SP_DNS_PACKET_MAX);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sp_pool_free(w->pool);
	sp_buf_fini(&w->out);
	return 0;
}

static void ask_raw(struct world *w, struct sp_str q)
{
	assert_int_equal(sp_dns_answer(q, &w->env, &w->out, &w->event), SP_OK);
	assert_true(dns_check(sp_buf_str(&w->out), &w->seen));
	/* A response; AA, AD and the Z bit are never set; RA is. */
	assert_int_equal(w->seen.flags & 0x8460, 0x8000);
	assert_true((w->seen.flags & 0x80) != 0);
	assert_int_equal(w->seen.rcode, w->event.rcode);
}

static void ask(struct world *w, const char *name, unsigned type, bool edns)
{
	struct query q;

	query_make(&q, name, type, edns);
	ask_raw(w, query_str(&q));
	assert_int_equal(w->seen.id, 0x1234);
	assert_int_equal(w->seen.opt, edns);
	if (w->seen.questions == 1) /* echoed byte by byte, case and all */
		assert_memory_equal(w->out.p + w->out.head + 12, q.b + 12,
		                    q.n - 12 - (edns ? 11 : 0));
}

#define LONG63 "a23456789b123456789c123456789d123456789e123456789f123456789g123"

static const struct {
	const char *name;
	unsigned type;
	unsigned rcode;
	unsigned rr; /* type of the answer, 0: none */
	const char *rdata;
	size_t n;
} cases[] = {
	{ "example.com", A, OK, A, "\xc6\x12\x00\x02", 4 },
	{ "EXAMPLE.com", A, OK, A, "\xc6\x12\x00\x02", 4 },
	{ "example.com.", A, OK, A, "\xc6\x12\x00\x02", 4 },
	{ "www.example.com", A, OK, A, "\xc6\x12\x00\x03", 4 },
	{ "example.com", AAAA, OK, AAAA,
	  "\xfd\x00\x5a\x11\0\0\0\0\0\0\0\0\0\0\0\x02", 16 },
	/* never forwarded, never answered */
	{ "example.com", HTTPS, OK, 0, NULL, 0 },
	{ "example.com", SVCB, OK, 0, NULL, 0 },
	{ "example.com", TXT, OK, 0, NULL, 0 },
	{ "example.com", MX, OK, 0, NULL, 0 },
	{ "example.com", NS, OK, 0, NULL, 0 },
	{ "example.com", SOA, OK, 0, NULL, 0 },
	{ "example.com", CAA, OK, 0, NULL, 0 },
	{ "example.com", 65535, OK, 0, NULL, 0 },
	{ "_https._tcp.example.com", SRV, OK, 0, NULL, 0 },
	{ "example.com", ANY, OK, 13, "\x07RFC8482\0", 9 },
	{ "example.com", AXFR, REFUSED, 0, NULL, 0 },
	{ "example.com", 0, FORMERR, 0, NULL, 0 },
	{ "example.com", OPT, FORMERR, 0, NULL, 0 },
	/* reverse */
	{ "2.0.18.198.in-addr.arpa", PTR, OK, PTR,
	  "\x07"
	  "example\x03"
	  "com",
	  13 },
	{ "2.0.18.198.IN-ADDR.ARPA", PTR, OK, PTR,
	  "\x07"
	  "example\x03"
	  "com",
	  13 },
	{ "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.1.a.5.0.0.d.f"
	  ".ip6.arpa",
	  PTR, OK, PTR,
	  "\x07"
	  "example\x03"
	  "com",
	  13 },
	{ "1.0.0.127.in-addr.arpa", PTR, OK, PTR, "\x09localhost", 11 },
	{ "1.0.18.198.in-addr.arpa", PTR, NXDOMAIN, 0, NULL, 0 },
	{ "9.9.18.198.in-addr.arpa", PTR, NXDOMAIN, 0, NULL, 0 },
	{ "8.8.8.8.in-addr.arpa", PTR, NXDOMAIN, 0, NULL, 0 },
	{ "0.18.198.in-addr.arpa", PTR, NXDOMAIN, 0, NULL, 0 },
	{ "2-0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.1.a.5.0.0.d.f"
	  ".ip6.arpa",
	  PTR, NXDOMAIN, 0, NULL, 0 },
	{ "x.ip6.arpa", PTR, NXDOMAIN, 0, NULL, 0 },
	{ "example.com", PTR, OK, 0, NULL, 0 },
	/* local names */
	{ "localhost", A, OK, A, "\x7f\0\0\x01", 4 },
	{ "a.b.LOCALHOST", A, OK, A, "\x7f\0\0\x01", 4 },
	{ "localhost", AAAA, OK, AAAA, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
	  16 },
	{ "localhost", TXT, OK, 0, NULL, 0 },
	{ "use-application-dns.net", A, NXDOMAIN, 0, NULL, 0 },
	{ "use-application-dns.net", HTTPS, NXDOMAIN, 0, NULL, 0 },
	/* not names */
	{ "", A, OK, 0, NULL, 0 },
	{ "", NS, OK, 0, NULL, 0 },
	{ "10.1.2.3", A, NXDOMAIN, 0, NULL, 0 },
	{ "127.0.0.1", AAAA, NXDOMAIN, 0, NULL, 0 },
	{ "ex%61mple.com", A, NXDOMAIN, 0, NULL, 0 },
	{ "exam ple.com", A, NXDOMAIN, 0, NULL, 0 },
	{ "example.com\\", A, NXDOMAIN, 0, NULL, 0 },
	{ "b\xc3\xbc"
	  "cher.example",
	  A, NXDOMAIN, 0, NULL, 0 },
	{ "*.example.com", A, NXDOMAIN, 0, NULL, 0 },
	{ LONG63 ".com", A, OK, A, NULL, 4 },
};

static void check_case(struct world *w, size_t i, bool edns)
{
	ask(w, cases[i].name, cases[i].type, edns);
	if (w->seen.rcode != cases[i].rcode || w->seen.rr_type != cases[i].rr)
		print_error("%s %u: rcode %u, type %u\n", cases[i].name,
		            cases[i].type, w->seen.rcode, w->seen.rr_type);
	assert_int_equal(w->seen.rcode, cases[i].rcode);
	assert_int_equal(w->seen.rr_type, cases[i].rr);
	assert_int_equal(w->seen.answers, cases[i].rr != 0);
	assert_int_equal(w->seen.n_rdata, cases[i].n);
	if (cases[i].rdata != NULL)
		assert_memory_equal(w->seen.rdata, cases[i].rdata, cases[i].n);
	if (cases[i].rr != 0)
		assert_int_equal(w->seen.rr_ttl, 60);
	/* "No" can be cached, for longer when no policy can change it. */
	if (cases[i].rr == 0 && cases[i].rcode == OK)
		assert_int_equal(w->seen.soa_ttl, 60);
	if (cases[i].rcode == NXDOMAIN)
		assert_int_equal(w->seen.soa_ttl, 5);
}

static void test_cases(void **state)
{
	for (int edns = 0; edns <= 1; edns++)
		for (size_t i = 0; i < SP_COUNT(cases); i++)
			check_case(*state, i, edns);
}

static void test_event(void **state)
{
	struct world *w = *state;

	ask(w, "WWW.Example.com", HTTPS, false);
	assert_true(w->event.has_name);
	assert_true(sp_str_is(sp_host_str(&w->event.name), "www.example.com"));
	assert_int_equal(w->event.qtype, HTTPS);
	assert_false(w->event.denied);
	ask(w, "10.1.2.3", A, false);
	assert_false(w->event.has_name);
	ask(w, "evil.example", TXT, false);
	assert_true(w->event.has_name && w->event.denied);
}

static void test_denied_gets_an_address(void **state)
{
	struct world *w = *state;

	ask(w, "evil.example", A, true);
	assert_int_equal(w->seen.rcode, OK);
	assert_int_equal(w->seen.rr_type, A);
	assert_int_equal(w->seen.ede, 15);
	assert_true(w->event.denied);
	ask(w, "evil.example", A, false);
	assert_int_equal(w->seen.rr_type, A);
	assert_int_equal(w->seen.ede, -1);
	ask(w, "example.com", A, true);
	assert_int_equal(w->seen.ede, -1);
}

static void test_denied_does_not_exist_if_asked_so(void **state)
{
	static const unsigned types[] = { A, AAAA, TXT, HTTPS, ANY };
	struct world *w = *state;
	struct sp_addr a;

	w->env.denied_nxdomain = true;
	for (size_t i = 0; i < SP_COUNT(types); i++) {
		ask(w, "evil.example", types[i], true);
		assert_int_equal(w->seen.rcode, NXDOMAIN);
		assert_int_equal(w->seen.answers, 0);
		assert_int_equal(w->seen.ede, 15);
	}
	/* And nothing was taken from the pool. */
	assert_int_equal(sp_addr_parse(sp_str("198.18.0.2"), &a), SP_OK);
	assert_null(sp_pool_name(w->pool, &a));
	ask(w, "example.com", A, true);
	assert_int_equal(w->seen.rcode, OK);
}

static void test_no_policy_allows_all(void **state)
{
	struct world *w = *state;

	w->env.allowed = NULL;
	ask(w, "evil.example", A, true);
	assert_false(w->event.denied);
	assert_int_equal(w->seen.ede, -1);
}

static void test_pool_empty(void **state)
{
	struct world *w = *state;

	w->env.allowed = NULL;
	for (unsigned i = 0; i < SP_POOL_BURST; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		ask(w, name, A, false);
		assert_int_equal(w->seen.rcode, OK);
	}
	ask(w, "one-more.example", A, true);
	assert_int_equal(w->seen.rcode, SERVFAIL);
	ask(w, "n0.example", AAAA, true);
	assert_int_equal(w->seen.rcode, OK);
}

/* A program that invents names still finds those it may reach. */
static void test_flood_of_denied_names(void **state)
{
	struct world *w = *state;
	unsigned refused = 0;

	for (unsigned i = 0; i < 2 * SP_POOL_BURST; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		ask(w, name, A, true);
		refused += w->seen.rcode == SERVFAIL;
	}
	assert_true(refused > 0);
	ask(w, "example.com", A, true);
	assert_int_equal(w->seen.rcode, OK);
	assert_int_equal(w->seen.answers, 1);
}

static void test_flags_are_echoed(void **state)
{
	struct world *w = *state;
	struct query q;

	/* RD, AD and CD set: RD and CD come back, AD never. */
	query_make(&q, "example.com", A, false);
	q.b[2] = 0x01;
	q.b[3] = 0x30;
	ask_raw(w, query_str(&q));
	assert_int_equal(w->seen.flags, 0x8190);
	q.b[2] = 0x00;
	q.b[3] = 0x00;
	ask_raw(w, query_str(&q));
	assert_int_equal(w->seen.flags, 0x8080);
}

static void test_opcodes_and_classes(void **state)
{
	struct world *w = *state;
	struct query q;

	for (unsigned opcode = 1; opcode < 16; opcode++) {
		query_make(&q, "example.com", A, false);
		q.b[2] = (uint8_t)(opcode << 3);
		ask_raw(w, query_str(&q));
		assert_int_equal(w->seen.rcode, NOTIMP);
		assert_int_equal(w->seen.flags >> 11 & 15, opcode);
		assert_int_equal(w->seen.questions, 0);
	}
	query_make(&q, "version.bind", TXT, false);
	q.b[q.n - 1] = 3; /* CHAOS */
	ask_raw(w, query_str(&q));
	assert_int_equal(w->seen.rcode, REFUSED);
	query_make(&q, "example.com", A, false);
	q.b[q.n - 1] = 255;
	ask_raw(w, query_str(&q));
	assert_int_equal(w->seen.rcode, OK);
}

static void test_edns_version(void **state)
{
	struct world *w = *state;
	struct query q;

	query_head(&q, 7, 0, 1, 1);
	query_name(&q, "example.com");
	query_u16(&q, A);
	query_u16(&q, 1);
	query_opt(&q, 1232, 1);
	ask_raw(w, query_str(&q));
	assert_int_equal(w->seen.rcode, BADVERS);
	assert_int_equal(w->seen.flags, 0x8080);
	assert_int_equal(w->seen.answers, 0);
}

/* The longest name there is, denied, with all that can be added to it. */
static void test_longest(void **state)
{
	char name[256] = LONG63 "." LONG63 "." LONG63 "." LONG63;
	struct world *w = *state;

	name[253] = '\0';
	name[252] = 'x';
	ask(w, name, A, true);
	assert_int_equal(w->seen.rcode, OK);
	assert_int_equal(w->seen.rr_type, A);
	ask(w, name, HTTPS, true);
	assert_int_equal(w->seen.rcode, OK);
	assert_int_equal(w->seen.flags & 0x0200, 0);
	assert_true(sp_buf_len(&w->out) <= 512);
	ask(w, "2.0.18.198.in-addr.arpa", PTR, true);
	assert_int_equal(w->seen.n_rdata, 255);
	assert_true(sp_buf_len(&w->out) <= 512);
}

/* Every prefix of a good question, and every byte changed. */
static void test_mutations(void **state)
{
	struct world *w = *state;
	struct query q;

	query_make(&q, "example.com", A, true);
	for (size_t n = 0; n < q.n; n++) {
		struct sp_str in = { q.b, n };

		if (n < 12) {
			assert_int_equal(
				sp_dns_answer(in, &w->env, &w->out, &w->event),
				SP_E_PROTO);
			continue;
		}
		ask_raw(w, in);
		assert_int_equal(w->seen.rcode, FORMERR);
		assert_int_equal(w->seen.questions, 0);
	}
	for (size_t i = 3; i < q.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			q.b[i] ^= (uint8_t)(1u << bit);
			ask_raw(w, query_str(&q));
			q.b[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static const struct {
	const char *what;
	const char *raw;
	size_t n;
} bad[] = {
#define BAD(what, raw)                                                         \
	{                                                                      \
		what, raw, sizeof(raw) - 1                                     \
	}
	BAD("no question", "\0\1\1\0\0\0\0\0\0\0\0\0"),
	BAD("two questions", "\0\1\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1"
	                     "\1b\0\0\1\0\1"),
	BAD("an answer", "\0\1\1\0\0\1\0\1\0\0\0\0\1a\0\0\1\0\1"),
	BAD("an authority", "\0\1\1\0\0\1\0\0\0\1\0\0\1a\0\0\1\0\1"),
	BAD("two additional", "\0\1\1\0\0\1\0\0\0\0\0\2\1a\0\0\1\0\1"
	                      "\0\0\x29\4\xd0\0\0\0\0\0\0"
	                      "\0\0\x29\4\xd0\0\0\0\0\0\0"),
	BAD("trailing byte", "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1\0"),
	BAD("pointer to itself", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
	BAD("pointer to the head", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\0\0\1\0\1"),
	BAD("pointer behind a label", "\0\1\1\0\0\1\0\0\0\0\0\0\1a\xc0\x0c"
	                              "\0\1\0\1"),
	BAD("extended label", "\0\1\1\0\0\1\0\0\0\0\0\0\x41"
	                      "a\0\0\1\0\1"),
	BAD("label of 64", "\0\1\1\0\0\1\0\0\0\0\0\0\x40" LONG63 "h"
	                   "\0\0\1\0\1"),
	BAD("name of 256", "\0\1\1\0\0\1\0\0\0\0\0\0"
	                   "\x3f" LONG63 "\x3f" LONG63 "\x3f" LONG63 "\x3e"
	                   "123456789a123456789b123456789c123456789d"
	                   "123456789e123456789f12"
	                   "\0\0\1\0\1"),
	BAD("not OPT", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	               "\0\0\x10\0\1\0\0\0\0\0\0"),
	BAD("OPT with a name", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	                       "\1a\0\0\x29\4\xd0\0\0\0\0\0\0"),
	BAD("OPT too long", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	                    "\0\0\x29\4\xd0\0\0\0\0\0\1"),
	BAD("byte behind OPT", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	                       "\0\0\x29\4\xd0\0\0\0\0\0\0\0"),
	BAD("option behind OPT", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	                         "\0\0\x29\4\xd0\0\0\0\0\0\0\0\xa\0\0"),
	BAD("two additional, not there",
	    "\0\1\1\0\0\1\0\0\0\0\0\2\1a\0\0\1\0\1"),
	BAD("half an option", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	                      "\0\0\x29\4\xd0\0\0\0\0\0\3\0\xa\0"),
	BAD("option too long", "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
	                       "\0\0\x29\4\xd0\0\0\0\0\0\5\0\xa\0\2x"),
#undef BAD
};

static void test_malformed(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		ask_raw(w, (struct sp_str){ (const uint8_t *)bad[i].raw,
		                            bad[i].n });
		if (w->seen.rcode != FORMERR)
			print_error("%s\n", bad[i].what);
		assert_int_equal(w->seen.rcode, FORMERR);
		assert_int_equal(w->seen.id, 1);
		assert_int_equal(w->seen.questions, 0);
		assert_false(w->event.has_name);
	}
}

static void test_packet_limit(void **state)
{
	static uint8_t b[SP_DNS_PACKET_MAX + 1];
	struct world *w = *state;
	struct query q;

	query_make(&q, "example.com", A, true);
	for (size_t n = SP_DNS_PACKET_MAX - 1; n <= SP_DNS_PACKET_MAX + 1;
	     n++) {
		size_t option = n - q.n - 4; /* padding, RFC 7830 */

		memset(b, 0, sizeof(b));
		memcpy(b, q.b, q.n);
		b[q.n - 2] = (uint8_t)((option + 4) >> 8);
		b[q.n - 1] = (uint8_t)(option + 4);
		b[q.n + 1] = 12;
		b[q.n + 2] = (uint8_t)(option >> 8);
		b[q.n + 3] = (uint8_t)option;
		ask_raw(w, (struct sp_str){ b, n });
		assert_int_equal(w->seen.rcode,
		                 n <= SP_DNS_PACKET_MAX ? OK : FORMERR);
	}
}

static void test_responses_are_dropped(void **state)
{
	struct world *w = *state;
	struct query q;

	query_make(&q, "example.com", A, false);
	q.b[2] |= 0x80;
	assert_int_equal(
		sp_dns_answer(query_str(&q), &w->env, &w->out, &w->event),
		SP_E_PROTO);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_cases),
		T(test_event),
		T(test_denied_gets_an_address),
		T(test_denied_does_not_exist_if_asked_so),
		T(test_no_policy_allows_all),
		T(test_pool_empty),
		T(test_flood_of_denied_names),
		T(test_flags_are_echoed),
		T(test_opcodes_and_classes),
		T(test_edns_version),
		T(test_longest),
		T(test_mutations),
		T(test_malformed),
		T(test_packet_limit),
		T(test_responses_are_dropped),
	};

	return cmocka_run_group_tests_name("dns/answer", tests, NULL, NULL);
}
