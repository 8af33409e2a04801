/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/trust.h - the files that make programs trust the sandbox's authority.
 *
 * Role        Reads the host's bundles, merges them with ours, and lists what
 *             the sandbox shall contain: bundles over every existing path,
 *             Java stores, browser policies, resolver configuration. Nothing
 *             on the host changes.
 * Ownership   Fills the caller's pack.
 * Limits      SP_TRUST_FILE_MAX bytes of one file, SP_TRUST_PATHS replaced
 *             paths.
 * Failure     A bundle that yields no certificate, or our own certificate not
 *             being one, stops the start.
 */
#ifndef SP_TRUST_TRUST_H
#define SP_TRUST_TRUST_H

#include "core/err.h"
#include "sandbox/pack.h"
#include "sandbox/plan.h"

#define SP_TRUST_FILE_MAX SP_MIB(4)
#define SP_TRUST_PATHS    256u

#define SP_TRUST_DIR    "/run/sallyport"
#define SP_TRUST_CA     SP_TRUST_DIR "/ca.pem"
#define SP_TRUST_BUNDLE SP_TRUST_DIR "/bundle.pem"
#define SP_TRUST_JKS    SP_TRUST_DIR "/cacerts"

struct sp_trust_in {
	struct sp_str ca_pem;
	uint32_t ca_hash;               /* of its subject, as OpenSSL does */
	const struct sp_words *bundles; /* further files to be trusted */
	const struct sp_words *visible; /* directories shown besides the
	                                   system's: copies of certifi */
	uint64_t now_ms;                /* wall clock */
};

SP_MUST enum sp_rc sp_trust_pack(const struct sp_trust_in *in,
                                 struct sp_buf *pack, struct sp_err *err);

/* The first of the host's bundles that exists, or NULL. */
const char *sp_trust_host_bundle(void);

/* Host-independent files of /etc; passwd gets a line for the uid. */
SP_MUST enum sp_rc sp_trust_etc(const struct sp_plan *p, const char *hostname,
                                struct sp_buf *pack, struct sp_err *err);

/* A file of at most max bytes, appended. SP_E_SYS: errno is set. */
SP_MUST enum sp_rc sp_trust_read(const char *path, struct sp_buf *out);

#endif
