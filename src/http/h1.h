/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1.h - HTTP/1.0 and 1.1 message heads (RFC 9112), strictly.
 *
 * Role        Finds the end of a head in a growing buffer, parses it once,
 *             decides the framing once. Writes heads with the framing made
 *             anew. No I/O, no allocation, no clock.
 * Ownership   Spans point into the head that was parsed.
 * Limits      SP_H1_HEAD_MAX bytes, SP_H1_FIELDS_MAX fields, SP_H1_FIELD_MAX
 *             per field, SP_H1_TARGET_MAX, SP_H1_METHOD_MAX.
 * Strictness  The table in the design's protocols.md 6.1 and 6.2. Refuse,
 *             never repair: a server behind us is the second parser.
 * Failure     SP_E_PROTO / SP_E_LIMIT with a struct sp_h1_error that names
 *             the rule, the reason (hence the status) and the offset.
 */
#ifndef SP_HTTP_H1_H
#define SP_HTTP_H1_H

#include "core/buf.h"
#include "policy/reason.h"

#define SP_H1_HEAD_MAX   65536u
#define SP_H1_FIELDS_MAX 200u
#define SP_H1_FIELD_MAX  32768u
#define SP_H1_TARGET_MAX 16384u
#define SP_H1_METHOD_MAX 32u
/* Field names that the Connection fields of a head may list. */
#define SP_H1_NAMED_MAX 16u

struct sp_h1_error {
	enum sp_reason reason; /* BAD_REQUEST, URI_TOO_LONG, VERSION, ... */
	const char *rule;      /* short, stable: "bare-lf", "te-and-cl", ... */
	size_t offset;         /* where in the head */
};

/* How the body of a message ends. */
enum sp_h1_framing {
	SP_H1_NONE,
	SP_H1_LENGTH,
	SP_H1_CHUNKED,
	SP_H1_CLOSE, /* responses only */
};

struct sp_h1_field {
	struct sp_str name, value; /* value without surrounding blanks */
};

struct sp_h1_head {
	/* request */
	struct sp_str method;
	struct sp_str target;    /* as sent */
	struct sp_str authority; /* of an absolute-form target, else empty */
	struct sp_str path;      /* origin part of the target, "/" if empty,
	                          * "*" for OPTIONS *; without the query */
	struct sp_str query;     /* with its '?', or empty */
	bool absolute_https;     /* absolute form with https: */
	struct sp_str host;      /* the Host field, or empty */
	bool has_host;
	bool expect_continue;
	/* response */
	uint16_t status;
	struct sp_str reason;
	/* both */
	uint8_t minor; /* HTTP/1.minor */
	bool keep_alive;
	bool upgrade; /* an Upgrade field was there (and named in Connection) */
	struct sp_str upgrade_to;
	bool te_trailers; /* TE: trailers */
	enum sp_h1_framing framing;
	uint64_t length; /* for SP_H1_LENGTH; for a response to HEAD too */
	bool has_length;
	size_t n_fields;
	struct sp_h1_field field[SP_H1_FIELDS_MAX];
	/* field[i] is hop-by-hop: dropped when writing */
	bool drop[SP_H1_FIELDS_MAX];
};

/*
 * Incremental search for the end of a head in bytes that arrive piece by
 * piece. *scan is 0 at first and keeps the place. Bare LF, bare CR, NUL and
 * over-long heads are refused at once instead of being waited for. One empty
 * line before a request line is skipped (*ret_skip = 2, else 0).
 *
 * SP_DONE  *ret_n is the length of the head with its final CRLF CRLF,
 *          counted from *ret_skip
 * SP_OK    more bytes are needed
 * < 0      *why is filled in
 */
SP_MUST enum sp_rc sp_h1_find(struct sp_str in, size_t *scan, size_t *ret_skip,
                              size_t *ret_n, struct sp_h1_error *why);

/* The same for responses: no empty line is skipped, and the reason of every
 * error is UPSTREAM_PROTOCOL. */
SP_MUST enum sp_rc sp_h1_find_response(struct sp_str in, size_t *scan,
                                       size_t *ret_n, struct sp_h1_error *why);

/*
 * The parsers take a head as found, with its final CRLF CRLF. After a failure
 * *ret holds what was read before it (method, target): for the record and the
 * denial, never for a decision.
 */
SP_MUST enum sp_rc sp_h1_parse_request(struct sp_str head,
                                       struct sp_h1_head *ret,
                                       struct sp_h1_error *why);
/* "CONNECT host:port" where a proxy is spoken to; h->authority is host:port.
 * parse_request refuses CONNECT, this refuses everything else, and a body. */
SP_MUST enum sp_rc sp_h1_parse_connect(struct sp_str head,
                                       struct sp_h1_head *ret,
                                       struct sp_h1_error *why);
/* method is that of the request answered: HEAD and CONNECT have no body. */
SP_MUST enum sp_rc sp_h1_parse_response(struct sp_str head,
                                        struct sp_str method,
                                        struct sp_h1_head *ret,
                                        struct sp_h1_error *why);

/* The value of the first field with this lower-case name; p NULL if none. */
struct sp_str sp_h1_get(const struct sp_h1_head *h, const char *lower);

/*
 * A request head toward the upstream: origin form (path and query bytes as
 * they came), Host made from host_port, hop-by-hop fields dropped, framing
 * made anew (Content-Length or Transfer-Encoding: chunked), field order and
 * case kept. Always HTTP/1.1, keep-alive. with_expect keeps Expect.
 */
void sp_h1_write_request(const struct sp_h1_head *h, struct sp_str host_port,
                         bool with_expect, struct sp_buf *out);
/*
 * A response head toward the client. framing is what is written: LENGTH
 * writes h->length, CHUNKED writes Transfer-Encoding, CLOSE and NONE neither
 * (but a HEAD/304 response keeps its Content-Length field). Alt-Svc other
 * than "clear" is dropped. close adds "Connection: close"; for HTTP/1.0
 * clients with keep-alive "Connection: keep-alive" is written.
 */
struct sp_h1_reply {
	enum sp_h1_framing framing;
	uint8_t client_minor;
	bool close;
};
void sp_h1_write_response(const struct sp_h1_head *h,
                          const struct sp_h1_reply *how, struct sp_buf *out);
/* A 1xx response as it came, but for hop-by-hop and framing fields. Not for
 * HTTP/1.0 clients, which do not know them (RFC 9110, 15.2). */
void sp_h1_write_interim(const struct sp_h1_head *h, struct sp_buf *out);
/* A "100 Continue" of our own. */
void sp_h1_write_continue(struct sp_buf *out);

/*
 * A trailer block as it stood behind the last chunk (lines up to and with
 * the empty line): validates, drops framing, routing, auth, content and
 * conditional fields, appends the rest and the final CRLF to out.
 */
SP_MUST enum sp_rc sp_h1_filter_trailers(struct sp_str block,
                                         struct sp_buf *out,
                                         struct sp_h1_error *why);

#endif
