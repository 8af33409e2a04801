/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ossl.h"

/*
 * The first conversion of a time makes the C library read the time zone file,
 * although it is not needed: certificates are in UTC. Better now than in a
 * sealed proxy.
 */
static void load_time_zone(void)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, 0);

	sp_assert(t != NULL);
	ASN1_TIME_free(t);
}

/*
 * No clearing up at exit: keys have owners that wipe them, the rest goes with
 * the process (half a millisecond for each proxy otherwise).
 */
void sp_ossl_init(void)
{
	int ok = OPENSSL_init_ssl(
		OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);

	sp_assert(ok == 1);
	load_time_zone();
}

enum sp_rc sp_ossl_err(struct sp_err *err, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());

	sp_err_set(err, "%s: %s", what, why != NULL ? why : "unknown error");
	ERR_clear_error();
	return SP_E_SYS;
}
