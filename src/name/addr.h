/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/addr.h - IP addresses and what they lead to.
 *
 * Role        One function classifies an address; the address guard, the
 *             policy and `sallyport check` all use its result. Pure.
 */
#ifndef SP_NAME_ADDR_H
#define SP_NAME_ADDR_H

#include <sys/socket.h>

#include "core/base.h"

#define SP_ADDR_TEXT_MAX 46u /* with the NUL */

struct sp_addr {
	uint8_t family; /* 4, 6, or 0 for "no address" */
	uint8_t b[16];  /* network order; the first 4 for IPv4 */
};

/* id, name in records and messages */
#define SP_ADDR_CLASS_LIST(X)                                                  \
	X(PUBLIC, "public")                                                    \
	X(UNSPECIFIED, "this-network")                                         \
	X(LOOPBACK, "loopback")                                                \
	X(PRIVATE, "private")                                                  \
	X(SHARED, "cgnat")                                                     \
	X(LINK_LOCAL, "link-local")                                            \
	X(METADATA, "metadata")                                                \
	X(MULTICAST, "multicast")                                              \
	X(RESERVED, "reserved")                                                \
	X(SPECIAL, "special")

enum sp_addr_class {
#define X(id, name) SP_ADDR_##id,
	SP_ADDR_CLASS_LIST(X)
#undef X
};

/* IPv4 inside IPv6 (mapped, 6to4, Teredo, NAT64, ISATAP, ...) is judged by
 * the IPv4 address inside. */
enum sp_addr_class sp_addr_class(const struct sp_addr *a);
const char *sp_addr_class_name(enum sp_addr_class c);
/* The IPv4 address inside, if this is one of those forms. */
bool sp_addr_inner(const struct sp_addr *a, struct sp_addr *ret);

/* ::ffff:a.b.c.d becomes a.b.c.d; all else is left alone. */
void sp_addr_unmap(struct sp_addr *a);
bool sp_addr_eq(const struct sp_addr *a, const struct sp_addr *b);
/* Canonical text (RFC 5952), without brackets, NUL-terminated. */
void sp_addr_text(const struct sp_addr *a, char ret[SP_ADDR_TEXT_MAX]);
/* Strict literal: dotted quad of four decimal parts, or IPv6 without zone. */
SP_MUST enum sp_rc sp_addr_parse(struct sp_str in, struct sp_addr *ret);

/* Port in host order. Returns the length of the sockaddr. */
socklen_t sp_addr_to_sockaddr(const struct sp_addr *a, uint16_t port,
                              struct sockaddr_storage *ret);
/* IPv4-mapped addresses are unmapped. SP_E_PROTO for other families. */
SP_MUST enum sp_rc sp_addr_from_sockaddr(const struct sockaddr_storage *ss,
                                         struct sp_addr *ret,
                                         uint16_t *ret_port);

struct sp_net {
	struct sp_addr addr; /* host bits are zero */
	uint8_t prefix;
};
/* "10.0.0.0/8", "fc00::/7", or a bare address (full prefix). */
SP_MUST enum sp_rc sp_net_parse(struct sp_str in, struct sp_net *ret);
bool sp_net_has(const struct sp_net *n, const struct sp_addr *a);

#endif
