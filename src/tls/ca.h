/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/ca.h - the certificate authority of one sandbox. Keeper only.
 *
 * Role        Makes a P-256 key and a self-signed certificate; signs leaf
 *             certificates for public keys of the proxy. The key never leaves
 *             this struct. Profile: design trust-and-conventions.md, 3.
 * Ownership   sp_ca_free() wipes the key.
 */
#ifndef SP_TLS_CA_H
#define SP_TLS_CA_H

#include "core/buf.h"
#include "core/err.h"
#include "name/host.h"

struct sp_ca;

#define SP_CERT_DER_MAX 2048u
#define SP_SPKI_DER_MAX 512u

/* id goes into the subject; now_s is the wall clock in seconds. */
SP_MUST enum sp_rc sp_ca_new(const char *id, uint64_t now_s, struct sp_ca **ret,
                             struct sp_err *err);
void sp_ca_free(struct sp_ca *ca);
/* DER of the CA certificate. */
struct sp_str sp_ca_cert(const struct sp_ca *ca);
/* Under which OpenSSL looks for it in a directory of roots. */
uint32_t sp_ca_subject_hash(const struct sp_ca *ca);
/* PEM text appended to out. */
void sp_ca_cert_pem(const struct sp_ca *ca, struct sp_buf *out);
/*
 * A leaf for a name or an IP literal and a public key (SubjectPublicKeyInfo,
 * P-256 or RSA-2048). DER appended to out.
 */
SP_MUST enum sp_rc sp_ca_mint(struct sp_ca *ca, const struct sp_host *host,
                              struct sp_str spki, uint64_t now_s,
                              struct sp_buf *out);

#endif
