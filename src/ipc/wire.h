/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/wire.h - typed fields inside a message body.
 *
 * Role        Integers are big-endian; a string is a u16 length and its bytes.
 *             Encoders and decoders read like the format in PROTOCOL.ipc.
 * Ownership   A writer fills the caller's array. Strings that are read point
 *             into the input.
 * Limits      A writer that runs out of room is poisoned: it stays bad, and
 *             the one check is at the end. A reader states the longest string
 *             it accepts.
 * Strictness  sp_get_end() must be the last read: bytes after the last field
 *             are an error, not padding.
 */
#ifndef SP_IPC_WIRE_H
#define SP_IPC_WIRE_H

#include "core/base.h"

struct sp_wire {
	uint8_t *p;
	size_t n, cap;
	bool bad;
};

void sp_put_u8(struct sp_wire *w, uint8_t v);
void sp_put_u16(struct sp_wire *w, uint16_t v);
void sp_put_u32(struct sp_wire *w, uint32_t v);
void sp_put_u64(struct sp_wire *w, uint64_t v);
void sp_put_str(struct sp_wire *w, struct sp_str s);

SP_MUST enum sp_rc sp_get_u8(struct sp_str *in, uint8_t *ret);
SP_MUST enum sp_rc sp_get_u16(struct sp_str *in, uint16_t *ret);
SP_MUST enum sp_rc sp_get_u32(struct sp_str *in, uint32_t *ret);
SP_MUST enum sp_rc sp_get_u64(struct sp_str *in, uint64_t *ret);
SP_MUST enum sp_rc sp_get_str(struct sp_str *in, size_t max,
                              struct sp_str *ret);
SP_MUST enum sp_rc sp_get_end(const struct sp_str *in);

#endif
