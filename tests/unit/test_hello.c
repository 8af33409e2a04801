/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "core/buf.h"
#include "tls/hello.h"

/*
 * A hello is written as text: bytes in hex, "[n" opens a vector whose length
 * field has n bytes, "]" closes it, 'text' is text. Blanks mean nothing.
 */
#define RANDOM                                                                 \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
#define PLAIN   "0303 " RANDOM "[1 ] [2 1301 c02b ] [1 00 ] "
#define SNI(x)  "0000 [2 [2 00 [2 '" x "' ] ] ] "
#define BODY(x) "01 [3 " PLAIN "[2 " x "] ] "

static size_t blanks(const char *s)
{
	size_t n = 0;

	while (s[n] == ' ')
		n++;
	return n;
}

static unsigned hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void close_vec(struct sp_buf *b, size_t at, size_t width)
{
	size_t n = sp_buf_len(b) - at - width;

	for (size_t i = width; i-- > 0; n >>= 8)
		b->p[at + i] = (uint8_t)n;
}

static void compile(struct sp_buf *b, const char *s)
{
	struct {
		size_t at, width;
	} open[8];
	size_t depth = 0;

	for (s += blanks(s); *s != '\0'; s += blanks(s)) {
		if (*s == '[') {
			open[depth].at = sp_buf_len(b);
			open[depth].width = hex(s[1]);
			for (unsigned i = 0; i < hex(s[1]); i++)
				sp_buf_byte(b, 0);
			depth++;
			s += 2;
		} else if (*s == ']') {
			depth--;
			close_vec(b, open[depth].at, open[depth].width);
			s++;
		} else if (*s == '\'') {
			for (s++; *s != '\''; s++)
				sp_buf_byte(b, (uint8_t)*s);
			s++;
		} else {
			sp_buf_byte(b, (uint8_t)(hex(s[0]) << 4 | hex(s[1])));
			s += 2;
		}
	}
	assert_int_equal(depth, 0);
}

/* The message in records of so many bytes. */
static void frame(struct sp_buf *wire, struct sp_str message, size_t size)
{
	while (message.n > 0) {
		struct sp_str f = sp_str_take(
			&message, message.n < size ? message.n : size);
		uint8_t head[] = { 22, 3, 1, (uint8_t)(f.n >> 8),
			           (uint8_t)f.n };

		sp_buf_add(wire, (struct sp_str){ head, sizeof(head) });
		sp_buf_add(wire, f);
	}
}

static enum sp_rc parse(const char *text, size_t record, struct sp_hello *h)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf m;
	SP_CLEANUP(sp_buf_fini) struct sp_buf wire;

	sp_buf_init(&m, SP_HELLO_MAX);
	sp_buf_init(&wire, 8 * SP_HELLO_MAX);
	compile(&m, text);
	frame(&wire, sp_buf_str(&m), record);
	assert_true(sp_buf_ok(&m) && sp_buf_ok(&wire));
	return sp_hello_parse(sp_buf_str(&wire), h);
}

/* ---- what is read ------------------------------------------------------- */

#define T12 1u
#define T13 2u
#define EC  4u
#define ECH 8u
#define ALP 16u
#define H2  32u
#define H11 64u

static const struct {
	const char *name, *text, *sni;
	unsigned facts;
} good[] = {
	{ "no extensions at all", "01 [3 " PLAIN "]", NULL, T12 },
	{ "empty extensions", BODY(""), NULL, T12 },
	{ "old version", "01 [3 0301 " RANDOM "[1 ] [2 0005 ] [1 00 ] ]", NULL,
	  0 },
	{ "name", BODY(SNI("a.example")), "a.example", T12 },
	{ "upper case, final dot", BODY(SNI("A.Example.")), "a.example", T12 },
	{ "underscore", BODY(SNI("_a.b.example")), "_a.b.example", T12 },
	{ "http/1.1", BODY("0010 [2 [2 [1 'http/1.1' ] ] ] "), NULL,
	  T12 | ALP | H11 },
	{ "both protocols", BODY("0010 [2 [2 [1 'h2' ] [1 'http/1.1' ] ] ] "),
	  NULL, T12 | ALP | H2 | H11 },
	{ "unknown protocols", BODY("0010 [2 [2 [1 'h3' ] [1 0a0a ] ] ] "),
	  NULL, T12 | ALP },
	{ "TLS 1.3 only", BODY("002b [2 [1 0304 ] ] "), NULL, T13 },
	{ "grease and both versions", BODY("002b [2 [1 7a7a 0304 0303 ] ] "),
	  NULL, T12 | T13 },
	{ "neither version", BODY("002b [2 [1 0302 ] ] "), NULL, 0 },
	{ "ecdsa", BODY("000d [2 [2 0804 0403 ] ] "), NULL, T12 | EC },
	{ "rsa only", BODY("000d [2 [2 0804 0401 ] ] "), NULL, T12 },
	{ "encrypted hello", BODY(SNI("outer.example") "fe0d [2 00 ] "),
	  "outer.example", T12 | ECH },
	{ "grease extensions", BODY("0a0a [2 ] 1a1a [2 00 ] " SNI("a.b")),
	  "a.b", T12 },
};

static unsigned facts_of(const struct sp_hello *h)
{
	return (h->has_tls12 ? T12 : 0) | (h->has_tls13 ? T13 : 0) |
	       (h->has_ecdsa ? EC : 0) | (h->has_ech ? ECH : 0) |
	       (h->has_alpn ? ALP : 0) | (h->alpn_h2 ? H2 : 0) |
	       (h->alpn_http11 ? H11 : 0);
}

static void assert_reads(size_t i, size_t record)
{
	struct sp_hello h;
	enum sp_rc rc = parse(good[i].text, record, &h);

	if (rc != SP_DONE || facts_of(&h) != good[i].facts)
		print_error("%s in records of %zu: %d, %x\n", good[i].name,
		            record, rc, facts_of(&h));
	assert_int_equal(rc, SP_DONE);
	assert_int_equal(facts_of(&h), good[i].facts);
	assert_int_equal(h.has_sni, good[i].sni != NULL);
	if (h.has_sni)
		assert_string_equal(h.sni.text, good[i].sni);
}

static void test_what_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(good); i++) {
		assert_reads(i, 16384);
		for (size_t record = 1; record < 100; record++)
			assert_reads(i, record);
	}
}

/* ---- what is refused ---------------------------------------------------- */

static const struct {
	const char *name, *text;
} bad[] = {
	{ "server hello", "02 [3 " PLAIN "]" },
	{ "empty body", "01 [3 ]" },
	{ "SSL 2 version", "01 [3 0200 " RANDOM "[1 ] [2 1301 ] [1 00 ] ]" },
	{ "random cut short", "01 [3 0303 0011 ]" },
	{ "odd ciphers", "01 [3 0303 " RANDOM "[1 ] [2 130113 ] [1 00 ] ]" },
	{ "no ciphers", "01 [3 0303 " RANDOM "[1 ] [2 ] [1 00 ] ]" },
	{ "no compression", "01 [3 0303 " RANDOM "[1 ] [2 1301 ] [1 ] ]" },
	{ "session id of 33",
	  "01 [3 0303 " RANDOM "[1 " RANDOM "00 ] [2 1301 ] [1 00 ] ]" },
	{ "bytes behind the extensions", "01 [3 " PLAIN "[2 ] 00 ]" },
	{ "extension longer than the list", BODY("0a0a 0005 00 ") },
	{ "half an extension head", BODY("0a0a 00 ") },
	{ "extension twice", BODY("0a0a [2 ] 0a0a [2 ] ") },
	{ "name twice", BODY(SNI("a.example") SNI("b.example")) },
	{ "two names",
	  BODY("0000 [2 [2 00 [2 'a.example' ] 00 [2 'b.example' ] ] ] ") },
	{ "name of another type", BODY("0000 [2 [2 01 [2 'a.example' ] ] ] ") },
	{ "empty name", BODY("0000 [2 [2 00 [2 ] ] ] ") },
	{ "empty list of names", BODY("0000 [2 [2 ] ] ") },
	{ "empty name extension", BODY("0000 [2 ] ") },
	{ "bytes behind the list", BODY("0000 [2 [2 00 [2 'a.b' ] ] 00 ] ") },
	{ "NUL in the name", BODY("0000 [2 [2 00 [2 'a.b' 00 'c' ] ] ] ") },
	{ "address as a name", BODY(SNI("192.0.2.1")) },
	{ "address in hex", BODY(SNI("0x7f.1")) },
	{ "address of 6", BODY(SNI("2001:db8::1")) },
	{ "address in brackets", BODY("0000 [2 [2 00 [2 5b '::1' 5d ] ] ] ") },
	{ "percent in the name", BODY(SNI("a%2eexample")) },
	{ "blank in the name", BODY("0000 [2 [2 00 [2 'a' 20 'b' ] ] ] ") },
	{ "UTF-8 in the name", BODY("0000 [2 [2 00 [2 c3bc '.de' ] ] ] ") },
	{ "empty label", BODY(SNI("a..example")) },
	{ "slash in the name", BODY(SNI("a.example/x")) },
	{ "empty protocol", BODY("0010 [2 [2 [1 'h2' ] [1 ] ] ] ") },
	{ "empty protocols", BODY("0010 [2 [2 ] ] ") },
	{ "protocol cut short", BODY("0010 [2 [2 09 'http' ] ] ") },
	{ "odd versions", BODY("002b [2 [1 030403 ] ] ") },
	{ "no versions", BODY("002b [2 [1 ] ] ") },
	{ "odd signatures", BODY("000d [2 [2 040308 ] ] ") },
	{ "bytes behind the signatures", BODY("000d [2 [2 0403 ] 00 ] ") },
	{ "empty encrypted hello", BODY("fe0d [2 ] ") },
};

static void test_what_is_refused(void **state)
{
	static const size_t records[] = { 1, 2, 7, 40, 16384 };
	struct sp_hello h;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(bad); i++)
		for (size_t k = 0; k < SP_COUNT(records); k++) {
			enum sp_rc rc = parse(bad[i].text, records[k], &h);

			if (rc != SP_E_PROTO)
				print_error("%s: %d\n", bad[i].name, rc);
			assert_int_equal(rc, SP_E_PROTO);
		}
}

static const struct {
	const char *name, *text;
	enum sp_rc rc;
} wires[] = {
	{ "nothing", "", SP_OK },
	{ "one byte", "16", SP_OK },
	{ "HTTP", "'GET / HTTP/1.1'", SP_E_PROTO },
	{ "SSL 2", "80 2e 01 0002", SP_E_PROTO },
	{ "alert", "15 0303 [2 0228 ]", SP_E_PROTO },
	{ "version 2", "16 0200", SP_E_PROTO },
	{ "empty record", "16 0301 [2 ]", SP_E_PROTO },
	{ "record too long", "16 0301 4001", SP_E_PROTO },
	{ "longest record", "16 0301 4000 01", SP_OK },
	{ "other type between", "16 0301 [2 01 00 ] 17 0303 0001", SP_E_PROTO },
	{ "message too long", "16 0301 [2 01 01 00 00 ]", SP_E_LIMIT },
	{ "more in the record", "16 0301 [2 01 [3 " PLAIN "] 00 ]",
	  SP_E_PROTO },
	{ "promise of more in the record", "16 0301 0040 01 000010 0303",
	  SP_E_PROTO },
	{ "record behind the hello",
	  "16 0301 [2 01 [3 " PLAIN "] ] 14 0303 [2 01 ]", SP_DONE },
};

static void test_records(void **state)
{
	struct sp_hello h;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(wires); i++) {
		struct sp_buf b;

		sp_buf_init(&b, SP_HELLO_MAX);
		compile(&b, wires[i].text);
		if (sp_hello_parse(sp_buf_str(&b), &h) != wires[i].rc)
			print_error("%s\n", wires[i].name);
		assert_int_equal(sp_hello_parse(sp_buf_str(&b), &h),
		                 wires[i].rc);
		sp_buf_fini(&b);
	}
}

/* ---- cuts and limits ---------------------------------------------------- */

/* What has arrived is never consumed, so a cut is a prefix. */
static void test_every_prefix_waits(void **state)
{
	struct sp_buf m, wire;
	struct sp_hello h;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(good); i++)
		for (size_t record = 1; record <= 1000; record *= 10) {
			sp_buf_init(&m, SP_HELLO_MAX);
			sp_buf_init(&wire, SP_HELLO_MAX);
			compile(&m, good[i].text);
			frame(&wire, sp_buf_str(&m), record);
			for (size_t n = 0; n < sp_buf_len(&wire); n++) {
				struct sp_str s = { wire.p, n };

				assert_int_equal(sp_hello_parse(s, &h), SP_OK);
			}
			sp_buf_fini(&m);
			sp_buf_fini(&wire);
		}
}

/* A hello that fills n bytes of wire in the longest records there are. */
static enum sp_rc parse_of_size(size_t n)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf m;
	SP_CLEANUP(sp_buf_fini) struct sp_buf wire;
	size_t message = n - 5 * ((n + 16388) / 16389), pad;
	struct sp_hello h;

	sp_buf_init(&m, 2 * SP_HELLO_MAX);
	sp_buf_init(&wire, 2 * SP_HELLO_MAX);
	compile(&m, BODY("0015 [2 ] "));
	pad = message - sp_buf_len(&m);
	/* The body, the extensions and the padding grow alike. */
	m.p[2] = (uint8_t)((message - 4) >> 8);
	m.p[3] = (uint8_t)(message - 4);
	m.p[m.tail - 6] = (uint8_t)((pad + 4) >> 8);
	m.p[m.tail - 5] = (uint8_t)(pad + 4);
	m.p[m.tail - 2] = (uint8_t)(pad >> 8);
	m.p[m.tail - 1] = (uint8_t)pad;
	for (size_t i = 0; i < pad; i++)
		sp_buf_byte(&m, 0);
	frame(&wire, sp_buf_str(&m), 16384);
	assert_int_equal(sp_buf_len(&wire), n);
	return sp_hello_parse(sp_buf_str(&wire), &h);
}

static void test_size_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_of_size(SP_HELLO_MAX - 1), SP_DONE);
	assert_int_equal(parse_of_size(SP_HELLO_MAX), SP_DONE);
	assert_int_equal(parse_of_size(SP_HELLO_MAX + 1), SP_E_LIMIT);
}

static enum sp_rc parse_extensions(unsigned n)
{
	char text[128 * 16 + 512] = "01 [3 " PLAIN "[2 ";

	for (unsigned i = 0; i < n; i++) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "01%02x [2 ] ", i);
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "] ]");
	return parse(text, 16384, &(struct sp_hello){ 0 });
}

static void test_extensions_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_extensions(127), SP_DONE);
	assert_int_equal(parse_extensions(128), SP_DONE);
	assert_int_equal(parse_extensions(129), SP_E_LIMIT);
}

static void test_output_only_on_success(void **state)
{
	struct sp_hello h = { .has_ech = true }, copy = h;

	(void)state;
	assert_int_equal(parse(BODY(SNI("a.example") "0a0a 01 "), 16384, &h),
	                 SP_E_PROTO);
	assert_memory_equal(&h, &copy, sizeof(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_every_prefix_waits),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_extensions_are_bounded),
		cmocka_unit_test(test_output_only_on_success),
	};

	return cmocka_run_group_tests_name("tls/hello", tests, NULL, NULL);
}
