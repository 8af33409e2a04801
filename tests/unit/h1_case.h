/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/h1_case.h - one head, parsed as the proxy does it, as a line of
 * text that a table of cases can name.
 *
 *	accepted request   "GET /a?b host=x none ka -Connection"
 *	accepted response  "200 OK length=5 ka"
 *	refused            the rule
 *	incomplete         "more"
 */
#ifndef SP_TEST_H1_CASE_H
#define SP_TEST_H1_CASE_H

#include "http/h1.h"
#include "split.h"

struct wire {
	const char *p;
	size_t n;
};

/* Lets a case hold NUL bytes. */
#define W(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

struct outcome {
	enum sp_rc rc;
	enum sp_reason reason;
	char text[512];
};

static inline void put(struct outcome *o, const char *before, struct sp_str s)
{
	size_t n = strlen(o->text);

	snprintf(o->text + n, sizeof(o->text) - n, "%s%.*s", before, (int)s.n,
	         (const char *)s.p);
}

static inline void put_framing(struct outcome *o, const struct sp_h1_head *h)
{
	static const char *const names[] = {
		[SP_H1_NONE] = " none",
		[SP_H1_LENGTH] = " length",
		[SP_H1_CHUNKED] = " chunked",
		[SP_H1_CLOSE] = " close",
	};
	char number[32] = "";

	put(o, names[h->framing], sp_str(""));
	if (h->has_length)
		snprintf(number, sizeof(number), "=%llu",
		         (unsigned long long)h->length);
	put(o, number, sp_str(""));
}

static inline void describe(struct outcome *o, const struct sp_h1_head *h)
{
	const struct sp_str none = sp_str("");
	char status[8];

	if (h->status > 0) {
		snprintf(status, sizeof(status), "%u ", h->status);
		put(o, status, h->reason);
	} else {
		put(o, "", h->method);
		put(o, " ", h->path);
		put(o, "", h->query);
	}
	if (h->authority.n > 0)
		put(o, h->absolute_https ? " https=" : " http=", h->authority);
	if (h->has_host)
		put(o, " host=", h->host);
	put_framing(o, h);
	put(o, h->keep_alive ? " ka" : "", none);
	put(o, h->expect_continue ? " expect" : "", none);
	put(o, h->te_trailers ? " te" : "", none);
	if (h->upgrade)
		put(o, " up=", h->upgrade_to);
	for (size_t i = 0; i < h->n_fields; i++)
		if (h->drop[i])
			put(o, " -", h->field[i].name);
}

/* method is NULL for a request, else that of the request answered. */
static inline struct outcome run_head(struct wire w, const char *method,
                                      struct split *s)
{
	struct sp_str all = { (const uint8_t *)w.p, w.n }, in = { all.p, 0 };
	struct outcome o = { .rc = SP_OK };
	size_t scan = 0, skip = 0, n = 0;
	static struct sp_h1_head h;
	struct sp_h1_error why = { 0 };
	struct sp_str rest = all;

	while (rest.n > 0 && o.rc == SP_OK) {
		in.n += split_take(s, &rest).n;
		o.rc = method == NULL
		               ? sp_h1_find(in, &scan, &skip, &n, &why)
		               : sp_h1_find_response(in, &scan, &n, &why);
	}
	if (o.rc == SP_OK) {
		snprintf(o.text, sizeof(o.text), "more");
		return o;
	}
	in = (struct sp_str){ all.p + skip, n };
	if (o.rc == SP_DONE)
		o.rc = method == NULL ? sp_h1_parse_request(in, &h, &why)
		                      : sp_h1_parse_response(in, sp_str(method),
		                                             &h, &why);
	o.reason = why.reason;
	if (o.rc == SP_OK)
		describe(&o, &h);
	else
		snprintf(o.text, sizeof(o.text), "%s", why.rule);
	return o;
}

static inline struct outcome run_head_whole(struct wire w, const char *method)
{
	struct split s = { .first = SIZE_MAX };

	return run_head(w, method, &s);
}

#endif
