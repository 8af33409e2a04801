/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second opinion: llhttp in strict mode reads the same bytes. We may refuse
 * what it accepts; whenever both accept, method, target, status, the end of
 * the head, the body and the end of the message are the same.
 *
 * Where the other is known to be wrong (RFC 9112, 6.3), by design:
 *	1xx, 204, 304   it reads a body if the head announces one
 *	205             it waits for the end of the connection
 *
 * Input: 0 request, 1 response (bit 0 of the first byte), then the wire.
 */
#include <llhttp/llhttp.h>

#include "http/body.h"

#define KEPT_MAX (1u << 20)

struct message {
	bool accepted;
	size_t head_end, end;
	bool until_eof; /* a body that only the end of the connection ends */
	struct sp_buf method, target, body;
	unsigned status;
};

static void message_init(struct message *m)
{
	*m = (struct message){ 0 };
	sp_buf_init(&m->method, KEPT_MAX);
	sp_buf_init(&m->target, KEPT_MAX);
	sp_buf_init(&m->body, KEPT_MAX);
}

static void message_fini(struct message *m)
{
	sp_buf_fini(&m->method);
	sp_buf_fini(&m->target);
	sp_buf_fini(&m->body);
}

static struct sp_str span(const char *p, size_t n)
{
	return (struct sp_str){ (const uint8_t *)p, n };
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	struct message *m = p->data;

	sp_buf_add(&m->target, span(at, n));
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct message *m = p->data;

	sp_buf_add(&m->body, span(at, n));
	return 0;
}

static int on_head(llhttp_t *p)
{
	struct message *m = p->data;

	m->head_end = 1; /* made exact by theirs() */
	m->status = p->status_code;
	if (p->type == HTTP_REQUEST)
		sp_buf_text(&m->method,
		            llhttp_method_name((llhttp_method_t)p->method));
	m->until_eof =
		p->type == HTTP_RESPONSE && llhttp_message_needs_eof(p) != 0;
	return 0;
}

static int on_end(llhttp_t *p)
{
	struct message *m = p->data;

	m->accepted = true;
	return 0;
}

/* Byte by byte: then it is certain which byte ended what. */
static void theirs(struct message *m, bool response, struct sp_str wire)
{
	llhttp_settings_t settings;
	llhttp_t parser;
	llhttp_errno_t rc = HPE_OK;

	llhttp_settings_init(&settings);
	settings.on_url = on_url;
	settings.on_headers_complete = on_head;
	settings.on_body = on_body;
	settings.on_message_complete = on_end;
	llhttp_init(&parser, response ? HTTP_RESPONSE : HTTP_REQUEST,
	            &settings);
	parser.data = m;
	for (size_t i = 0; i < wire.n && rc == HPE_OK && !m->accepted; i++) {
		bool in_head = m->head_end == 0;

		rc = llhttp_execute(&parser, (const char *)wire.p + i, 1);
		if (in_head && m->head_end != 0)
			m->head_end = i + 1;
		m->end = i + 1;
	}
	if (rc != HPE_OK && rc != HPE_PAUSED_UPGRADE)
		m->accepted = false;
	else if (m->head_end != 0 && m->until_eof)
		m->accepted = true;
}

static bool our_body(struct message *m, const struct sp_h1_head *h,
                     struct sp_str wire)
{
	struct sp_str in = wire, out;
	struct sp_h1_body b;
	enum sp_rc rc = SP_OK;

	(void)sp_str_take(&in, m->head_end);
	sp_h1_body_init(&b, h->framing, h->length);
	while (rc == SP_OK) {
		size_t before = in.n;

		rc = sp_h1_body_feed(&b, &in, &out);
		sp_buf_add(&m->body, out);
		if (rc == SP_OK && before == in.n)
			break; /* the bytes ran out */
	}
	m->end = wire.n - in.n;
	m->until_eof = h->framing == SP_H1_CLOSE;
	sp_h1_body_fini(&b);
	return rc == SP_DONE || (rc == SP_OK && m->until_eof);
}

static void ours(struct message *m, bool response, struct sp_str wire)
{
	static struct sp_h1_head h;
	size_t scan = 0, skip = 0, n;
	struct sp_h1_error why;
	struct sp_str text;
	enum sp_rc rc;

	rc = response ? sp_h1_find_response(wire, &scan, &n, &why)
	              : sp_h1_find(wire, &scan, &skip, &n, &why);
	if (rc != SP_DONE)
		return;
	text = (struct sp_str){ wire.p + skip, n };
	rc = response ? sp_h1_parse_response(text, sp_str("GET"), &h, &why)
	              : sp_h1_parse_request(text, &h, &why);
	if (rc != SP_OK)
		return;
	m->head_end = skip + n;
	m->status = h.status;
	sp_buf_add(&m->method, h.method);
	sp_buf_add(&m->target, h.target);
	m->accepted = our_body(m, &h, wire);
}

static bool known_difference(unsigned status)
{
	return (status >= 100 && status < 200) || status == 204 ||
	       status == 205 || status == 304;
}

static void compare(struct message *a, struct message *b)
{
	sp_assert(sp_str_eq(sp_buf_str(&a->method), sp_buf_str(&b->method)));
	sp_assert(sp_str_eq(sp_buf_str(&a->target), sp_buf_str(&b->target)));
	sp_assert(a->status == b->status);
	sp_assert(a->head_end == b->head_end);
	if (known_difference(a->status))
		return;
	sp_assert(sp_str_eq(sp_buf_str(&a->body), sp_buf_str(&b->body)));
	sp_assert(a->end == b->end && a->until_eof == b->until_eof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message we, they;
	struct sp_str wire;
	bool response;

	if (size < 1)
		return 0;
	response = (data[0] & 1) != 0;
	wire = (struct sp_str){ data + 1, size - 1 };
	message_init(&we);
	message_init(&they);
	ours(&we, response, wire);
	theirs(&they, response, wire);
	if (we.accepted && they.accepted)
		compare(&we, &they);
	message_fini(&we);
	message_fini(&they);
	return 0;
}
