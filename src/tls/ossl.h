/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls/ossl.h - the little that every user of OpenSSL in this folder shares.
 *
 * Role        Initialization without a configuration file, and one way to
 *             turn the library's error queue into text.
 * Contract    sp_ossl_init() comes before any other OpenSSL call of the
 *             process: the first initialization decides whether openssl.cnf
 *             (a file of the environment's choice) is read. This header is
 *             the first one of a file that uses OpenSSL.
 */
#ifndef SP_TLS_OSSL_H
#define SP_TLS_OSSL_H

/* Before banned.h: these headers use names that it poisons. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/err.h"

/* Idempotent. */
void sp_ossl_init(void);
/* "what: text of the oldest queued error"; empties the queue. SP_E_SYS. */
enum sp_rc sp_ossl_err(struct sp_err *err, const char *what);

#endif
