/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int option(int fd, int name)
{
	int v = -1;
	socklen_t n = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &n) < 0 ? -1 : v;
}

static const char *judge_socket(int fd)
{
	int type = option(fd, SO_TYPE);
	struct sockaddr peer;
	socklen_t n = sizeof(peer);

	if (option(fd, SO_DOMAIN) != AF_UNIX)
		return "is a socket of the network outside";
	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return "is a socket for datagrams to anybody";
	/* A listening one has no peer either. */
	return getpeername(fd, &peer, &n) < 0 ? "is a socket without a peer"
	                                      : NULL;
}

/* NULL: the program may have it. */
static const char *judge(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return "cannot be examined";
	if (S_ISSOCK(st.st_mode))
		return judge_socket(fd);
	if (S_ISDIR(st.st_mode))
		return "is a directory of the host";
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) &&
	    !S_ISCHR(st.st_mode))
		return "is neither a file nor a pipe nor a terminal";
	return NULL;
}

enum sp_rc sp_cli_inherit(struct sp_err *err)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };

	for (int fd = 0; fd <= 2; fd++) {
		const char *why;

		/* The lowest free number is this one. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC) != fd)
			return sp_err_sys(err, "/dev/null");
		if (fcntl(fd, F_SETFD, 0) < 0)
			return sp_err_sys(err, names[fd]);
		why = judge(fd);
		if (why == NULL)
			continue;
		sp_err_set(err,
		           "%s %s, which no program inside may have; "
		           "give it a pipe (cat | sallyport ... | cat)",
		           names[fd], why);
		return SP_E_DENIED;
	}
	return SP_OK;
}
