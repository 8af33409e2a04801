/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of requests. Three promises: cuts do not matter; the parser stands on
 * its own, whatever it is given; and what we write is read again as what was
 * judged.
 */
#include "h1_fuzz.h"

static struct sp_h1_head head, again;

static enum sp_rc find(struct sp_str in, size_t *scan, struct found *f)
{
	return sp_h1_find(in, scan, &f->skip, &f->n, &f->why);
}

static void check_round_trip(void)
{
	struct sp_str host = head.has_host ? head.host : sp_str("h");
	struct sp_h1_error why;
	struct sp_buf out;

	sp_buf_init(&out, FUZZ_OUT_MAX);
	sp_h1_write_request(&head, host, true, &out);
	sp_assert(sp_buf_ok(&out));
	if (near_limit(&head, &out)) {
		sp_buf_fini(&out);
		return;
	}
	sp_assert(sp_h1_parse_request(sp_buf_str(&out), &again, &why) == SP_OK);
	sp_assert(sp_str_eq(head.method, again.method));
	sp_assert(sp_str_eq(head.path, again.path));
	sp_assert(sp_str_eq(head.query, again.query));
	sp_assert(again.authority.n == 0);
	sp_assert(sp_str_eq(again.host, host));
	sp_assert(head.framing == again.framing && head.length == again.length);
	sp_assert(head.expect_continue == again.expect_continue);
	sp_assert(head.te_trailers == again.te_trailers);
	sp_assert(!again.upgrade && again.keep_alive && again.minor == 1);
	check_same_fields(&head, &again);
	sp_buf_fini(&out);
}

static bool inside(struct sp_str all, struct sp_str s)
{
	return s.p >= all.p && s.p + s.n <= all.p + all.n;
}

static void check_head(struct sp_str text)
{
	sp_assert(head.method.n > 0 && head.method.n <= SP_H1_METHOD_MAX);
	sp_assert(head.target.n > 0 && head.target.n <= SP_H1_TARGET_MAX);
	sp_assert(inside(text, head.target) && head.path.n > 0);
	sp_assert(head.framing != SP_H1_CLOSE);
	sp_assert(head.length <= INT64_MAX);
	sp_assert(head.n_fields <= SP_H1_FIELDS_MAX);
	for (size_t i = 0; i < head.n_fields; i++) {
		sp_assert(inside(text, head.field[i].name));
		sp_assert(memchr(head.field[i].value.p, '\n',
		                 head.field[i].value.n) == NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_h1_error why = { 0 };
	struct sp_str text;
	struct found f;

	if (size < 2)
		return 0;
	text = (struct sp_str){ data + 1, size - 1 };
	f = find_twice(find, data, size);
	if (f.rc != SP_DONE) {
		/* no end, or something that must not be in a head */
		sp_assert(sp_h1_parse_request(text, &head, &why) < 0);
		return 0;
	}
	text = (struct sp_str){ text.p + f.skip, f.n };
	if (sp_h1_parse_request(text, &head, &why) < 0) {
		sp_assert(why.rule != NULL && why.reason != SP_REASON_NONE);
		sp_assert(why.offset <= text.n);
		return 0;
	}
	check_head(text);
	check_round_trip();
	return 0;
}
