/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/resolv.h - the name servers of the host. Pure.
 */
#ifndef SP_ROLE_RESOLV_H
#define SP_ROLE_RESOLV_H

#include "core/buf.h"

#define SP_RESOLV_SERVERS_MAX 3u /* as resolv.conf(5) */

/*
 * resolv.conf to "ip,ip,..."; lines that are not a plain address are left out.
 * Without any: 127.0.0.1, as resolv.conf(5) says.
 */
void sp_resolv_servers(struct sp_str text, struct sp_buf *out);

#endif
