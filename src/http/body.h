/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/body.h - where a body ends, and how it is framed again.
 *
 * Role        Decoder: wire bytes of one message to body bytes, for every
 *             framing. Encoder helpers: chunk framing of our own. Streaming:
 *             bodies are never held.
 * Limits      as http/chunked.h; trailers are collected up to
 *             SP_CHUNKED_META_MAX and handed out at the end.
 */
#ifndef SP_HTTP_BODY_H
#define SP_HTTP_BODY_H

#include "http/chunked.h"
#include "http/h1.h"

struct sp_h1_body {
	enum sp_h1_framing framing;
	uint64_t left; /* of SP_H1_LENGTH */
	uint64_t seen; /* body bytes handed out */
	bool done;
	struct sp_chunked chunked;
	struct sp_buf trailers; /* raw trailer lines with the final CRLF */
};

void sp_h1_body_init(struct sp_h1_body *b, enum sp_h1_framing framing,
                     uint64_t length);
void sp_h1_body_fini(struct sp_h1_body *b);

/*
 * Consume from *in; *out is a span into the input (at most one a call).
 * SP_OK    *out may be non-empty; call again while in->n > 0
 * SP_DONE  message complete (*out may still be non-empty); *in holds what
 *          follows it. NONE and LENGTH 0 are complete at once, with empty in.
 * < 0      malformed; final
 * CLOSE never ends here: the end of the connection ends it.
 */
SP_MUST enum sp_rc sp_h1_body_feed(struct sp_h1_body *b, struct sp_str *in,
                                   struct sp_str *out);

/* "hex CRLF" before and CRLF after n bytes of data (n > 0). */
void sp_h1_chunk_begin(struct sp_buf *out, size_t n);
void sp_h1_chunk_end(struct sp_buf *out);
/* "0 CRLF", then the trailer lines (already filtered, with the final CRLF),
 * or just CRLF when trailers is empty. */
void sp_h1_chunk_last(struct sp_buf *out, struct sp_str trailers);

#endif
