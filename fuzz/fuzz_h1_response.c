/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of responses: as fuzz_h1_request, for each way in which the client
 * may be answered. The second input byte chooses the method answered.
 */
#include "h1_fuzz.h"

static struct sp_h1_head head, again;

static enum sp_rc find(struct sp_str in, size_t *scan, struct found *f)
{
	return sp_h1_find_response(in, scan, &f->n, &f->why);
}

static const char *const methods[] = { "GET", "HEAD", "CONNECT", "POST" };

static void check_written(const struct sp_h1_reply *how, struct sp_str method)
{
	struct sp_h1_error why;
	struct sp_buf out;

	sp_buf_init(&out, FUZZ_OUT_MAX);
	if (head.status < 200)
		sp_h1_write_interim(&head, &out);
	else
		sp_h1_write_response(&head, how, &out);
	sp_assert(sp_buf_ok(&out));
	if (near_limit(&head, &out)) {
		sp_buf_fini(&out);
		return;
	}
	sp_assert(sp_h1_parse_response(sp_buf_str(&out), method, &again,
	                               &why) == SP_OK);
	sp_assert(again.status == head.status);
	sp_assert(sp_str_eq(again.reason, head.reason));
	if (head.status >= 200) {
		sp_assert(again.framing == how->framing);
		if (how->framing == SP_H1_LENGTH)
			sp_assert(again.length == head.length);
	}
	check_same_fields(&head, &again);
	sp_buf_fini(&out);
}

static void check_ways(struct sp_str method)
{
	struct sp_h1_reply how = { head.framing, 1, false };

	check_written(&how, method);
	if (head.framing == SP_H1_NONE)
		return;
	how.framing = SP_H1_CHUNKED;
	check_written(&how, method);
	how = (struct sp_h1_reply){ SP_H1_CLOSE, 0, true };
	check_written(&how, method);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_h1_error why = { 0 };
	struct sp_str text, method;
	struct found f;

	if (size < 3)
		return 0;
	method = sp_str(methods[data[0] % SP_COUNT(methods)]);
	text = (struct sp_str){ data + 2, size - 2 };
	f = find_twice(find, data + 1, size - 1);
	if (f.rc < 0)
		sp_assert(f.why.reason == SP_REASON_UPSTREAM_PROTOCOL);
	if (f.rc != SP_DONE) {
		sp_assert(sp_h1_parse_response(text, method, &head, &why) < 0);
		return 0;
	}
	text.n = f.n;
	if (sp_h1_parse_response(text, method, &head, &why) < 0) {
		sp_assert(why.reason == SP_REASON_UPSTREAM_PROTOCOL);
		return 0;
	}
	sp_assert(head.status >= 100 && head.status <= 999);
	sp_assert(head.framing != SP_H1_CLOSE || !head.keep_alive);
	check_ways(method);
	return 0;
}
