/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/hello.h - the ClientHello, before OpenSSL sees a byte.
 *
 * Role        Reads the handshake message over any number of records and
 *             segments from bytes that are not consumed. Pure.
 * Limits      SP_HELLO_MAX bytes of records.
 * Strictness  One host_name at most, no NUL, no address as a name; malformed
 *             vectors are SP_E_PROTO.
 */
#ifndef SP_TLS_HELLO_H
#define SP_TLS_HELLO_H

#include "name/host.h"

#define SP_HELLO_MAX 65536u

struct sp_hello {
	bool has_sni;
	struct sp_host sni;
	bool alpn_h2, alpn_http11, has_alpn;
	bool has_tls13, has_tls12; /* offered versions */
	bool has_ecdsa;            /* a signature algorithm for P-256 leaves */
	bool has_ech;
	size_t wire_n; /* bytes of the records it came in */
};

/*
 * in is everything received so far (records from the start).
 * SP_DONE  complete, *ret filled in
 * SP_OK    more bytes are needed
 * < 0      not TLS, malformed, or over the limit
 */
SP_MUST enum sp_rc sp_hello_parse(struct sp_str in, struct sp_hello *ret);

#endif
