/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/tls.h - TLS sessions without sockets (OpenSSL behind one face).
 *
 * Role        Bytes from the wire go in, plain bytes come out, and the other
 *             way round. The caller owns the sockets. One SSL_CTX for all
 *             intercepted clients of a sandbox, one for all upstreams.
 * Ownership   A session belongs to its connection. Contexts outlive sessions.
 * Contract    The caller appends received bytes to its own input buffer and
 *             passes it in; the session takes what it can use. Output is
 *             appended to the caller's output buffer (grown by at most what
 *             its maximum allows; SP_E_AGAIN when it is full).
 * Failure     The first fatal error is final.
 */
#ifndef SP_TLS_TLS_H
#define SP_TLS_TLS_H

#include "core/buf.h"
#include "core/err.h"
#include "name/host.h"

struct sp_tls_server; /* context: client-facing */
struct sp_tls_client; /* context: upstream-facing */
struct sp_tls;        /* one session */
struct sp_roots;      /* trust anchors for upstreams */

/* ---- trust anchors ----------------------------------------------------- */

/*
 * Keeper side: PEM text of any number of bundles to the indexed form (subject
 * hash, DER), duplicates removed; SP_E_PROTO if no certificate is in it.
 */
SP_MUST enum sp_rc sp_roots_index(struct sp_str pem, struct sp_buf *out,
                                  struct sp_err *err);
/*
 * Proxy side: the indexed form, mapped and kept by the caller for the life of
 * the roots. Certificates are decoded only when a chain needs them.
 */
SP_MUST enum sp_rc sp_roots_open(struct sp_str indexed, struct sp_roots **ret);
void sp_roots_free(struct sp_roots *r);

/* ---- client-facing ----------------------------------------------------- */

/*
 * Makes the leaf key of this proxy. ca_der is sent along in each chain.
 * Tickets on (keys per context), TLS 1.2 and 1.3, no renegotiation, no
 * compression, no 0-RTT. Everything OpenSSL would fetch lazily is fetched
 * here, because after sealing no file can be opened.
 */
SP_MUST enum sp_rc sp_tls_server_new(struct sp_str ca_der,
                                     struct sp_tls_server **ret,
                                     struct sp_err *err);
void sp_tls_server_free(struct sp_tls_server *s);
/* SubjectPublicKeyInfo of the leaf key, to be sent to the keeper once. */
struct sp_str sp_tls_server_spki(const struct sp_tls_server *s);

/* Leaf cache, LRU, at most SP_LEAF_CACHE_MAX; expired ones are not found. */
#define SP_LEAF_CACHE_MAX 4096u
bool sp_tls_leaf_have(struct sp_tls_server *s, const struct sp_host *host,
                      uint64_t now_s);
SP_MUST enum sp_rc sp_tls_leaf_put(struct sp_tls_server *s,
                                   const struct sp_host *host,
                                   struct sp_str der, uint64_t now_s);

/* A session that presents the cached leaf of host. alpn: "http/1.1" is
 * selected when offered; a client without ALPN is accepted. */
SP_MUST enum sp_rc sp_tls_accept(struct sp_tls_server *s,
                                 const struct sp_host *host,
                                 struct sp_tls **ret);

/* ---- upstream-facing --------------------------------------------------- */

/* Verifies against roots only (never the environment, never our own CA). */
SP_MUST enum sp_rc sp_tls_client_new(struct sp_roots *roots,
                                     struct sp_tls_client **ret,
                                     struct sp_err *err);
void sp_tls_client_free(struct sp_tls_client *c);
/*
 * A session to host (SNI unless it is an address; the certificate must be
 * valid for it). Resumes from the context's session cache (per host and
 * port) when it can. Offers "http/1.1".
 */
SP_MUST enum sp_rc sp_tls_connect(struct sp_tls_client *c,
                                  const struct sp_host *host, uint16_t port,
                                  struct sp_tls **ret);

/* ---- both -------------------------------------------------------------- */

void sp_tls_free(struct sp_tls *t);

/*
 * Drive the handshake. in: received bytes, consumed from the front. out: what
 * must be sent (also on failure: an alert).
 * SP_DONE  finished, data may flow
 * SP_OK    more input is needed
 * SP_E_AGAIN  out is full; call again when it has room
 * < 0      otherwise: failed; sp_tls_error() tells why
 */
SP_MUST enum sp_rc sp_tls_handshake(struct sp_tls *t, struct sp_buf *in,
                                    struct sp_buf *out);
/*
 * Decrypt as much as fits: bytes are appended to plain, up to its maximum.
 * SP_OK    all usable input was consumed (more is needed)
 * SP_E_AGAIN  plain is full (or out, if a reply must be sent); call again when
 *             it has room
 * SP_DONE  the peer said close_notify
 * < 0      fatal
 */
SP_MUST enum sp_rc sp_tls_read(struct sp_tls *t, struct sp_buf *in,
                               struct sp_buf *plain, struct sp_buf *out);
/*
 * The connection ended (FIN, or an error that amounts to it).
 * SP_DONE  the peer had said close_notify: a clean end
 * < 0      it had not: what came so far may be only a part (RFC 8446, 6.1)
 */
SP_MUST enum sp_rc sp_tls_eof(struct sp_tls *t);
/*
 * Encrypt all of data (records of up to 16 KiB); the caller has seen to it
 * that out has room for sp_tls_overhead(data.n) bytes, data included.
 * SP_E_AGAIN  it has not; nothing was written
 */
SP_MUST enum sp_rc sp_tls_write(struct sp_tls *t, struct sp_str data,
                                struct sp_buf *out);
size_t sp_tls_overhead(size_t n);
/* close_notify. */
void sp_tls_close(struct sp_tls *t, struct sp_buf *out);

/* For records: facts about a finished handshake. */
struct sp_tls_info {
	const char *version; /* "TLSv1.3" */
	bool resumed;
	struct sp_str alpn; /* selected, may be empty */
};
void sp_tls_info(const struct sp_tls *t, struct sp_tls_info *ret);

/* Why the session failed. */
enum sp_tls_fail {
	SP_TLS_FAIL_NONE,
	SP_TLS_FAIL_UNTRUSTED, /* upstream certificate: text says what */
	SP_TLS_FAIL_ALERT,     /* the peer sent an alert: number in ->alert */
	SP_TLS_FAIL_PROTO,
};
struct sp_tls_error {
	enum sp_tls_fail kind;
	int alert;      /* as received, or 0 */
	char text[160]; /* e.g. "certificate has expired" */
};
void sp_tls_error(const struct sp_tls *t, struct sp_tls_error *ret);

/* TLS alert bytes for a connection that never gets a session. */
void sp_tls_plain_alert(uint8_t description, struct sp_buf *out);
#define SP_ALERT_HANDSHAKE_FAILURE 40u
#define SP_ALERT_ACCESS_DENIED     49u
#define SP_ALERT_DECODE_ERROR      50u
#define SP_ALERT_INTERNAL_ERROR    80u
#define SP_ALERT_UNRECOGNIZED_NAME 112u

#endif
