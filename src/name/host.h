/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/host.h - the one parser of host names (WHATWG URL, host parsing).
 *
 * Role        Text from anywhere (DNS question, SNI, Host field, URL, policy)
 *             to one canonical form: lower case, A-labels, percent-decoded,
 *             numeric IPv4 forms as dotted quad, IPv6 compressed in brackets,
 *             ALL trailing dots removed. Two hosts are the same if and only
 *             if their canonical texts are equal bytes.
 * Limits      253 bytes, labels of 63.
 * Strictness  Empty labels, forbidden code points, zone ids, overflowing IPv4
 *             are SP_E_PROTO.
 */
#ifndef SP_NAME_HOST_H
#define SP_NAME_HOST_H

#include "name/addr.h"

#define SP_HOST_MAX 253u

enum sp_host_kind {
	SP_HOST_NONE,
	SP_HOST_NAME,
	SP_HOST_IPV4,
	SP_HOST_IPV6, /* text in brackets */
};

struct sp_host {
	enum sp_host_kind kind;
	struct sp_addr addr; /* family 0 for names */
	uint8_t n;
	char text[SP_HOST_MAX + 3]; /* NUL-terminated for messages */
};

SP_MUST enum sp_rc sp_host_parse(struct sp_str in, struct sp_host *ret);
void sp_host_from_addr(const struct sp_addr *a, struct sp_host *ret);
bool sp_host_eq(const struct sp_host *a, const struct sp_host *b);
static inline struct sp_str sp_host_str(const struct sp_host *h)
{
	return (struct sp_str){ (const uint8_t *)h->text, h->n };
}

/*
 * "host", "host:port", "[v6]:port" as in the Host field: no userinfo, no
 * blanks. *ret_port is 0 when none is given; an empty or out-of-range port is
 * SP_E_PROTO.
 */
SP_MUST enum sp_rc sp_authority_parse(struct sp_str in, struct sp_host *ret,
                                      uint16_t *ret_port);

/*
 * Names that lead home without looking it up: localhost, *.localhost, single
 * labels, *.local, *.internal, *.lan, *.svc, *.consul, *.home.arpa, cloud
 * metadata names, known rebinding services. They need an exception.
 */
bool sp_host_is_internal(const struct sp_host *h);

#endif
