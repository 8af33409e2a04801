/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/sock.h - the few things the proxy does to sockets.
 *
 * Role        Non-blocking sockets in, facts about them out. Nothing waits.
 */
#ifndef SP_NET_SOCK_H
#define SP_NET_SOCK_H

#include "name/addr.h"

/* How connections were captured in the sandbox (PROTOCOL.ipc, LISTENERS). */
enum sp_capture {
	SP_CAPTURE_TPROXY,
	SP_CAPTURE_REDIRECT,
	SP_CAPTURE_PORTS,
};

struct sp_endpoint {
	struct sp_addr addr;
	uint16_t port;
};

/*
 * Who connected, and where it wanted to go: the local address of the socket,
 * or what connection tracking remembers when it was redirected.
 */
SP_MUST enum sp_rc sp_sock_ends(int fd, enum sp_capture how,
                                struct sp_endpoint *ret_client,
                                struct sp_endpoint *ret_dest);

/* A socket that is connecting (or connected). SP_E_SYS: refused at once. */
SP_MUST enum sp_rc sp_sock_dial(const struct sp_endpoint *to, int *ret);
/* 0 when a connect() has succeeded, else its errno. */
int sp_sock_error(int fd);

void sp_sock_nodelay(int fd);
/* Urgent data is data: it stays in its place in the stream. */
void sp_sock_inline(int fd);
/* Close so that the peer sees a reset at once, not an orderly end. */
void sp_sock_reset(int fd);

#endif
