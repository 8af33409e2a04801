/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/hosts.h - look a name up in the text of a hosts file.
 *
 * Role        Pure; nothing is indexed. One pass over the text per question
 *             that no cache answered costs less than an index would hold.
 * Limits      SP_HOSTS_MAX bytes of text; the caller's array.
 * Strictness  A line whose address does not parse is skipped, as every other
 *             reader of this file does.
 */
#ifndef SP_DNS_HOSTS_H
#define SP_DNS_HOSTS_H

#include "name/host.h"

#define SP_HOSTS_MAX SP_MIB(1)

/* All addresses of the name in the order of the file, at most max. */
size_t sp_hosts_find(struct sp_str text, const struct sp_host *name,
                     struct sp_addr *ret, size_t max);

#endif
