/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/deny.h - the answer to a denied or failed request.
 *
 * One function turns a verdict into a response: status, x-sallyport-reason,
 * cache-control: no-store, and a short body, application/problem+json (RFC
 * 9457 members, plus code, host, method, path, rule, request_id, hint, and
 * error {type, code, message}) when Accept names json or the client is no
 * browser and asks for anything; text/plain when Accept prefers text. HEAD
 * gets headers only. Nothing in it is a secret or an internal address.
 */
#ifndef SP_HTTP_DENY_H
#define SP_HTTP_DENY_H

#include "http/h1.h"

struct sp_denial {
	enum sp_reason reason;
	struct sp_str detail; /* the verifier's words, a parser's rule, ... */
	struct sp_str host;   /* canonical; may be empty */
	uint16_t port;
	struct sp_str method, path; /* may be empty */
	struct sp_str accept;       /* the Accept field; may be empty */
	struct sp_str rule;         /* e.g. "default"; may be empty */
	struct sp_str hint;         /* the line that would allow it; may be
	                             * empty: then the reason's own hint */
	struct sp_str id;           /* of the transaction */
	bool close;                 /* framing is in doubt, or it is the end */
	uint8_t client_minor;
};

/* How much of each text is repeated in the answer. */
#define SP_DENIAL_TEXT_MAX 512u

/* Writes nothing for a reason without a status: nobody is there to read. */
void sp_denial_write(const struct sp_denial *d, struct sp_buf *out);

#endif
