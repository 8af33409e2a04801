/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/session_int.h - what server.c and client.c build a session from.
 *
 * Invariant   in and out are set only while a call of the caller is on the
 *             stack: the BIO reads and writes the caller's buffers directly,
 *             and finds nothing at any other time.
 */
#ifndef SP_TLS_SESSION_INT_H
#define SP_TLS_SESSION_INT_H

#include "tls/ossl.h"

#include "tls/tls.h"

enum tls_phase {
	TLS_HANDSHAKE,
	TLS_OPEN,
	TLS_DEAD, /* after the first fatal error */
};

struct sp_tls {
	SSL *ssl;
	struct sp_buf *in, *out;
	struct sp_tls_client *client; /* NULL when we are the server */
	char *peer;                   /* key of the client's session cache */
	struct sp_tls_error *error;   /* allocated by the first failure */
	uint8_t phase;                /* enum tls_phase */
	bool sent_close;
};

/* The BIO_METHOD of a context; sessions borrow it. */
BIO_METHOD *sp_tls_bio_method(void);
/* What both kinds of context have in common. */
SP_MUST bool sp_tls_ctx_setup(SSL_CTX *ctx);
struct sp_tls *sp_tls_session(SSL_CTX *ctx, BIO_METHOD *bio);
/* The session that OpenSSL's callbacks are about. */
struct sp_tls *sp_tls_of(const SSL *ssl);
/* Notes why the session fails; the first call wins. */
void sp_tls_note(struct sp_tls *t, enum sp_tls_fail kind, int alert,
                 const char *text);

#endif
