/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/host_int.h - the pieces of the host parser. Private to name/.
 */
#ifndef SP_NAME_HOST_INT_H
#define SP_NAME_HOST_INT_H

#include "name/host.h"

/* WHATWG URL, "ends in a number": such a host is IPv4 or an error. */
bool sp_ipv4_ends_in_number(struct sp_str name);
/* WHATWG URL, IPv4 parser: 1 to 4 parts, decimal, octal or hexadecimal. */
SP_MUST enum sp_rc sp_ipv4_parse(struct sp_str name, struct sp_addr *ret);

#endif
