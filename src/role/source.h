/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/source.h - a policy as the launcher collected it, on its way to the
 * keeper (PROTOCOL.ipc: "policy source").
 *
 * Ownership   A decoded source points into the bytes it was read from; the
 *             lists belong to it until sp_source_fini().
 * Limits      SP_SOURCE_MAX bytes in all, SP_SOURCE_ARGS_MAX options of each
 *             kind, SP_SOURCE_ARG_MAX bytes each.
 * Strictness  No byte 0 in a text that becomes a C string, no byte behind the
 *             end.
 */
#ifndef SP_ROLE_SOURCE_H
#define SP_ROLE_SOURCE_H

#include "core/buf.h"
#include "policy/policy.h"

#define SP_SOURCE_TEXT_MAX (1u << 20)
#define SP_SOURCE_ARGS_MAX 1024u
#define SP_SOURCE_ARG_MAX  512u
#define SP_SOURCE_FILE_MAX 4096u
#define SP_SOURCE_MAX      (SP_SOURCE_TEXT_MAX + (2u << 20))

struct sp_source {
	struct sp_policy_source src;
	char *file;
	char **allow, **deny;
};

SP_MUST enum sp_rc sp_source_put(struct sp_buf *out,
                                 const struct sp_policy_source *src);
SP_MUST enum sp_rc sp_source_get(struct sp_str in, struct sp_source *ret);
void sp_source_fini(struct sp_source *s);

/* Both steps of the sender: encode, and put into a sealed memfd. */
SP_MUST enum sp_rc sp_source_memfd(const struct sp_policy_source *src, int *ret,
                                   struct sp_err *err);

#endif
