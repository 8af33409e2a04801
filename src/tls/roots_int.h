/* SPDX-License-Identifier: Apache-2.0 */
/* tls/roots_int.h - the trust anchors as OpenSSL wants them. */
#ifndef SP_TLS_ROOTS_INT_H
#define SP_TLS_ROOTS_INT_H

#include "tls/ossl.h"

#include "tls/tls.h"

#define SP_ROOTS_MAX    4096u  /* system bundles have about 150 */
#define SP_ROOT_DER_MAX 16384u /* the largest public root has 2 KB */

/* A new store that decodes anchors on demand, or NULL; borrows r. */
X509_STORE *sp_roots_store(struct sp_roots *r);

#endif
