/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/pack.h - files of ours that a sandbox shall contain.
 *
 * Role        A list made by the launcher (which can read the host's files)
 *             and laid out by init (which makes the view): certificates,
 *             resolv.conf, browser policies.
 * Limits      The buffer's maximum when writing; every length is checked when
 *             reading.
 */
#ifndef SP_SANDBOX_PACK_H
#define SP_SANDBOX_PACK_H

#include "core/buf.h"

#define SP_PACK_MAX SP_MIB(16)

enum sp_pack_kind {
	SP_PACK_RUN,  /* /run/sallyport/<path> with these bytes */
	SP_PACK_ETC,  /* /etc/<path> with these bytes */
	SP_PACK_OVER, /* host path <path> is covered by the RUN file <data> */
	SP_PACK_KINDS,
};

struct sp_pack_item {
	uint8_t kind;     /* enum sp_pack_kind */
	const char *path; /* NUL-terminated, inside the pack */
	struct sp_str data;
};

void sp_pack_add(struct sp_buf *b, enum sp_pack_kind kind, const char *path,
                 struct sp_str data);
/* SP_DONE at the end, SP_E_PROTO if malformed. */
SP_MUST enum sp_rc sp_pack_next(struct sp_str *in, struct sp_pack_item *ret);

#endif
