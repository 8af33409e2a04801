/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/paths.h - where programs look for roots: tables and a walk.
 *
 * Patterns have * as a whole path component or its end; a match is an
 * existing file. Links are followed on the host, and each target is named
 * once.
 */
#ifndef SP_TRUST_PATHS_H
#define SP_TRUST_PATHS_H

#include "core/base.h"

struct sp_found {
	void (*run)(void *ctx, const char *path, bool jks);
	void *ctx;
};

/* Calls f->run for every existing file of the system's tables. */
void sp_paths_system(const struct sp_found *f);
/* The same for packages below a directory that is shown besides. */
void sp_paths_below(const char *dir, const struct sp_found *f);

extern const char *const sp_paths_bundles[]; /* ends with NULL */

#endif
