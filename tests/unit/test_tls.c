/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tls_peer.h"

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

static void assert_open(const struct pair *p)
{
	struct sp_tls_error e;

	sp_tls_error(p->c.tls, &e);
	if (p->c.rc != SP_DONE)
		print_error("client: %s\n", e.text);
	assert_int_equal(p->c.rc, SP_DONE);
	assert_int_equal(p->s.rc, SP_DONE);
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

static void test_talks_both_ways(void **state)
{
	struct sp_tls_info info;
	struct pair p;

	(void)state;
	pair_init(&B, &p, "a.example", "a.example");
	pair_handshake(&p);
	assert_open(&p);
	sp_tls_info(p.c.tls, &info);
	assert_string_equal(info.version, "TLSv1.3");
	assert_true(sp_str_is(info.alpn, "http/1.1"));
	assert_says(&p.c, &p.s, "GET / HTTP/1.1\r\n\r\n");
	assert_says(&p.s, &p.c, "HTTP/1.1 204 No Content\r\n\r\n");
	pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks_both_ways),
	};

	return cmocka_run_group_tests_name("tls", tests, set_up, tear_down);
}
