/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/wire_addr.h - the field "addr" of PROTOCOL.ipc: u8 family (0, 4, 6) and
 * 0, 4 or 16 bytes.
 */
#ifndef SP_ROLE_WIRE_ADDR_H
#define SP_ROLE_WIRE_ADDR_H

#include "ipc/wire.h"
#include "name/addr.h"

void sp_put_addr(struct sp_wire *w, const struct sp_addr *a);
SP_MUST enum sp_rc sp_get_addr(struct sp_str *in, struct sp_addr *ret);

#endif
