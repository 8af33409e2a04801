/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/fd.h"
#include "sandbox/net.h"

#define BACKLOG 4096
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

static const char *const names[] = {
	[SP_CAPTURE_TPROXY] = "tproxy",
	[SP_CAPTURE_REDIRECT] = "redirect",
	[SP_CAPTURE_PORTS] = "ports",
	[SP_CAPTURE_AUTO] = "auto",
};

const char *sp_capture_name(enum sp_capture how)
{
	sp_assert(how < SP_COUNT(names));
	return names[how];
}

enum sp_rc sp_capture_parse(const char *text, enum sp_capture *ret)
{
	for (unsigned i = 0; i < SP_COUNT(names); i++)
		if (strcmp(names[i], text) == 0) {
			*ret = (enum sp_capture)i;
			return SP_OK;
		}
	return SP_E_PROTO;
}

void sp_listeners_close(struct sp_listeners *l)
{
	for (uint8_t i = 0; i < l->n; i++)
		sp_fd_close(&l->fd[i]);
	l->n = 0;
}

struct option {
	int level, name, value;
};

static enum sp_rc set_options(int fd, const struct option *o, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, o[i].level, o[i].name, &o[i].value,
		               sizeof(o[i].value)) < 0)
			return SP_E_SYS;
	return SP_OK;
}

/* bind [::]:port, or 0.0.0.0:port where the kernel has no IPv6 at all. */
static int bind_any(int fd, int family, uint16_t port)
{
	const struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
		                         .sin6_port = htons(port) };
	const struct sockaddr_in a4 = { .sin_family = AF_INET,
		                        .sin_port = htons(port) };

	if (family == AF_INET6)
		return bind(fd, (const struct sockaddr *)&a6, sizeof(a6));
	return bind(fd, (const struct sockaddr *)&a4, sizeof(a4));
}

static int open_inet(int type, int *ret_family)
{
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	*ret_family = AF_INET6;
	if (fd >= 0 || errno != EAFNOSUPPORT)
		return fd;
	*ret_family = AF_INET;
	return socket(AF_INET, type | SOCK_CLOEXEC, 0);
}

/*
 * Both TRANSPARENT options go on the one IPv6 socket: the IPv4 one is what
 * covers v4-mapped connections. Never SO_REUSEPORT: the program has the same
 * kernel uid and could join the group.
 */
static enum sp_rc open_tcp(uint16_t port, bool transparent, int *ret,
                           struct sp_err *err)
{
	static const struct option v6[] = {
		{ IPPROTO_IPV6, IPV6_V6ONLY, 0 },
		{ IPPROTO_IPV6, IPV6_TRANSPARENT, 1 },
	};
	static const struct option v4[] = { { IPPROTO_IP, IP_TRANSPARENT, 1 } };
	int family;
	SP_CLEANUP(sp_fd_close) int fd = open_inet(SOCK_STREAM, &family);

	if (fd < 0)
		return sp_err_sys(err, "listening socket");
	if (family == AF_INET6 && set_options(fd, v6, transparent ? 2 : 1) < 0)
		return sp_err_sys(err, "options of the listening socket");
	if (transparent && set_options(fd, v4, SP_COUNT(v4)) < 0)
		return sp_err_sys(err, "transparent listening socket");
	if (bind_any(fd, family, port) < 0 || listen(fd, BACKLOG) < 0) {
		sp_err_sys(err, "listen");
		sp_err_wrap(err, "port %u", (unsigned)port);
		return SP_E_SYS;
	}
	*ret = sp_fd_steal(&fd);
	return SP_OK;
}

/* FREEBIND lets answers leave from the address that was asked. */
static enum sp_rc open_udp(int *ret, struct sp_err *err)
{
	static const struct option v6[] = {
		{ IPPROTO_IPV6, IPV6_V6ONLY, 0 },
		{ IPPROTO_IPV6, IPV6_FREEBIND, 1 },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
	};
	static const struct option v4[] = {
		{ IPPROTO_IP, IP_FREEBIND, 1 },
		{ IPPROTO_IP, IP_PKTINFO, 1 },
	};
	int family;
	SP_CLEANUP(sp_fd_close) int fd = open_inet(SOCK_DGRAM, &family);

	if (fd < 0)
		return sp_err_sys(err, "DNS socket");
	if ((family == AF_INET6 && set_options(fd, v6, SP_COUNT(v6)) < 0) ||
	    set_options(fd, v4, family == AF_INET6 ? 1 : 2) < 0 ||
	    bind_any(fd, family, 53) < 0)
		return sp_err_sys(err, "DNS socket");
	*ret = sp_fd_steal(&fd);
	return SP_OK;
}

static enum sp_rc open_all(const uint16_t *port, size_t n, bool transparent,
                           struct sp_listeners *l, struct sp_err *err)
{
	l->fd[0] =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (l->fd[0] < 0)
		return sp_err_sys(err, "sock_diag socket");
	l->n = 1;
	SP_TRY(open_udp(&l->fd[1], err));
	l->n = 2;
	for (size_t i = 0; i < n; i++) {
		SP_TRY(open_tcp(port[i], transparent, &l->fd[l->n], err));
		l->n++;
	}
	return SP_OK;
}

enum sp_rc sp_listeners_open(enum sp_capture how, const uint16_t *port,
                             size_t n, struct sp_listeners *ret,
                             struct sp_err *err)
{
	const uint16_t one = SP_CAPTURE_PORT;
	struct sp_listeners l = { .how = how };
	enum sp_rc rc;

	if (how != SP_CAPTURE_PORTS) {
		port = &one;
		n = 1;
	}
	if (n == 0 || n > SP_PORTS_MAX) {
		sp_err_set(err, "port list: %zu ports, at most %u are possible",
		           n, SP_PORTS_MAX);
		return SP_E_LIMIT;
	}
	rc = open_all(port, n, how == SP_CAPTURE_TPROXY, &l, err);
	if (rc < 0) {
		sp_listeners_close(&l);
		return rc;
	}
	*ret = l;
	return SP_OK;
}
