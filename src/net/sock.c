/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* Of <linux/netfilter_ipv4.h> and _ipv6/ip6_tables.h, which do not mix with
 * libc's headers. */
#define ORIGINAL_DST_V4 80
#define ORIGINAL_DST_V6 80

/* Opening a connection may take this long in all before the kernel gives up;
 * the dialer's own deadlines are shorter. */
#define KEEPALIVE_IDLE_S 60

static enum sp_rc local_end(int fd, struct sp_endpoint *ret)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0)
		return SP_E_SYS;
	return sp_addr_from_sockaddr(&ss, &ret->addr, &ret->port);
}

static enum sp_rc peer_end(int fd, struct sp_endpoint *ret)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &n) < 0)
		return SP_E_SYS;
	return sp_addr_from_sockaddr(&ss, &ret->addr, &ret->port);
}

static enum sp_rc redirected_end(int fd, struct sp_endpoint *ret)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	if (getsockopt(fd, SOL_IP, ORIGINAL_DST_V4, &ss, &n) < 0) {
		n = sizeof(ss);
		if (getsockopt(fd, SOL_IPV6, ORIGINAL_DST_V6, &ss, &n) < 0)
			return SP_E_SYS;
	}
	return sp_addr_from_sockaddr(&ss, &ret->addr, &ret->port);
}

/* #syscalls getsockname getpeername getsockopt */
enum sp_rc sp_sock_ends(int fd, enum sp_capture how,
                        struct sp_endpoint *ret_client,
                        struct sp_endpoint *ret_dest)
{
	SP_TRY(peer_end(fd, ret_client));
	if (how == SP_CAPTURE_REDIRECT)
		return redirected_end(fd, ret_dest);
	return local_end(fd, ret_dest);
}

/* #syscalls setsockopt */
void sp_sock_nodelay(int fd)
{
	int on = 1;

	/* An optimization: a socket that refuses it works too. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void sp_sock_inline(int fd)
{
	int on = 1;

	/* Without it a byte that TCP calls urgent is missing. */
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

static void keepalive(int fd)
{
	int on = 1, idle = KEEPALIVE_IDLE_S;

	/* As above. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}

/* #syscalls socket connect close */
enum sp_rc sp_sock_dial(const struct sp_endpoint *to, int *ret)
{
	struct sockaddr_storage ss;
	socklen_t n = sp_addr_to_sockaddr(&to->addr, to->port, &ss);
	int fd = socket(ss.ss_family,
	                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return SP_E_SYS;
	sp_sock_nodelay(fd);
	keepalive(fd);
	if (connect(fd, (struct sockaddr *)&ss, n) < 0 &&
	    errno != EINPROGRESS) {
		int saved = errno;

		close(fd);
		errno = saved;
		return SP_E_SYS;
	}
	*ret = fd;
	return SP_OK;
}

int sp_sock_error(int fd)
{
	int e = 0;
	socklen_t n = sizeof(e);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 ? errno : e;
}

void sp_sock_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	/* If it fails, the peer sees an orderly end instead: still closed. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}
