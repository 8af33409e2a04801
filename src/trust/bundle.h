/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/bundle.h - a set of certificates, from PEM to PEM and JKS.
 *
 * Role        Merges what the host trusts with the sandbox's own authority.
 *             Certificates stay opaque DER: only the outer frame is checked.
 * Limits      SP_BUNDLE_CERTS certificates, SP_BUNDLE_BYTES of DER.
 * Strictness  Only CERTIFICATE blocks (and the certificate of a TRUSTED
 *             CERTIFICATE block) whose base64 is clean and whose DER is one
 *             SEQUENCE of exactly that length. Private keys, text and
 *             duplicates are dropped.
 * Ownership   The caller's struct; sp_bundle_fini() releases it.
 */
#ifndef SP_TRUST_BUNDLE_H
#define SP_TRUST_BUNDLE_H

#include "core/buf.h"

#define SP_BUNDLE_CERTS 1024u
#define SP_BUNDLE_BYTES SP_MIB(4)

struct sp_bundle {
	struct sp_buf der;
	struct {
		uint32_t at, n;
	} cert[SP_BUNDLE_CERTS];
	size_t n;
};

void sp_bundle_init(struct sp_bundle *b);
void sp_bundle_fini(struct sp_bundle *b);
/* How many certificates of a PEM text were new; more than fit are dropped. */
size_t sp_bundle_add_pem(struct sp_bundle *b, struct sp_str pem);
struct sp_str sp_bundle_cert(const struct sp_bundle *b, size_t i);

void sp_bundle_pem(const struct sp_bundle *b, struct sp_buf *out);
/* Java's trust store, with the usual password. */
void sp_bundle_jks(const struct sp_bundle *b, uint64_t now_ms,
                   struct sp_buf *out);
/* Without line breaks. */
void sp_base64(struct sp_str s, struct sp_buf *out);

#endif
