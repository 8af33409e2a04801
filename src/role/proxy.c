/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/proxy.c - the process that reads hostile bytes, one per sandbox.
 *
 * Stages      early   name, no dumps, dies with the keeper
 *             hello   protocol version; the keeper answers with CONFIG
 *             config  policy, roots, listeners; keys and contexts are made
 *             seal    nothing may be opened or gained after this
 *             run     one thread, one loop
 *
 * Only wiring is here: what is decided about a connection is in txn/.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/alloc.h"
#include "dns/answer.h"
#include "ipc/wire.h"
#include "role/role.h"
#include "tls/ca.h"
#include "txn/gate.h"

#define LISTENERS_MAX SP_IPC_FDS_MAX
#define ACCEPT_BUDGET 64u /* connections a turn and listener */
#define UDP_BUDGET    64u /* questions a turn */
#define PAUSE_MS      50u /* without descriptors */
#define ID_MAX        23u
#define SERVERS_MAX   1024u
/* Buffers come and go with each request: free memory at the top of the heap
 * stays below this (measured: a brk() for every eight requests otherwise). */
#define HEAP_SLACK (1 << 20)
#define FIXED_FDS  4u /* policy, roots, hosts, UDP */
/* Descriptors that are not for connections of the sandbox and those to
 * servers that serve them: channel, listeners, DNS, kept connections. */
#define OTHER_FDS (64u + SP_UPPOOL_MAX)

struct listener {
	struct sp_watch watch;
	struct proxy *proxy;
};

struct proxy {
	struct sp_gate gate;
	struct sp_resolver *resolver;
	struct sp_roots *roots;
	struct sp_watch udp;
	struct sp_timer pause;
	bool paused;
	uint32_t conns_max;
	size_t n_listeners;
	struct listener listener[LISTENERS_MAX];
	char servers[SERVERS_MAX + 1];
	struct sp_str hosts;
};

/* -------------------------------------------------------------- accepting */

static void set_paused(struct proxy *p, bool paused)
{
	if (p->paused == paused)
		return;
	p->paused = paused;
	for (size_t i = 0; i < p->n_listeners; i++)
		sp_watch_mod(p->gate.loop, &p->listener[i].watch,
		             paused ? 0 : EPOLLIN);
}

static void on_pause_over(struct sp_timer *t)
{
	struct proxy *p = SP_OWNER(t, struct proxy, pause);

	set_paused(p, false);
}

/* Room for another one? The keeper must keep up, too. */
static bool may_accept(const struct proxy *p)
{
	return p->gate.n_conns < p->conns_max && sp_link_healthy(p->gate.link);
}

static void unpause(struct proxy *p)
{
	if (p->paused && p->pause.index == 0 && may_accept(p))
		set_paused(p, false);
}

static void on_conn_end(struct sp_gate *g)
{
	unpause(SP_OWNER(g, struct proxy, gate));
}

/* #syscalls accept4 */
static void on_listener(struct sp_watch *w, uint32_t events)
{
	struct proxy *p = ((struct listener *)w)->proxy;

	(void)events;
	for (unsigned i = 0; i < ACCEPT_BUDGET; i++) {
		int fd;

		if (!may_accept(p)) {
			set_paused(p, true);
			return;
		}
		fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			sp_gate_accept(&p->gate, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			set_paused(p, true);
			sp_timer_set(p->gate.loop, &p->pause, PAUSE_MS);
		}
		return;
	}
}

/* -------------------------------------------------------------------- DNS */

union pktinfo {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* glibc takes an answer only from the address it asked: so it is sent from
 * there. The interface index must not be set. */
static void answer_from(struct msghdr *m, union pktinfo *c)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	struct in6_pktinfo info = { 0 };

	for (; h != NULL; h = CMSG_NXTHDR(m, h))
		if (h->cmsg_level == SOL_IPV6 && h->cmsg_type == IPV6_PKTINFO)
			memcpy(&info, CMSG_DATA(h), sizeof(info));
	info.ipi6_ifindex = 0;
	memset(c, 0, sizeof(*c));
	c->align.cmsg_level = SOL_IPV6;
	c->align.cmsg_type = IPV6_PKTINFO;
	c->align.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&c->align), &info, sizeof(info));
	m->msg_control = c->buf;
	m->msg_controllen = sizeof(c->buf);
}

/* #syscalls recvmsg sendmsg */
static bool one_question(struct proxy *p, int fd)
{
	uint8_t in[SP_DNS_PACKET_MAX];
	SP_CLEANUP(sp_buf_fini) struct sp_buf out;
	struct sockaddr_storage from;
	union pktinfo c, reply;
	struct iovec v = { in, sizeof(in) };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = c.buf,
		.msg_controllen = sizeof(c.buf),
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	sp_buf_init(&out, SP_DNS_PACKET_MAX);
	if (n < 0)
		return errno != EAGAIN;
	if ((m.msg_flags & MSG_TRUNC) != 0 ||
	    sp_gate_dns(&p->gate, (struct sp_str){ in, (size_t)n }, false,
	                &out) < 0)
		return true;
	answer_from(&m, &reply);
	v.iov_base = out.p + out.head;
	v.iov_len = sp_buf_len(&out);
	/* A lost answer is asked for again. */
	(void)sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}

static void on_udp(struct sp_watch *w, uint32_t events)
{
	struct proxy *p = SP_OWNER(w, struct proxy, udp);

	(void)events;
	for (unsigned i = 0; i < UDP_BUDGET; i++)
		if (!one_question(p, w->fd))
			return;
}

/* ------------------------------------------------------ messages of keeper */

/* A sealed memfd: it cannot change or shrink while it is mapped. */
static enum sp_rc map(int fd, struct sp_str *ret)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return SP_E_SYS;
	*ret = (struct sp_str){ NULL, 0 };
	if (st.st_size == 0)
		return SP_OK;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return SP_E_SYS;
	*ret = (struct sp_str){ p, (size_t)st.st_size };
	return SP_OK;
}

static void unmap(struct sp_str s)
{
	union {
		const uint8_t *in;
		void *out;
	} u = { .in = s.p };

	if (s.p != NULL)
		munmap(u.out, s.n);
}

static enum sp_rc load_policy(int fd, struct sp_policy **ret)
{
	struct sp_str text;
	enum sp_rc rc;

	SP_TRY(map(fd, &text));
	rc = sp_policy_decode(text, ret);
	unmap(text);
	return rc;
}

static enum sp_rc on_policy(struct sp_peer *peer, struct sp_packet *m)
{
	struct proxy *p = peer->owner;
	struct sp_str in = { m->body, m->n };
	struct sp_policy *policy;
	uint32_t epoch;

	SP_TRY(sp_get_u32(&in, &epoch));
	SP_TRY(sp_get_end(&in));
	SP_TRY(load_policy(m->fd[0], &policy));
	sp_gate_set_policy(&p->gate, policy, epoch);
	return SP_OK;
}

static enum sp_rc on_stop(struct sp_peer *peer, struct sp_packet *m)
{
	struct proxy *p = peer->owner;

	(void)m;
	sp_gate_stop(&p->gate);
	sp_loop_stop(p->gate.loop);
	return SP_OK;
}

static enum sp_rc on_ack(struct sp_peer *peer, struct sp_packet *m)
{
	return sp_link_on_ack(((struct proxy *)peer->owner)->gate.link, m);
}

static enum sp_rc on_leaf(struct sp_peer *peer, struct sp_packet *m)
{
	return sp_link_on_leaf(((struct proxy *)peer->owner)->gate.link, m);
}

static const struct sp_op ops[SP_IPC_TYPES] = {
	[SP_IPC_POLICY] = {
		.from = SP_R_KEEPER, .max = 4, .fds = 1, .run = on_policy,
	},
	[SP_IPC_LEAF] = {
		.from = SP_R_KEEPER, .max = SP_CERT_DER_MAX + 8, .run = on_leaf,
	},
	[SP_IPC_ACK] = {
		.from = SP_R_KEEPER, .max = 5, .run = on_ack,
	},
	[SP_IPC_STOP] = {
		.from = SP_R_KEEPER, .once = true, .run = on_stop,
	},
};

static void recorded(void *arg, struct sp_ref who, uint64_t txn, bool ok)
{
	sp_gate_recorded(&((struct proxy *)arg)->gate, who, txn, ok);
}

static void leaf(void *arg, const struct sp_host *host, struct sp_str der)
{
	struct proxy *p = arg;
	uint64_t now_s = sp_loop_wall_us() / 1000000u;

	/* Whoever waits for it finds out by looking. */
	SP_IGNORE(sp_tls_leaf_put(p->gate.tls_server, host, der, now_s));
}

static void leaf_done(void *arg, struct sp_ref who, bool ok)
{
	sp_gate_leaf_done(&((struct proxy *)arg)->gate, who, ok);
}

static void relieved(void *arg)
{
	struct proxy *p = arg;

	unpause(p);
	sp_gate_relieved(&p->gate);
}

/* Without a keeper nothing can be recorded, so nothing may happen. */
static void lost(void *arg)
{
	struct proxy *p = arg;

	sp_loop_stop(p->gate.loop);
}

/* ---------------------------------------------------------------- stages */

static enum sp_rc take_fd(struct sp_packet *m, size_t i, int *ret)
{
	if (i >= m->n_fds)
		return SP_E_PROTO;
	*ret = m->fd[i];
	m->fd[i] = -1;
	return SP_OK;
}

static enum sp_rc add_listeners(struct proxy *p, struct sp_packet *m)
{
	int fd;

	SP_TRY(take_fd(m, FIXED_FDS - 1, &fd));
	p->udp.run = on_udp;
	SP_TRY(sp_watch_add(p->gate.loop, &p->udp, fd, EPOLLIN));
	for (size_t i = FIXED_FDS; i < m->n_fds; i++) {
		struct listener *l = &p->listener[p->n_listeners++];

		SP_TRY(take_fd(m, i, &fd));
		if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
			return SP_E_SYS;
		l->proxy = p;
		l->watch.run = on_listener;
		SP_TRY(sp_watch_add(p->gate.loop, &l->watch, fd, EPOLLIN));
	}
	return SP_OK;
}

static enum sp_rc copy_text(struct sp_str s, char *ret, size_t max)
{
	if (s.n > max)
		return SP_E_LIMIT;
	memcpy(ret, s.p, s.n);
	ret[s.n] = '\0';
	return SP_OK;
}

struct config {
	struct sp_str id, name, ca_der, servers;
	uint8_t capture;
	uint32_t epoch, instance;
	uint64_t first_txn;
};

static enum sp_rc read_config(const struct sp_packet *m, struct config *c)
{
	struct sp_str in = { m->body, m->n };

	if (m->type != SP_IPC_CONFIG || m->n_fds <= FIXED_FDS)
		return SP_E_PROTO;
	SP_TRY(sp_get_str(&in, ID_MAX, &c->id));
	SP_TRY(sp_get_str(&in, 255, &c->name));
	SP_TRY(sp_get_u8(&in, &c->capture));
	SP_TRY(sp_get_u32(&in, &c->epoch));
	SP_TRY(sp_get_u32(&in, &c->instance));
	SP_TRY(sp_get_str(&in, SP_CERT_DER_MAX, &c->ca_der));
	SP_TRY(sp_get_str(&in, SERVERS_MAX, &c->servers));
	SP_TRY(sp_get_u64(&in, &c->first_txn));
	SP_TRY(sp_get_end(&in));
	return c->capture <= SP_CAPTURE_PORTS ? SP_OK : SP_E_PROTO;
}

static enum sp_rc make_services(struct proxy *p, const struct config *c,
                                struct sp_packet *m, struct sp_err *err)
{
	struct sp_gate *g = &p->gate;
	struct sp_tls_client *client;
	struct sp_str roots;

	SP_TRY(load_policy(m->fd[0], &g->policy));
	SP_TRY(map(m->fd[1], &roots));
	SP_TRY(map(m->fd[2], &p->hosts));
	SP_TRY(sp_roots_open(roots, &p->roots));
	SP_TRY(sp_tls_server_new(c->ca_der, &g->tls_server, err));
	SP_TRY(sp_tls_client_new(p->roots, &client, err));
	SP_TRY(copy_text(c->servers, p->servers, SERVERS_MAX));
	SP_TRY(sp_resolver_new(g->loop, p->servers, p->hosts, &p->resolver,
	                       err));
	g->dialer = (struct sp_dialer){ g->loop, p->resolver, client };
	g->uppool = sp_uppool_new(g->loop);
	g->names = sp_pool_new();
	g->capture = (enum sp_capture)c->capture;
	g->epoch = c->epoch;
	g->last_txn = c->first_txn;
	g->on_conn_end = on_conn_end;
	return copy_text(c->id, g->id, ID_MAX);
}

static enum sp_rc start_link(struct proxy *p, struct sp_err *err)
{
	const struct sp_link_calls calls = {
		.recorded = recorded,
		.leaf = leaf,
		.leaf_done = leaf_done,
		.relieved = relieved,
		.lost = lost,
		.arg = p,
	};

	if (fcntl(SP_ROLE_CHANNEL, F_SETFL, O_NONBLOCK) < 0)
		return SP_E_SYS;
	SP_TRY(sp_link_new(p->gate.loop, SP_ROLE_CHANNEL, ops, p, &calls,
	                   &p->gate.link, err));
	return sp_link_ready(p->gate.link,
	                     sp_tls_server_spki(p->gate.tls_server));
}

/*
 * Connections are descriptors: as many as the system lets us have. With fewer,
 * the accepting pauses earlier, so that what was accepted can be served: each
 * may need another descriptor, toward a server.
 */
static void raise_limits(struct proxy *p)
{
	struct rlimit rl = { .rlim_cur = 1024 };

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		/* A wish; what is there is asked again. */
		(void)setrlimit(RLIMIT_NOFILE, &rl);
		(void)getrlimit(RLIMIT_NOFILE, &rl);
	}
	p->conns_max = SP_CONNS_MAX;
	if (rl.rlim_cur < OTHER_FDS + 2 * SP_CONNS_MAX)
		p->conns_max =
			rl.rlim_cur < OTHER_FDS + 64
				? 32
				: (uint32_t)(rl.rlim_cur - OTHER_FDS) / 2;
}

static enum sp_rc stage_config(struct proxy *p, struct sp_err *err)
{
	struct sp_packet m;
	struct config c;
	enum sp_rc rc = sp_chan_recv(SP_ROLE_CHANNEL, &m);

	if (rc != SP_OK)
		return SP_E_STATE;
	rc = read_config(&m, &c);
	if (rc == SP_OK)
		rc = make_services(p, &c, &m, err);
	if (rc == SP_OK)
		rc = start_link(p, err);
	if (rc == SP_OK)
		rc = add_listeners(p, &m);
	sp_packet_fini(&m);
	return rc;
}

static enum sp_rc run_stages(struct proxy *p, struct sp_err *err)
{
	struct sp_loop *loop;

	SP_TRY(sp_stage_early("sallyport-proxy", 0, true));
	SP_TRY(sp_stage_hello(SP_R_PROXY));
	SP_TRY(sp_loop_new(&loop, err));
	sp_gate_init(&p->gate, loop);
	p->pause.run = on_pause_over;
	raise_limits(p);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_SLACK); /* a wish */
	SP_TRY(stage_config(p, err));
	SP_TRY(sp_stage_seal(&sp_seal_proxy, err));
	return sp_loop_run(loop, err);
}

int sp_proxy_main(void)
{
	struct proxy *p = SP_NEW(struct proxy);
	struct sp_err err = { .text = "" };
	enum sp_rc rc = run_stages(p, &err);

	if (rc < 0)
		dprintf(STDERR_FILENO, "sallyport: proxy: %s %s\n",
		        sp_rc_text(rc), err.text);
	sp_gate_stop(&p->gate);
	return rc < 0 ? EX_SOFTWARE : EX_OK;
}
