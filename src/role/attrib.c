/* SPDX-License-Identifier: Apache-2.0 */
#include "role/attrib.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/fd.h"

#define REPLIES_MAX 8u /* of earlier questions, before ours */

struct question {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

union answer {
	struct nlmsghdr h;
	uint8_t raw[1024];
};

/* ------------------------------------------------------- netlink question */

static void put_ends(struct inet_diag_sockid *id,
                     const struct sp_attrib_end *client,
                     const struct sp_attrib_end *dest)
{
	size_t n = client->addr.family == 4 ? 4 : 16;

	id->idiag_sport = htons(client->port);
	id->idiag_dport = htons(dest->port);
	memcpy(id->idiag_src, client->addr.b, n);
	memcpy(id->idiag_dst, dest->addr.b, n);
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* The kernel says which socket it found: it must be the one asked for. */
static enum sp_rc read_answer(const union answer *a, size_t n,
                              const struct question *q, uint32_t *ret)
{
	const struct inet_diag_msg *m = NLMSG_DATA(&a->h);

	if (a->h.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    n < NLMSG_LENGTH(sizeof(*m)) ||
	    a->h.nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return SP_E_STATE;
	if (m->id.idiag_sport != q->r.id.idiag_sport ||
	    m->id.idiag_dport != q->r.id.idiag_dport || m->idiag_inode == 0)
		return SP_E_STATE;
	*ret = m->idiag_inode;
	return SP_OK;
}

/*
 * The kernel answers within sendto(), so the reply is there already and
 * nothing has to be waited for.
 */
/* #syscalls sendto recvfrom */
enum sp_rc sp_attrib_inode(int diag, const struct sp_attrib_end *client,
                           const struct sp_attrib_end *dest, uint32_t *ret)
{
	struct question q = {
		.h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST,
		       .nlmsg_seq = (uint32_t)client->port << 16 | dest->port },
		.r = { .sdiag_family =
		               client->addr.family == 4 ? AF_INET : AF_INET6,
		       .sdiag_protocol = IPPROTO_TCP,
		       .idiag_states = ~0u },
	};
	union answer a;

	if (client->addr.family == 0 ||
	    client->addr.family != dest->addr.family)
		return SP_E_STATE;
	put_ends(&q.r.id, client, dest);
	if (sendto(diag, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) <
	    0)
		return SP_E_STATE;
	for (unsigned i = 0; i < REPLIES_MAX; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_n = sizeof(from);
		ssize_t n = recvfrom(diag, &a, sizeof(a), MSG_DONTWAIT,
		                     (struct sockaddr *)&from, &from_n);

		if (n < 0)
			return SP_E_STATE;
		if (n < (ssize_t)sizeof(a.h) || from.nl_pid != 0 ||
		    a.h.nlmsg_seq != q.h.nlmsg_seq)
			continue;
		return read_answer(&a, (size_t)n, &q, ret);
	}
	return SP_E_STATE;
}

/* ---------------------------------------------------------- /proc/PID/fd */

struct search {
	char want[32]; /* "socket:[INODE]" */
	unsigned links;
	pid_t queue[SP_ATTRIB_PROCS];
	unsigned n;
};

/* #syscalls openat getdents64 readlinkat newfstatat fstat close */
static bool holds(struct search *s, pid_t pid)
{
	char path[32], link[40];
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (d == NULL)
		return false;
	for (struct dirent *e = readdir(d); e != NULL && !found;
	     e = readdir(d)) {
		ssize_t n;

		if (s->links++ >= SP_ATTRIB_LINKS)
			break;
		n = readlinkat(dirfd(d), e->d_name, link, sizeof(link));
		found = n == (ssize_t)strlen(s->want) &&
		        memcmp(link, s->want, (size_t)n) == 0;
	}
	closedir(d);
	return found;
}

static size_t read_small(const char *path, char *ret, size_t cap)
{
	SP_CLEANUP(sp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, cap - 1);

	n = n < 0 ? 0 : n;
	ret[n] = '\0';
	return (size_t)n;
}

/* "12 13 14 ": the children of one thread. */
static void add_children(struct search *s, pid_t pid, const char *tid)
{
	char path[64], text[4096], *p = text;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", pid, tid);
	read_small(path, text, sizeof(text));
	while (*p != '\0' && s->n < SP_ATTRIB_PROCS) {
		char *end;
		long child = strtol(p, &end, 10);

		if (end == p || *end != ' ' || child <= 0)
			break; /* the last one may be cut */
		s->queue[s->n++] = (pid_t)child;
		p = end + 1;
	}
}

static void add_family(struct search *s, pid_t pid)
{
	char path[32];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (d == NULL)
		return;
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		if (s->links++ >= SP_ATTRIB_LINKS)
			break;
		if (e->d_name[0] != '.')
			add_children(s, pid, e->d_name);
	}
	closedir(d);
}

static void name_it(pid_t pid, struct sp_attrib_proc *ret)
{
	char path[32];
	size_t n;

	ret->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	n = read_small(path, ret->comm, sizeof(ret->comm));
	if (n > 0 && ret->comm[n - 1] == '\n')
		ret->comm[n - 1] = '\0';
}

void sp_attrib_find(pid_t root, pid_t hint, uint32_t inode,
                    struct sp_attrib_proc *ret)
{
	struct search s = { .n = 0 };

	*ret = (struct sp_attrib_proc){ 0 };
	snprintf(s.want, sizeof(s.want), "socket:[%u]", inode);
	/*
	 * A number may have been used again: the hint then is somebody else's
	 * process, which cannot hold this socket.
	 */
	if (hint > 0 && holds(&s, hint)) {
		name_it(hint, ret);
		return;
	}
	s.queue[s.n++] = root;
	for (unsigned i = 0; i < s.n; i++) {
		if (holds(&s, s.queue[i])) {
			name_it(s.queue[i], ret);
			return;
		}
		add_family(&s, s.queue[i]);
	}
}

/* ------------------------------------------------------- known connections */

void sp_attrib_put(struct sp_attrib_table *t, uint64_t conn,
                   const struct sp_attrib_proc *p)
{
	struct sp_attrib_conn *c;

	if (t->conn == NULL)
		t->conn = sp_alloc(SP_ATTRIB_CONNS, sizeof(*t->conn));
	c = &t->conn[conn % SP_ATTRIB_CONNS];
	c->conn = conn;
	c->proc = *p;
	if (p->pid != 0)
		t->last = p->pid;
}

const struct sp_attrib_proc *sp_attrib_get(const struct sp_attrib_table *t,
                                           uint64_t conn)
{
	const struct sp_attrib_conn *c;

	if (t->conn == NULL)
		return NULL;
	c = &t->conn[conn % SP_ATTRIB_CONNS];
	return c->conn == conn && c->proc.pid != 0 ? &c->proc : NULL;
}

void sp_attrib_fini(struct sp_attrib_table *t)
{
	sp_free(t->conn);
	*t = (struct sp_attrib_table){ 0 };
}
