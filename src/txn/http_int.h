/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/http_int.h - an HTTP/1 exchange (private to txn/http*.c).
 *
 *	client.plain --head--> judge --> resolve, record, connect   http_head.c
 *	client.plain --body--> up.flow    (chunked anew, by length) http_relay.c
 *	client.flow  <--body-- up.plain   (chunked anew, by length, close)
 *
 * Bytes move only while the receiving side has room, so a slow reader holds
 * the sender back through TCP and no body is ever buffered whole.
 */
#ifndef SP_TXN_HTTP_INT_H
#define SP_TXN_HTTP_INT_H

#include "http/body.h"
#include "http/deny.h"
#include "txn/conn.h"

#define HEAD_MS       30000u  /* a request head, once begun */
#define KEEP_ALIVE_MS 75000u  /* between requests */
#define SILENCE_MS    600000u /* within a body, before an answer: models think */
#define CONTINUE_MS   1000u   /* until we say 100 ourselves */
#define INTERIM_MAX   32u
#define ACCEPT_MAX    256u
/* Chunk framing around one piece: sizes of both lines, and some. */
#define CHUNK_ROOM 32u

struct sp_http {
	struct sp_exchange x; /* first */
	struct sp_buf head;   /* toward the server; kept for a second try */
	struct sp_h1_body req, resp;
	bool relaying;
	bool req_trailers, resp_trailers; /* were announced */
	bool req_done, req_moved;         /* moved: body bytes have left */
	bool hold;                        /* waits for 100 Continue */
	bool resp_started, resp_done;
	bool up_full, client_full; /* bytes wait for room there */
	bool asked;                /* something of the request has left */
	bool up_keep, client_keep;
	bool retried;
	bool is_head;
	uint8_t client_minor;
	enum sp_h1_framing out; /* how the response is framed for the client */
	unsigned interim;
	size_t scan;
	size_t target_path_n; /* path bytes in head, behind "METHOD " */
	uint8_t accept_n;
	char accept[ACCEPT_MAX];
	char host_port[SP_HOST_MAX + 16];
};

static inline struct sp_http *sp_http_of(struct sp_exchange *x)
{
	return (struct sp_http *)x;
}

/* As much must be free toward the client before a head is begun: nothing that
 * is written without asking for room (a denial, a head, the last chunk with
 * its trailers) then overflows. */
#define SP_HTTP_ROOM (SP_FLOW_HIGH / 2)

extern const struct sp_exchange_ops sp_http_ops;

/* Take the next request head from the client; true: an exchange has begun
 * (and perhaps ended). */
bool sp_http_take_head(struct sp_conn *c);
/* Answer a head that cannot be parsed, or did not come in time. */
void sp_http_refuse_head(struct sp_conn *c, const struct sp_h1_error *why);
/* ops->match: runs while gate->head still holds the request. */
enum sp_reason sp_http_judge(struct sp_exchange *x);
/* ops->rejudge: would the new snapshot let this request begin? */
enum sp_reason sp_http_rejudge(struct sp_exchange *x,
                               const struct sp_policy *p);

/* ops->relay: the first time, and again after a redial. */
void sp_http_start_relay(struct sp_exchange *x);
/* Move what can be moved. True: the exchange is over. */
bool sp_http_relay(struct sp_http *t);
void sp_http_relay_deadline(struct sp_http *t);

#endif
