/* SPDX-License-Identifier: Apache-2.0 */
#include "http/body.h"

/* The decoder does not count line feeds, of which there is one in three. */
#define TRAILERS_MAX ((size_t)2 * SP_CHUNKED_META_MAX)

void sp_h1_body_init(struct sp_h1_body *b, enum sp_h1_framing framing,
                     uint64_t length)
{
	*b = (struct sp_h1_body){
		.framing = framing,
		.left = framing == SP_H1_LENGTH ? length : 0,
		.done = framing == SP_H1_NONE ||
		        (framing == SP_H1_LENGTH && length == 0),
	};
	sp_chunked_init(&b->chunked);
	sp_buf_init(&b->trailers, TRAILERS_MAX);
}

void sp_h1_body_fini(struct sp_h1_body *b)
{
	sp_buf_fini(&b->trailers);
}

static enum sp_rc feed_length(struct sp_h1_body *b, struct sp_str *in,
                              struct sp_str *out)
{
	*out = sp_str_take(in, in->n < b->left ? in->n : (size_t)b->left);
	b->left -= out->n;
	return b->left == 0 ? SP_DONE : SP_OK;
}

/* Trailer lines are body for nobody, but kept until the end. */
static enum sp_rc feed_chunked(struct sp_h1_body *b, struct sp_str *in,
                               struct sp_str *out)
{
	bool trailer = sp_chunked_in_trailers(&b->chunked);
	struct sp_str seen = *in;
	enum sp_rc rc = sp_chunked_feed(&b->chunked, in, out);

	if (trailer && rc >= 0) {
		sp_buf_add(&b->trailers, sp_str_take(&seen, seen.n - in->n));
		sp_assert(sp_buf_ok(&b->trailers));
	}
	return rc;
}

enum sp_rc sp_h1_body_feed(struct sp_h1_body *b, struct sp_str *in,
                           struct sp_str *out)
{
	enum sp_rc rc = SP_OK;

	*out = (struct sp_str){ 0 };
	if (b->done)
		return SP_DONE;
	switch (b->framing) {
	case SP_H1_LENGTH:
		rc = feed_length(b, in, out);
		break;
	case SP_H1_CHUNKED:
		rc = feed_chunked(b, in, out);
		break;
	case SP_H1_CLOSE:
		*out = sp_str_take(in, in->n);
		break;
	case SP_H1_NONE:
		break;
	}
	b->seen += out->n;
	b->done = rc == SP_DONE;
	return rc;
}

void sp_h1_chunk_begin(struct sp_buf *out, size_t n)
{
	uint8_t digits[2 * sizeof(n)];
	size_t at = sizeof(digits);

	sp_assert(n > 0);
	do
		digits[--at] = (uint8_t) "0123456789abcdef"[n & 15];
	while ((n >>= 4) > 0);
	sp_buf_add(out, (struct sp_str){ digits + at, sizeof(digits) - at });
	sp_buf_text(out, "\r\n");
}

void sp_h1_chunk_end(struct sp_buf *out)
{
	sp_buf_text(out, "\r\n");
}

void sp_h1_chunk_last(struct sp_buf *out, struct sp_str trailers)
{
	sp_buf_text(out, "0\r\n");
	if (trailers.n > 0)
		sp_buf_add(out, trailers);
	else
		sp_buf_text(out, "\r\n");
}
