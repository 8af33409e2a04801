/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "audit/words.h"
#include "ipc/wire.h"

static char long_text[1024];

static struct sp_rec_open full_open(void)
{
	struct sp_rec_open r = {
		.id = 1,
		.conn = 2,
		.proto = SP_PROTO_TLS,
		.scheme = SP_SCHEME_HTTPS,
		.verdict = SP_VERDICT_DENY,
		.observed = true,
		.final = true,
		.reason = SP_REASON_INTERNAL,
		.status = 503,
		.port = 65535,
		.addr = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 9 } },
		.host = { .kind = SP_HOST_NAME,
		          .n = 11,
		          .text = "example.com" },
		.qtype = 28,
		.start_us = UINT64_MAX,
		.path_cut = true,
		.pid = UINT32_MAX,
	};

	r.method = sp_str("OPTIONS");
	r.path = sp_str("/a");
	r.rule = sp_str("rules[0]");
	r.detail = sp_str("why");
	r.comm = sp_str("curl");
	return r;
}

static void assert_same(struct sp_str a, struct sp_str b)
{
	assert_true(sp_str_eq(a, b));
}

static void test_open_there_and_back(void **state)
{
	struct sp_rec_open r = full_open(), g;
	uint8_t buf[2048];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_str in;

	(void)state;
	sp_rec_open_put(&w, &r);
	assert_false(w.bad);
	in = (struct sp_str){ buf, w.n };
	assert_int_equal(sp_rec_open_get(&in, &g), SP_OK);
	assert_int_equal(in.n, 0);
	assert_int_equal(g.id, 1);
	assert_int_equal(g.conn, 2);
	assert_int_equal(g.proto, SP_PROTO_TLS);
	assert_int_equal(g.scheme, SP_SCHEME_HTTPS);
	assert_int_equal(g.verdict, SP_VERDICT_DENY);
	assert_true(g.observed && g.final && g.path_cut);
	assert_int_equal(g.reason, SP_REASON_INTERNAL);
	assert_int_equal(g.status, 503);
	assert_int_equal(g.port, 65535);
	assert_int_equal(g.addr.family, 6);
	assert_memory_equal(g.addr.b, r.addr.b, 16);
	assert_string_equal(g.host.text, "example.com");
	assert_int_equal(g.qtype, 28);
	assert_true(g.start_us == UINT64_MAX);
	assert_int_equal(g.pid, UINT32_MAX);
	assert_same(g.method, r.method);
	assert_same(g.path, r.path);
	assert_same(g.rule, r.rule);
	assert_same(g.detail, r.detail);
	assert_same(g.comm, r.comm);
}

static void test_close_there_and_back(void **state)
{
	struct sp_rec_close g, r = {
		.id = 7,
		.outcome = SP_OUT_ABORTED,
		.reason = SP_REASON_CLIENT_GONE,
		.status = 599,
		.up = 1,
		.down = 2,
		.us = 3,
		.first_byte_us = 4,
		.addr = { 4, { 1, 2, 3, 4 } },
	};
	uint8_t buf[512];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_str in;

	(void)state;
	r.detail = sp_str("reset");
	sp_rec_close_put(&w, &r);
	for (size_t n = 0; n <= w.n; n++) {
		in = (struct sp_str){ buf, n };
		assert_int_equal(sp_rec_close_get(&in, &g),
		                 n == w.n ? SP_OK : SP_E_PROTO);
	}
	assert_int_equal(g.id, 7);
	assert_int_equal(g.outcome, SP_OUT_ABORTED);
	assert_int_equal(g.reason, SP_REASON_CLIENT_GONE);
	assert_int_equal(g.status, 599);
	assert_true(g.up == 1 && g.down == 2 && g.us == 3);
	assert_int_equal(g.first_byte_us, 4);
	assert_memory_equal(g.addr.b, r.addr.b, 4);
	assert_same(g.detail, r.detail);
}

static void test_prefixes_are_refused(void **state)
{
	struct sp_rec_open r = full_open(), g;
	uint8_t buf[2048];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	(void)state;
	sp_rec_open_put(&w, &r);
	for (size_t n = 0; n < w.n; n++) {
		struct sp_str in = { buf, n };

		assert_int_equal(sp_rec_open_get(&in, &g), SP_E_PROTO);
	}
}

/* Texts one below, at and above their maxima. */
static void test_texts_are_cut(void **state)
{
	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	for (int d = -1; d <= 1; d++) {
		size_t n = (size_t)((int)SP_REC_PATH_MAX + d);
		struct sp_rec_open r = full_open(), g;
		uint8_t buf[4096];
		struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
		struct sp_str in;

		r.path_cut = false;
		r.path = (struct sp_str){ (uint8_t *)long_text, n };
		r.comm = r.method = r.rule = r.detail =
			(struct sp_str){ (uint8_t *)long_text, 1000 };
		sp_rec_open_put(&w, &r);
		assert_false(w.bad);
		in = (struct sp_str){ buf, w.n };
		assert_int_equal(sp_rec_open_get(&in, &g), SP_OK);
		assert_int_equal(g.path.n, d > 0 ? SP_REC_PATH_MAX : n);
		assert_int_equal(g.path_cut, d > 0);
		assert_int_equal(g.comm.n, SP_REC_COMM_MAX);
		assert_int_equal(g.method.n, SP_REC_METHOD_MAX);
		assert_int_equal(g.rule.n, SP_RULE_TEXT_MAX);
		assert_int_equal(g.detail.n, SP_REC_DETAIL_MAX);
	}
}

static void test_a_cut_spares_characters(void **state)
{
	struct sp_rec_open r = full_open(), g;
	uint8_t buf[2048];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_str in;

	(void)state;
	r.comm = sp_str("fifteen bytes, \xf0\x9f\x98\x80"); /* 15 + 4 */
	sp_rec_open_put(&w, &r);
	in = (struct sp_str){ buf, w.n };
	assert_int_equal(sp_rec_open_get(&in, &g), SP_OK);
	assert_true(sp_str_is(g.comm, "fifteen bytes, "));
}

/* Offset in the wire form, a value that no proxy of ours would send. */
static void test_lies_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} lies[] = {
		{ 16, 4 },    /* proto */
		{ 17, 5 },    /* scheme */
		{ 18, 2 },    /* verdict */
		{ 18, 1 },    /* allowed, but final */
		{ 19, 8 },    /* flags */
		{ 20, 0xff }, /* reason */
		{ 25, 5 },    /* address family */
		{ 42, 4 },    /* kind of host */
		{ 45, 'E' },  /* a host in capitals */
		{ 45, ' ' },  { 45, 0xc3 },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(lies); i++) {
		struct sp_rec_open r = full_open(), g;
		uint8_t buf[2048];
		struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
		struct sp_str in;

		sp_rec_open_put(&w, &r);
		buf[lies[i].at] = lies[i].value;
		in = (struct sp_str){ buf, w.n };
		assert_int_equal(sp_rec_open_get(&in, &g), SP_E_PROTO);
	}
}

static void test_addresses_as_hosts(void **state)
{
	static const struct {
		struct sp_addr addr;
		enum sp_host_kind kind;
		const char *text;
	} hosts[] = {
		{ { 4, { 10, 0, 0, 1 } }, SP_HOST_IPV4, "10.0.0.1" },
		{ { 6, { [15] = 1 } }, SP_HOST_IPV6, "[::1]" },
		{ { 0 }, SP_HOST_NONE, "" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(hosts); i++) {
		struct sp_rec_open r = full_open(), g;
		uint8_t buf[2048];
		struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
		struct sp_str in;

		r.host = (struct sp_host){ .kind = hosts[i].kind,
			                   .addr = hosts[i].addr };
		sp_rec_open_put(&w, &r);
		in = (struct sp_str){ buf, w.n };
		assert_int_equal(sp_rec_open_get(&in, &g), SP_OK);
		assert_int_equal(g.host.kind, hosts[i].kind);
		assert_string_equal(g.host.text, hosts[i].text);
	}
}

/* Each word is found again, and no two are the same. */
static void test_words(void **state)
{
	enum sp_record_type type;
	enum sp_outcome outcome;
	enum sp_verdict verdict;

	(void)state;
	for (unsigned i = 0; i < SP_RECORD_TYPES; i++) {
		const char *name = sp_record_type_name((enum sp_record_type)i);

		assert_true(sp_record_type_find(sp_str(name), &type));
		assert_int_equal(type, i);
	}
	for (unsigned i = 0; i <= SP_OUT_ABORTED; i++) {
		const char *name = sp_outcome_name((enum sp_outcome)i);

		assert_true(sp_outcome_find(sp_str(name), &outcome));
		assert_int_equal(outcome, i);
	}
	assert_true(sp_verdict_find(sp_str("allow"), &verdict));
	assert_int_equal(verdict, SP_VERDICT_ALLOW);
	assert_true(sp_rec_proto_find(sp_str("dns")));
	assert_true(sp_reason_find(sp_str("host_denied")));
	assert_true(sp_scheme_find(sp_str("https")));
	assert_false(sp_scheme_find(sp_str("")));
	assert_false(sp_reason_find(sp_str("")));
	assert_false(sp_record_type_find(sp_str("tx"), &type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_there_and_back),
		cmocka_unit_test(test_close_there_and_back),
		cmocka_unit_test(test_prefixes_are_refused),
		cmocka_unit_test(test_texts_are_cut),
		cmocka_unit_test(test_a_cut_spares_characters),
		cmocka_unit_test(test_lies_are_refused),
		cmocka_unit_test(test_addresses_as_hosts),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("audit/record", tests, NULL, NULL);
}
