/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/keeper_standin.c - the real keeper with a proxy that a test
 * plays itself.
 *
 *	keeper_standin keeper    be the keeper
 *	keeper_standin connect   connect as commands do (starting a keeper) and
 *	                         print the pid of who answered
 *
 * The stand-in proxy takes the port out of the sandbox's name ("p-43211") and
 * carries packets between its channel and a TCP connection to that port:
 * u32 length, then u8 type, u8 number of descriptors, body. Before CONFIG it
 * only says HELLO, as a proxy does.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/fd.h"
#include "ipc/ops.h"
#include "ipc/wire.h"
#include "role/keeper_connect.h"
#include "role/role.h"

int sp_launcher_main(void)
{
	return 1;
}

static bool write_all(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool read_all(int fd, void *p, size_t n)
{
	return n == 0 || recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

static int dial(const struct sp_packet *config)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sp_str in = { config->body, config->n }, id, name;
	unsigned port = 0;
	int fd;

	if (sp_get_str(&in, 64, &id) < 0 || sp_get_str(&in, 64, &name) < 0)
		return -1;
	for (size_t i = 2; i < name.n; i++)
		port = port * 10 + (name.p[i] - (unsigned)'0');
	a.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : fd;
}

static bool to_test(int tcp, const struct sp_packet *m)
{
	uint32_t n = htonl((uint32_t)m->n + 2);
	uint8_t head[2] = { m->type, m->n_fds };

	return write_all(tcp, &n, 4) && write_all(tcp, head, 2) &&
	       (m->n == 0 || write_all(tcp, m->body, m->n));
}

static bool from_test(int tcp)
{
	static uint8_t raw[SP_IPC_BODY_MAX + 64];
	uint32_t n;

	if (!read_all(tcp, &n, 4))
		return false;
	n = ntohl(n);
	return n <= sizeof(raw) && read_all(tcp, raw, n) &&
	       write_all(SP_ROLE_CHANNEL, raw, n);
}

static bool from_keeper(int *tcp)
{
	static struct sp_packet m;
	bool ok;

	if (sp_chan_recv(SP_ROLE_CHANNEL, &m) != SP_OK)
		return false;
	if (m.type == SP_IPC_CONFIG)
		*tcp = dial(&m);
	ok = *tcp < 0 ? m.type == SP_IPC_STOP : to_test(*tcp, &m);
	sp_packet_fini(&m);
	return ok && *tcp >= 0;
}

int sp_proxy_main(void)
{
	struct sp_err err;
	int tcp = -1;

	if (sp_stage_early("standin-proxy", 0, true) < 0 ||
	    sp_stage_hello(SP_R_PROXY) < 0 || sp_stage_seal(NULL, &err) < 0)
		return 1;
	for (;;) {
		struct pollfd p[] = { { SP_ROLE_CHANNEL, POLLIN, 0 },
			              { tcp, POLLIN, 0 } };

		if (poll(p, tcp < 0 ? 1 : 2, -1) < 0)
			return 1;
		if (p[0].revents != 0 && !from_keeper(&tcp))
			return 0;
		if (tcp >= 0 && p[1].revents != 0 && !from_test(tcp))
			return 3;
	}
}

static int say_who(void)
{
	SP_CLEANUP(sp_fd_close) int sock = -1;
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct sp_err err;

	if (sp_keeper_connect(SP_R_CLIENT, true, &sock, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return 1;
	printf("%d\n", cred.pid);
	return 0;
}

int main(int argc, char **argv)
{
	const size_t n = strlen(SP_ROLE_FLAG);
	struct sp_err err;

	if (argc != 2)
		return 64;
	if (strncmp(argv[1], SP_ROLE_FLAG, n) == 0)
		return sp_role_enter(argv[1] + n);
	if (strcmp(argv[1], "connect") == 0)
		return say_who();
	sp_keeper_become(&err);
	fprintf(stderr, "%s\n", err.text);
	return 1;
}
