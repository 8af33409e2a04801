/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "dns/packet.h"
#include "dns_check.h"
#include "dns_query.h"

static const struct {
	const char *text;
	enum sp_rc rc;
} names[] = {
	{ "a", SP_OK },       { "example.com", SP_OK }, { "a.b.c.d.e", SP_OK },
	{ "", SP_E_LIMIT },   { ".", SP_E_LIMIT },      { ".a", SP_E_LIMIT },
	{ "a.", SP_E_LIMIT }, { "a..b", SP_E_LIMIT },
};

static void test_name_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		uint8_t wire[SP_DNS_NAME_MAX];
		char text[SP_DNS_TEXT_MAX];
		size_t n;

		assert_int_equal(
			sp_dns_name_wire(sp_str(names[i].text), wire, &n),
			names[i].rc);
		if (names[i].rc < 0)
			continue;
		assert_int_equal(
			sp_dns_name_text((struct sp_str){ wire, n }, text),
			SP_OK);
		assert_string_equal(text, names[i].text);
	}
}

/* Labels of 62, 63, 64 bytes; names of 252, 253, 254. */
static void test_name_limits(void **state)
{
	uint8_t wire[SP_DNS_NAME_MAX], text[300];
	char back[SP_DNS_TEXT_MAX];
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t len = 62; len <= 64; len++)
		assert_int_equal(sp_dns_name_wire((struct sp_str){ text, len },
		                                  wire, &n),
		                 len <= 63 ? SP_OK : SP_E_LIMIT);
	for (size_t i = 50; i < sizeof(text); i += 51)
		text[i] = '.';
	for (size_t len = 252; len <= 254; len++) {
		assert_int_equal(sp_dns_name_wire((struct sp_str){ text, len },
		                                  wire, &n),
		                 len <= 253 ? SP_OK : SP_E_LIMIT);
		if (len > 253)
			continue;
		assert_int_equal(n, len + 2);
		assert_int_equal(
			sp_dns_name_text((struct sp_str){ wire, n }, back),
			SP_OK);
		assert_int_equal(strlen(back), len);
	}
}

/* What does not fit is cut to the question, and says so. */
static void test_truncation(void **state)
{
	struct sp_dns_reply reply = { .rr_type = SP_DNS_PTR, .ttl = 1 };
	struct sp_dns_question question;
	struct sp_dns_head head;
	struct sp_buf out;
	struct query q;
	struct seen seen;

	(void)state;
	reply.n = 200;
	sp_buf_init(&out, 1024);
	query_make(&q, "example.com", 12, true);
	assert_int_equal(sp_dns_read_head(query_str(&q), &head), SP_OK);
	assert_int_equal(sp_dns_read_question(query_str(&q), &head, &question),
	                 SP_OK);
	for (size_t limit = 251; limit <= 253; limit++) {
		size_t whole = q.n + 12 + reply.n; /* a pointer and 10 */
		bool cut = whole > limit;

		sp_buf_reset(&out);
		assert_int_equal(whole, 252);
		assert_int_equal(
			sp_dns_write(&head, &question, &reply, limit, &out),
			SP_OK);
		assert_true(sp_buf_len(&out) <= limit);
		assert_int_equal((out.p[2] & 2) != 0, cut);
		assert_int_equal(out.p[7], !cut);
		if (!cut)
			continue;
		assert_true(dns_check(sp_buf_str(&out), &seen));
		assert_int_equal(seen.opt, 1);
	}
	sp_buf_fini(&out);
	sp_buf_init(&out, 100);
	assert_int_equal(sp_dns_write(&head, &question, &reply, 512, &out),
	                 SP_E_LIMIT);
	sp_buf_fini(&out);
}

/* Every part of a reply counts. */
static void test_size_is_exact(void **state)
{
	struct sp_dns_reply reply = {
		.rr_type = SP_DNS_A,
		.ttl = 1,
		.soa = true,
		.ede = 15,
		.ede_text = "why",
		.n = 4,
	};
	struct sp_dns_question question;
	struct sp_dns_head head;
	struct sp_buf out;
	struct query q;
	size_t whole;

	(void)state;
	sp_buf_init(&out, 1024);
	query_make(&q, "example.com", 1, true);
	assert_int_equal(sp_dns_read_head(query_str(&q), &head), SP_OK);
	assert_int_equal(sp_dns_read_question(query_str(&q), &head, &question),
	                 SP_OK);
	assert_int_equal(sp_dns_write(&head, &question, &reply, 512, &out),
	                 SP_OK);
	whole = sp_buf_len(&out);
	for (size_t limit = whole - 1; limit <= whole + 1; limit++) {
		sp_buf_reset(&out);
		assert_int_equal(
			sp_dns_write(&head, &question, &reply, limit, &out),
			SP_OK);
		assert_int_equal((out.p[2] & 2) != 0, limit < whole);
		assert_true(sp_buf_len(&out) <= limit);
	}
	sp_buf_fini(&out);
}

static const struct {
	unsigned offered, used;
} sizes[] = {
	{ 0, 512 },     { 511, 512 },   { 512, 512 },    { 513, 513 },
	{ 1232, 1232 }, { 1233, 1232 }, { 65535, 1232 },
};

static void test_udp_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(sizes); i++) {
		struct sp_dns_question question;
		struct sp_dns_head head;
		struct query q;

		query_head(&q, 1, 0, 1, 1);
		query_name(&q, "a");
		query_u16(&q, 1);
		query_u16(&q, 1);
		query_opt(&q, sizes[i].offered, 0);
		assert_int_equal(sp_dns_read_head(query_str(&q), &head), SP_OK);
		assert_int_equal(
			sp_dns_read_question(query_str(&q), &head, &question),
			SP_OK);
		assert_int_equal(question.udp_max, sizes[i].used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_round_trip),
		cmocka_unit_test(test_name_limits),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_size_is_exact),
		cmocka_unit_test(test_udp_size),
	};

	return cmocka_run_group_tests_name("dns/packet", tests, NULL, NULL);
}
