/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of every framing: cuts do not matter, and what was decoded and
 * framed again decodes to the same bytes and the same trailers.
 *
 * Input: framing, length, size of the pieces, then the wire.
 */
#include "http/body.h"

#define BODY_MAX (1u << 21)

struct decoded {
	enum sp_rc rc;
	size_t rest;
	struct sp_buf body, trailers, framed;
};

static void decode(struct decoded *d, struct sp_h1_body *b, struct sp_str all,
                   size_t piece)
{
	*d = (struct decoded){ .rc = b->done ? SP_DONE : SP_OK };
	sp_buf_init(&d->body, BODY_MAX);
	sp_buf_init(&d->trailers, BODY_MAX);
	sp_buf_init(&d->framed, 16 * BODY_MAX);
	while (all.n > 0 && d->rc == SP_OK) {
		struct sp_str in, out;

		in = sp_str_take(&all, piece < all.n ? piece : all.n);
		while (in.n > 0 && d->rc == SP_OK) {
			d->rc = sp_h1_body_feed(b, &in, &out);
			sp_buf_add(&d->body, out);
			if (out.n == 0)
				continue;
			sp_h1_chunk_begin(&d->framed, out.n);
			sp_buf_add(&d->framed, out);
			sp_h1_chunk_end(&d->framed);
		}
		all.p -= in.n;
		all.n += in.n;
	}
	d->rest = d->rc == SP_DONE ? all.n : 0;
	sp_buf_add(&d->trailers, sp_buf_str(&b->trailers));
	sp_assert(sp_buf_ok(&d->body) && sp_buf_ok(&d->framed));
	sp_assert(b->seen == sp_buf_len(&d->body));
	sp_h1_body_fini(b);
}

static void decoded_fini(struct decoded *d)
{
	sp_buf_fini(&d->body);
	sp_buf_fini(&d->trailers);
	sp_buf_fini(&d->framed);
}

static void check_same(struct decoded *a, struct decoded *b)
{
	sp_assert(sp_str_eq(sp_buf_str(&a->body), sp_buf_str(&b->body)));
	if (a->rc == SP_DONE)
		sp_assert(sp_str_eq(sp_buf_str(&a->trailers),
		                    sp_buf_str(&b->trailers)));
}

/* Filtered trailers are well-formed, and there is nothing more to filter. */
static struct sp_str filtered(struct decoded *d, struct sp_buf *once)
{
	struct sp_h1_error why;
	struct sp_buf twice;

	sp_buf_init(once, BODY_MAX);
	if (sp_h1_filter_trailers(sp_buf_str(&d->trailers), once, &why) < 0) {
		sp_assert(sp_buf_len(once) == 0 && why.rule != NULL);
		return (struct sp_str){ 0 };
	}
	sp_buf_init(&twice, BODY_MAX);
	sp_assert(sp_h1_filter_trailers(sp_buf_str(once), &twice, &why) ==
	          SP_OK);
	sp_assert(sp_str_eq(sp_buf_str(once), sp_buf_str(&twice)));
	sp_buf_fini(&twice);
	return sp_buf_str(once);
}

static void check_reframed(struct decoded *d)
{
	struct decoded again;
	struct sp_h1_body b;
	struct sp_str trailers;
	struct sp_buf once;

	trailers = filtered(d, &once);
	sp_h1_chunk_last(&d->framed, trailers);
	sp_h1_body_init(&b, SP_H1_CHUNKED, 0);
	decode(&again, &b, sp_buf_str(&d->framed), SIZE_MAX);
	/* a space behind each colon may be one byte too many */
	if (trailers.n < SP_CHUNKED_META_MAX) {
		sp_assert(again.rc == SP_DONE && again.rest == 0);
		sp_assert(sp_str_eq(sp_buf_str(&d->body),
		                    sp_buf_str(&again.body)));
		if (trailers.n > 0)
			sp_assert(sp_str_eq(trailers,
			                    sp_buf_str(&again.trailers)));
	}
	sp_buf_fini(&once);
	decoded_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decoded whole, parts;
	enum sp_h1_framing framing;
	struct sp_h1_body b;
	struct sp_str wire;

	if (size < 3)
		return 0;
	framing = (enum sp_h1_framing)(data[0] % 4);
	wire = (struct sp_str){ data + 3, size - 3 };
	sp_h1_body_init(&b, framing, data[1]);
	decode(&whole, &b, wire, SIZE_MAX);
	sp_h1_body_init(&b, framing, data[1]);
	decode(&parts, &b, wire, 1u + data[2] % 31u);
	sp_assert(whole.rc == parts.rc && whole.rest == parts.rest);
	check_same(&whole, &parts);
	if (whole.rc == SP_DONE && framing == SP_H1_CHUNKED)
		check_reframed(&whole);
	decoded_fini(&whole);
	decoded_fini(&parts);
	return 0;
}
