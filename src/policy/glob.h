/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/glob.h - "name.*" in a list that opens.
 *
 * google.* is meant to be google.com and google.co.uk, not google.evil.com:
 * there the last star stands for exactly one public suffix.
 */
#ifndef SP_POLICY_GLOB_H
#define SP_POLICY_GLOB_H

#include "core/base.h"

/* pattern ends in ".*"; host is a name of at most SP_HOST_MAX bytes. */
bool sp_glob_match_bounded(struct sp_str pattern, struct sp_str host);

#endif
