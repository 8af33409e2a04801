/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1_write.c - heads as they leave.
 *
 * Role        Fields keep their order, case and value bytes; what frames or
 *             routes the message is written anew, in the place where the old
 *             field stood.
 * Invariant   Framing fields come only from h->framing or the caller: they
 *             are known by name here, so that a field that was added later
 *             cannot frame the message a second time.
 */
#include "http/h1_int.h"

/* What stands in for a field that is made anew. */
struct plan {
	enum sp_h1_framing framing;
	uint64_t length;
	bool keep_length;   /* write the length although there is no body */
	bool with_expect;   /* requests only */
	struct sp_str host; /* requests only */
	bool framed;        /* already written */
};

static void field(struct sp_buf *out, struct sp_str name, struct sp_str value)
{
	uint8_t *p = sp_buf_room(out, name.n + value.n + 4);

	if (p == NULL)
		return;
	memcpy(p, name.p, name.n);
	p += name.n;
	*p++ = ':';
	*p++ = ' ';
	if (value.n > 0)
		memcpy(p, value.p, value.n);
	p += value.n;
	*p++ = '\r';
	*p = '\n';
	sp_buf_commit(out, name.n + value.n + 4);
}

static void crlf(struct sp_buf *out)
{
	sp_buf_add(out, (struct sp_str){ (const uint8_t *)"\r\n", 2 });
}

/*
 * The framing field, once. old is the field in whose place it is written: its
 * spelling stays if the kind does.
 */
static void framing(struct plan *w, const struct sp_h1_field *old,
                    enum sp_h1_kind kind, struct sp_buf *out)
{
	struct sp_str name = old != NULL ? old->name : (struct sp_str){ 0 };

	if (w->framed)
		return;
	if (w->framing == SP_H1_CHUNKED) {
		if (kind != SP_H1_K_CODING)
			name = sp_str("Transfer-Encoding");
		field(out, name, sp_str("chunked"));
	} else if (w->framing == SP_H1_LENGTH || w->keep_length) {
		if (kind != SP_H1_K_LENGTH)
			name = sp_str("Content-Length");
		sp_buf_add(out, name);
		sp_buf_text(out, ": ");
		sp_buf_u64(out, w->length);
		crlf(out);
	}
	w->framed = true;
}

static void one_field(struct plan *w, const struct sp_h1_field *f,
                      struct sp_buf *out)
{
	enum sp_h1_kind kind = sp_h1_kind(f->name);

	switch (kind) {
	case SP_H1_K_HOST:
		if (w->host.n > 0)
			field(out, f->name, w->host);
		break;
	case SP_H1_K_LENGTH:
	case SP_H1_K_CODING:
		framing(w, f, kind, out);
		break;
	case SP_H1_K_EXPECT:
		if (w->with_expect)
			field(out, f->name, f->value);
		break;
	case SP_H1_K_PLAIN:
	case SP_H1_K_TE:
	case SP_H1_K_ALT_SVC:
		field(out, f->name, f->value);
		break;
	case SP_H1_K_CONNECTION:
	case SP_H1_K_UPGRADE:
	case SP_H1_K_HOP:
	case SP_H1_K_DISGUISED:
		break;
	}
}

static void fields(const struct sp_h1_head *h, struct plan *w,
                   struct sp_buf *out)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (!h->drop[i])
			one_field(w, &h->field[i], out);
	framing(w, NULL, SP_H1_K_PLAIN, out);
}

void sp_h1_write_request(const struct sp_h1_head *h, struct sp_str host_port,
                         bool with_expect, struct sp_buf *out)
{
	struct plan w = {
		.framing = h->framing,
		.length = h->length,
		.with_expect = with_expect && h->expect_continue,
		.host = host_port,
	};

	sp_assert(host_port.n > 0);
	sp_buf_add(out, h->method);
	sp_buf_byte(out, ' ');
	sp_buf_add(out, h->path);
	sp_buf_add(out, h->query);
	sp_buf_text(out, " HTTP/1.1\r\n");
	if (!h->has_host)
		field(out, sp_str("Host"), host_port);
	fields(h, &w, out);
	if (h->te_trailers) /* RFC 9110, 10.1.4: TE is named in Connection */
		field(out, sp_str("Connection"), sp_str("TE"));
	crlf(out);
}

static void status_line(const struct sp_h1_head *h, struct sp_buf *out)
{
	sp_buf_text(out, "HTTP/1.1 ");
	sp_buf_u64(out, h->status);
	sp_buf_byte(out, ' ');
	sp_buf_add(out, h->reason);
	crlf(out);
}

void sp_h1_write_response(const struct sp_h1_head *h,
                          const struct sp_h1_reply *how, struct sp_buf *out)
{
	bool close = how->close || how->framing == SP_H1_CLOSE;
	struct plan w = {
		.framing = how->framing,
		.length = h->length,
		/* of HEAD and 304; RFC 9110, 8.6 has none in 1xx and 204 */
		.keep_length = how->framing == SP_H1_NONE && h->has_length &&
		               h->status >= 200 && h->status != 204,
	};

	sp_assert(how->framing != SP_H1_CHUNKED || how->client_minor > 0);
	status_line(h, out);
	fields(h, &w, out);
	if (close)
		field(out, sp_str("Connection"), sp_str("close"));
	else if (how->client_minor == 0)
		field(out, sp_str("Connection"), sp_str("keep-alive"));
	crlf(out);
}

void sp_h1_write_interim(const struct sp_h1_head *h, struct sp_buf *out)
{
	struct plan w = { .framing = SP_H1_NONE };

	sp_assert(h->status >= 100 && h->status < 200);
	status_line(h, out);
	fields(h, &w, out);
	crlf(out);
}

void sp_h1_write_continue(struct sp_buf *out)
{
	sp_buf_text(out, "HTTP/1.1 100 Continue\r\n\r\n");
}
