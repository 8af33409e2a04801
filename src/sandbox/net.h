/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/net.h - the network of a sandbox, made from inside its namespace.
 *
 * Role        lo up; every address of both families local ("AnyIP"); rules
 *             that bring every TCP connection to one listener; the listeners
 *             themselves. Capture decides what reaches the proxy, never what
 *             leaves: there is no interface but lo.
 * Ownership   The descriptors of sp_listeners belong to the caller.
 * Limits      SP_PORTS_MAX listeners with a port list.
 * Failure     A way that this kernel lacks is SP_E_DENIED with a text; the
 *             caller tries the next one. Half-made rules are harmless.
 */
#ifndef SP_SANDBOX_NET_H
#define SP_SANDBOX_NET_H

#include "core/err.h"
#include "sandbox/nl.h"

/* The numbers are those of LISTENERS in doc/PROTOCOL.ipc. */
enum sp_capture {
	SP_CAPTURE_TPROXY,
	SP_CAPTURE_REDIRECT,
	SP_CAPTURE_PORTS,
	SP_CAPTURE_AUTO, /* not a way: the first that works */
};

#define SP_CAPTURE_PORT 15001
/* Own addresses on lo: not loopback, so that AI_ADDRCONFIG is content. */
#define SP_OWN4 "10.200.0.1"
#define SP_OWN6 "fd00:5a11:ffff::1"
#define SP_DNS4 "10.200.0.53" /* any address would do */

/* A packet carries 32 descriptors; pidfd, sock_diag and UDP are three. */
#define SP_PORTS_MAX     29u
#define SP_LISTENERS_MAX (SP_PORTS_MAX + 2u)

/* fd[0] sock_diag netlink, fd[1] UDP, fd[2]... TCP. */
struct sp_listeners {
	enum sp_capture how;
	int fd[SP_LISTENERS_MAX];
	uint8_t n;
};

const char *sp_capture_name(enum sp_capture how);
/* SP_E_PROTO when there is no such way; "auto" is one. */
SP_MUST enum sp_rc sp_capture_parse(const char *text, enum sp_capture *ret);

/* Addresses and routes. */
SP_MUST enum sp_rc sp_net_up(struct sp_err *err);
/* The nftables batch of TPROXY or REDIRECT. */
SP_MUST enum sp_rc sp_net_rules(enum sp_capture how, struct sp_err *err);
SP_MUST enum sp_rc sp_listeners_open(enum sp_capture how, const uint16_t *port,
                                     size_t n, struct sp_listeners *ret,
                                     struct sp_err *err);
void sp_listeners_close(struct sp_listeners *l);

/* The messages alone, for tests. */
void sp_net_build_routes(struct sp_nl *m, uint32_t *ret_first_optional);
void sp_net_build_rules(struct sp_nl *m, enum sp_capture how);

#endif
