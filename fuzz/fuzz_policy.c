/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy that loads means the same in the keeper and in the proxy: the
 * decoded form encodes to the same bytes and decides every question alike.
 * One that does not load says why.
 *
 * Input: the text of the policy; hosts to ask about are cut from it.
 */
#include "policy/policy_int.h"

#define QUESTIONS_MAX 64u

static void same(const struct sp_decision *a, const struct sp_decision *b)
{
	sp_assert(a->verdict == b->verdict && a->reason == b->reason);
	sp_assert(a->observed == b->observed && a->tls == b->tls);
	sp_assert(strcmp(a->rule, b->rule) == 0);
	sp_assert((a->verdict == SP_VERDICT_ALLOW) ==
	          (a->reason == SP_REASON_NONE || a->observed));
}

static void ask(const struct sp_policy *p, const struct sp_policy *q,
                const struct sp_host *h, uint16_t port)
{
	static const struct sp_addr inside = { 4, { 10, 0, 0, 1 } };
	struct sp_request rq = { h, port, SP_SCHEME_HTTPS, sp_str("GET"),
		                 sp_str("/a/b") };
	struct sp_decision a, b, c;

	sp_policy_connect(p, h, port, &c);
	sp_policy_connect(q, h, port, &b);
	same(&c, &b);
	for (unsigned i = 0; i < 3; i++) {
		sp_policy_request(p, &rq, &a);
		sp_policy_request(q, &rq, &b);
		same(&a, &b);
		/* what no connection may do no request may */
		sp_assert(c.verdict == SP_VERDICT_ALLOW ||
		          a.verdict == SP_VERDICT_DENY);
		rq.path = i == 0 ? sp_str("/a/%2e%2e/b") : sp_str("/");
		rq.scheme = i == 0 ? SP_SCHEME_HTTP : SP_SCHEME_TCP;
	}
	sp_policy_address(p, h, port, &inside, &a);
	sp_policy_address(q, h, port, &inside, &b);
	same(&a, &b);
}

static bool is_part(uint8_t c)
{
	return c > ' ' && c < 0x7f && strchr("\"'[]{},*/", c) == NULL;
}

/* Every word of the text that is a host, with and without its port. */
static void ask_words(const struct sp_policy *p, const struct sp_policy *q,
                      struct sp_str text)
{
	unsigned asked = 0;

	while (text.n > 0 && asked < QUESTIONS_MAX) {
		struct sp_str word = { text.p, 0 };
		struct sp_host h;
		uint16_t port;

		while (word.n < text.n && is_part(text.p[word.n]))
			word.n++;
		(void)sp_str_take(&text, word.n < text.n ? word.n + 1 : word.n);
		if (sp_authority_parse(word, &h, &port) < 0)
			continue;
		asked++;
		ask(p, q, &h, port == 0 ? 443 : port);
		ask(p, q, &h, 80);
	}
}

static void encode(const struct sp_policy *p, struct sp_buf *b)
{
	sp_buf_init(b, SP_POLICY_ENCODED_MAX);
	sp_policy_encode(p, b);
	sp_assert(sp_buf_ok(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_policy_source src = { .text = { data, size }, .file = "f" };
	struct sp_err err = { .text = "" };
	struct sp_policy *p = NULL, *q;
	struct sp_lint lint[4];
	struct sp_buf a, b;

	if (sp_policy_compile(&src, &p, &err) < 0) {
		sp_assert(p == NULL && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	encode(p, &a);
	sp_assert(sp_policy_decode(sp_buf_str(&a), &q) == SP_OK);
	encode(q, &b);
	sp_assert(sp_str_eq(sp_buf_str(&a), sp_buf_str(&b)));
	ask_words(p, q, src.text);
	(void)sp_policy_lint(p, lint, SP_COUNT(lint)); /* must not crash */
	sp_buf_fini(&a);
	sp_buf_fini(&b);
	sp_policy_unref(p);
	sp_policy_unref(q);
	return 0;
}
