/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/der.h - just enough DER to write our certificates and to find the
 * subject of a trust anchor.
 *
 * Role        Writer: elements are opened, filled and closed in reading
 *             order. Reader: takes one element off the front.
 * Limits      Writer: contents up to 65,535 bytes and the maximum of the
 *             buffer (which is poisoned beyond it). Reader: one-byte tags,
 *             definite minimal lengths up to 65,535.
 * Strictness  Anything that is not DER is SP_E_PROTO.
 */
#ifndef SP_TLS_DER_H
#define SP_TLS_DER_H

#include "core/buf.h"

#define SP_DER_BOOL     0x01u
#define SP_DER_INT      0x02u
#define SP_DER_BITS     0x03u
#define SP_DER_OCTETS   0x04u
#define SP_DER_UTF8     0x0cu
#define SP_DER_SEQ      0x30u
#define SP_DER_SET      0x31u
#define SP_DER_UTCTIME  0x17u
#define SP_DER_GENTIME  0x18u
#define SP_DER_CTX(n)   (0x80u | (n)) /* primitive */
#define SP_DER_CTX_C(n) (0xa0u | (n)) /* constructed */

/* Where the element begins, for sp_der_close(). */
SP_MUST size_t sp_der_open(struct sp_buf *b, uint8_t tag);
void sp_der_close(struct sp_buf *b, size_t mark);
void sp_der_put(struct sp_buf *b, uint8_t tag, struct sp_str content);
/* UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5). */
void sp_der_put_time(struct sp_buf *b, uint64_t unix_s);

/* Takes an element with this tag; both results may be NULL. */
SP_MUST enum sp_rc sp_der_take(struct sp_str *in, uint8_t tag,
                               struct sp_str *ret_content,
                               struct sp_str *ret_whole);

#endif
