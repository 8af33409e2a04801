/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_fds.c - are these the descriptors they are said to be?
 *
 * A launcher is the user's own program, but what it hands over is given on to
 * a proxy and used for as long as the sandbox lives: a wrong one would fail
 * late and unexplained.
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/keeper_int.h"

/* #syscalls getsockopt */
static int option(int fd, int name)
{
	int v = -1;
	socklen_t n = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &n) < 0 ? -1 : v;
}

static bool is_inet(int fd)
{
	int domain = option(fd, SO_DOMAIN);

	return domain == AF_INET || domain == AF_INET6;
}

static bool is_udp(int fd)
{
	return is_inet(fd) && option(fd, SO_TYPE) == SOCK_DGRAM &&
	       option(fd, SO_PROTOCOL) == IPPROTO_UDP;
}

static bool is_tcp_listener(int fd)
{
	return is_inet(fd) && option(fd, SO_TYPE) == SOCK_STREAM &&
	       option(fd, SO_PROTOCOL) == IPPROTO_TCP &&
	       option(fd, SO_ACCEPTCONN) == 1;
}

enum sp_rc check_listeners(const int *fd, size_t n, struct sp_err *err)
{
	if (n < 2 || !is_udp(fd[0])) {
		sp_err_set(err, "listeners: no UDP socket first");
		return SP_E_PROTO;
	}
	for (size_t i = 1; i < n; i++) {
		if (is_tcp_listener(fd[i]))
			continue;
		sp_err_set(err,
		           "listeners: descriptor %zu does not listen "
		           "for TCP",
		           i);
		return SP_E_PROTO;
	}
	return SP_OK;
}

enum sp_rc check_diag(int fd, struct sp_err *err)
{
	if (option(fd, SO_DOMAIN) == AF_NETLINK &&
	    option(fd, SO_PROTOCOL) == NETLINK_SOCK_DIAG)
		return SP_OK;
	sp_err_set(err, "listeners: no sock_diag socket");
	return SP_E_PROTO;
}

/*
 * Only a pidfd has a "Pid:" line, and it is the pid as we see it; -1 once the
 * process is reaped: a program can be done before we come to read this.
 */
/* #syscalls openat read close */
enum sp_rc check_pidfd(int fd, uint32_t pid, struct sp_err *err)
{
	char path[48], text[512], want[32];
	SP_CLEANUP(sp_fd_close) int info = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "\nPid:\t%u\n", pid);
	info = open(path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (n < 0)
		return sp_err_sys(err, path);
	text[n] = '\0';
	if (pid > 1 && (strstr(text, want) != NULL ||
	                strstr(text, "\nPid:\t-1\n") != NULL))
		return SP_OK;
	sp_err_set(err, "listeners: the pidfd is not that of process %u", pid);
	return SP_E_PROTO;
}
