/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/integration/tls_peer.c - our TLS against that of others.
 *
 *	tls_peer serve CA.pem        makes a CA, writes its certificate, prints
 *	                             the port, answers each connection with the
 *	                             version, resumption and name it saw
 *	tls_peer fetch ROOTS.pem NAME PORT [TIMES]
 *	                             talks to 127.0.0.1 as if it were NAME
 *
 * Both make their contexts first and then forbid themselves to open any file,
 * as a proxy is sealed: whatever OpenSSL would load later kills the process.
 */
#include "tls/ossl.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/fd.h"
#include "tls/ca.h"
#include "tls/hello.h"
#include "tls/tls.h"

#define BUF_MAX (1u << 18)

struct conn {
	int fd;
	struct sp_tls *tls;
	struct sp_buf in, out, plain;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tls_peer: %s\n", what);
	exit(1);
}

#ifdef __SANITIZE_ADDRESS__
/* The leak check at the end reads files. */
static void seal(void)
{
}
#else
/* From here on opening a file is death. */
static void seal(void)
{
	/* clang-format off */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		         offsetof(struct seccomp_data, nr)),
#ifdef __NR_open
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_open, 3, 0),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 3, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat2, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	/* clang-format on */
	struct sock_fprog prog = { SP_COUNT(code), code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0, "seccomp");
}
#endif

static bool more(struct conn *c)
{
	uint8_t *p = sp_buf_room(&c->in, 16384);
	ssize_t n = p != NULL ? read(c->fd, p, 16384) : -1;

	if (n <= 0)
		return false;
	sp_buf_commit(&c->in, (size_t)n);
	return true;
}

static void flush(struct conn *c)
{
	while (sp_buf_len(&c->out) > 0) {
		struct sp_str s = sp_buf_str(&c->out);
		ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sp_buf_consume(&c->out, (size_t)n);
	}
}

static bool handshake(struct conn *c)
{
	enum sp_rc rc;

	do {
		rc = sp_tls_handshake(c->tls, &c->in, &c->out);
		flush(c);
	} while (rc == SP_OK && more(c));
	return rc == SP_DONE;
}

/* The bytes up to the end of the peer's head, or of the connection. */
static enum sp_rc read_head(struct conn *c)
{
	enum sp_rc rc;

	do {
		rc = sp_tls_read(c->tls, &c->in, &c->plain, &c->out);
		flush(c);
		if (sp_buf_len(&c->plain) >= 4 &&
		    memcmp(c->plain.p + c->plain.tail - 4, "\r\n\r\n", 4) == 0)
			return SP_OK;
	} while (rc == SP_OK && more(c));
	return rc == SP_OK ? sp_tls_eof(c->tls) : rc;
}

static void say_error(const struct conn *c)
{
	struct sp_tls_error e;

	sp_tls_error(c->tls, &e);
	printf("error %d %d %s\n", (int)e.kind, e.alert, e.text);
}

static void conn_init(struct conn *c, int fd)
{
	*c = (struct conn){ .fd = fd };
	sp_buf_init(&c->in, BUF_MAX);
	sp_buf_init(&c->out, BUF_MAX);
	sp_buf_init(&c->plain, BUF_MAX);
}

static void conn_fini(struct conn *c)
{
	sp_tls_free(c->tls);
	sp_buf_fini(&c->in);
	sp_buf_fini(&c->out);
	sp_buf_fini(&c->plain);
	close(c->fd);
}

/* ---- serve -------------------------------------------------------------- */

/* Without a name the client wants the address it dialed. */
static bool read_hello(struct conn *c, struct sp_host *host)
{
	struct sp_hello h;
	enum sp_rc rc = SP_OK;

	while (rc == SP_OK && more(c))
		rc = sp_hello_parse(sp_buf_str(&c->in), &h);
	if (rc != SP_DONE)
		return false;
	if (h.has_sni)
		*host = h.sni;
	else if (sp_host_parse(sp_str("127.0.0.1"), host) < 0)
		return false;
	return true;
}

static void prepare(struct sp_ca *ca, struct sp_tls_server *server,
                    const struct sp_host *host)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf der;
	uint64_t now_s = (uint64_t)time(NULL);

	if (sp_tls_leaf_have(server, host, now_s))
		return;
	sp_buf_init(&der, SP_CERT_DER_MAX);
	must(sp_ca_mint(ca, host, sp_tls_server_spki(server), now_s, &der) ==
	             SP_OK,
	     "mint");
	must(sp_tls_leaf_put(server, host, sp_buf_str(&der), now_s) == SP_OK,
	     "leaf");
}

static void answer(struct conn *c, const struct sp_host *host)
{
	struct sp_tls_info info;
	char text[512];

	sp_tls_info(c->tls, &info);
	snprintf(text, sizeof(text),
	         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s %s %s\n",
	         info.version, info.resumed ? "resumed" : "full", host->text);
	must(sp_tls_write(c->tls, sp_str(text), &c->out) == SP_OK, "write");
	sp_tls_close(c->tls, &c->out);
	flush(c);
}

static void serve_one(struct sp_ca *ca, struct sp_tls_server *server, int fd)
{
	struct sp_host host;
	struct conn c;

	conn_init(&c, fd);
	if (read_hello(&c, &host)) {
		prepare(ca, server, &host);
		must(sp_tls_accept(server, &host, &c.tls) == SP_OK, "accept");
		if (handshake(&c) && read_head(&c) == SP_OK)
			answer(&c, &host);
		else
			say_error(&c);
	} else {
		printf("error: no hello\n");
	}
	fflush(stdout);
	conn_fini(&c);
}

static int listener(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 &&
	             listen(fd, 16) == 0 &&
	             getsockname(fd, (struct sockaddr *)&a, &n) == 0,
	     "listen");
	printf("%u\n", ntohs(a.sin_port));
	return fd;
}

static void write_pem(const struct sp_ca *ca, const char *path)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf pem;
	FILE *f = fopen(path, "we");

	sp_buf_init(&pem, 8192);
	sp_ca_cert_pem(ca, &pem);
	must(f != NULL && fwrite(pem.p, 1, pem.tail, f) == pem.tail, "CA file");
	fclose(f);
}

static _Noreturn void serve(const char *ca_path)
{
	struct sp_tls_server *server;
	struct sp_err err;
	struct sp_ca *ca;
	int fd;

	must(sp_ca_new("sb-peer", (uint64_t)time(NULL), &ca, &err) == SP_OK,
	     err.text);
	must(sp_tls_server_new(sp_ca_cert(ca), &server, &err) == SP_OK,
	     err.text);
	write_pem(ca, ca_path);
	fd = listener();
	seal();
	fflush(stdout);
	for (;;) {
		int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (one >= 0)
			serve_one(ca, server, one);
	}
}

/* ---- fetch -------------------------------------------------------------- */

static struct sp_roots *open_roots(const char *path, struct sp_buf *index)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf pem;
	FILE *f = fopen(path, "re");
	struct sp_roots *roots = NULL;
	struct sp_err err;

	must(f != NULL, path);
	sp_buf_init(&pem, 1 << 22);
	sp_buf_init(index, 1 << 22);
	sp_buf_commit(&pem, fread(sp_buf_room(&pem, 1 << 20), 1, 1 << 20, f));
	fclose(f);
	must(sp_roots_index(sp_buf_str(&pem), index, &err) == SP_OK, err.text);
	must(sp_roots_open(sp_buf_str(index), &roots) == SP_OK, "roots");
	return roots;
}

static int dial(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0,
	     "connect");
	return fd;
}

static void get(struct conn *c)
{
	struct sp_tls_info info;
	enum sp_rc rc;

	sp_tls_info(c->tls, &info);
	must(sp_tls_write(c->tls, sp_str("GET / HTTP/1.0\r\n\r\n"), &c->out) ==
	             SP_OK,
	     "write");
	flush(c);
	do
		rc = sp_tls_read(c->tls, &c->in, &c->plain, &c->out);
	while (rc == SP_OK && more(c));
	if (rc == SP_OK)
		rc = sp_tls_eof(c->tls);
	printf("%s %s %s %zu\n", rc == SP_DONE ? "ok" : "cut", info.version,
	       info.resumed ? "resumed" : "full", sp_buf_len(&c->plain));
}

static int fetch(const char *roots_path, const char *name, const char *port,
                 unsigned times)
{
	uint16_t to = (uint16_t)strtoul(port, NULL, 10);
	struct sp_tls_client *client;
	struct sp_roots *roots;
	struct sp_host host;
	struct sp_buf index;
	struct sp_err err;

	must(sp_host_parse(sp_str(name), &host) == SP_OK, "name");
	roots = open_roots(roots_path, &index);
	must(sp_tls_client_new(roots, &client, &err) == SP_OK, err.text);
	seal();
	for (unsigned i = 0; i < times; i++) {
		struct conn c;

		conn_init(&c, dial(to));
		must(sp_tls_connect(client, &host, to, &c.tls) == SP_OK,
		     "session");
		if (handshake(&c))
			get(&c);
		else
			say_error(&c);
		fflush(stdout);
		conn_fini(&c);
	}
	sp_tls_client_free(client);
	sp_roots_free(roots);
	sp_buf_fini(&index);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc >= 5 && strcmp(argv[1], "fetch") == 0)
		return fetch(argv[2], argv[3], argv[4],
		             argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10)
		                      : 1);
	must(false, "usage: serve CA.pem | fetch ROOTS.pem NAME PORT [TIMES]");
	return 1;
}
