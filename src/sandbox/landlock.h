/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/landlock.h - second line of defense for files, sockets, signals.
 *
 * Role        Reading everywhere in the view, writing where the program may;
 *             no abstract unix sockets and no signals out of the domain. The
 *             namespaces carry the load.
 * Contract    Headers of distributions lag the kernel: structures are our
 *             own, and their size fits the ABI that the kernel reports.
 */
#ifndef SP_SANDBOX_LANDLOCK_H
#define SP_SANDBOX_LANDLOCK_H

#include "core/err.h"

/* 0: this kernel has none. */
int sp_landlock_abi(void);
/* All rights, size of the ruleset and scopes of an ABI; for tests too. */
struct sp_landlock_form {
	uint64_t rights;
	uint64_t scopes;
	size_t size;
};
struct sp_landlock_form sp_landlock_form(int abi);

/*
 * Restricts this process for good. write has n paths, those that do not exist
 * are left out. SP_OK also when the kernel has no Landlock.
 */
SP_MUST enum sp_rc sp_landlock_apply(const char *const *write, size_t n,
                                     struct sp_err *err);

#endif
