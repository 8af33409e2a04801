/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/retry.h - does a spliced client name itself a second time?
 *
 * Role        A server may answer the first ClientHello with a request to try
 *             again (HelloRetryRequest, RFC 8446, 4.1.4). The second hello
 *             carries a server name, too, and some servers believe that one.
 *             Both directions of a spliced connection pass through here until
 *             it is clear that no other hello can come; the name must stay the
 *             same. Pure: no I/O, no allocation.
 * Contract    A client cannot end the watch: change-cipher-spec and early data
 *             come before a second hello quite legally. What ends it is the
 *             first message of the server. Until then plaintext handshake
 *             records of the client are held back, which no client notices:
 *             it has none to send before it has heard the server.
 */
#ifndef SP_TLS_RETRY_H
#define SP_TLS_RETRY_H

#include "tls/hello.h"

#define SP_RETRY_HEAD 38u /* type, length, version, random */

struct sp_retry {
	enum {
		SP_RETRY_UNKNOWN, /* the server has not answered yet */
		SP_RETRY_ASKED,   /* it wants another hello */
		SP_RETRY_OVER,    /* there is no other one */
	} state;
	bool has_name;
	struct sp_host name; /* of the first hello */
	size_t pass;         /* bytes of the client that are free to go */
	/* the start of the server's first message */
	uint8_t record[5], head[SP_RETRY_HEAD];
	size_t n_record, n_head, record_left;
};

/* first: the first hello, none of which has been passed on yet. */
void sp_retry_init(struct sp_retry *r, const struct sp_hello *first);
/* Bytes of the server, in order, before they go to the client. */
void sp_retry_server(struct sp_retry *r, struct sp_str in);
/*
 * in: all bytes of the client that have not been passed on. *ret: so many of
 * them may go on now. SP_E_PROTO: they name another server.
 */
SP_MUST enum sp_rc sp_retry_client(struct sp_retry *r, struct sp_str in,
                                   size_t *ret);
/* n of them went. */
void sp_retry_passed(struct sp_retry *r, size_t n);

#endif
