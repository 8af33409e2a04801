/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/keys.h - the key table of sallyport.yaml.
 */
#ifndef SP_POLICY_KEYS_H
#define SP_POLICY_KEYS_H

#include "conf/keys.h"

extern const struct sp_key sp_policy_key[];
extern const size_t sp_policy_key_n;

#endif
