/* SPDX-License-Identifier: Apache-2.0 */
/* tls/roots_int.h - the trust anchors as OpenSSL wants them. */
#ifndef SP_TLS_ROOTS_INT_H
#define SP_TLS_ROOTS_INT_H

#include "tls/ossl.h"

#include "tls/tls.h"

/* A new store that decodes anchors on demand, or NULL; borrows r. */
X509_STORE *sp_roots_store(struct sp_roots *r);

#endif
