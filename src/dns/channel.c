/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fcntl.h>

#include "core/alloc.h"
#include "core/fd.h"

#define SOCKETS_MAX (2u * SP_DNS_SERVERS_MAX) /* UDP and TCP */

struct sock {
	struct sp_watch watch; /* first: the watch is the socket */
	struct sp_dns_channel *c;
};

struct sp_dns_channel {
	struct sp_timer timer; /* first; the next deadline of c-ares */
	struct sp_loop *loop;
	ares_channel ares;
	struct sock sock[SOCKETS_MAX];
};

/* A question in flight; belongs to c-ares until its callback. */
struct ask {
	uint8_t family;
	sp_dns_channel_fn *fn;
	void *arg;
};

/* -------------------------------------------------------------- the loop */

/* After every call into c-ares: its deadlines may have changed. */
static void rearm(struct sp_dns_channel *c)
{
	struct timeval tv;

	if (ares_timeout(c->ares, NULL, &tv) == NULL) {
		sp_timer_del(c->loop, &c->timer);
		return;
	}
	/* One more: c-ares compares microseconds, and early is for nothing. */
	sp_timer_set(c->loop, &c->timer,
	             (uint64_t)tv.tv_sec * 1000u +
	                     (uint64_t)tv.tv_usec / 1000u + 1);
}

/* #syscalls recvfrom sendto close */
static void on_deadline(struct sp_timer *t)
{
	struct sp_dns_channel *c = (struct sp_dns_channel *)t;

	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(c);
}

static void on_ready(struct sp_watch *w, uint32_t events)
{
	struct sp_dns_channel *c = ((const struct sock *)w)->c;
	bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
	int fd = w->fd;

	ares_process_fd(c->ares,
	                failed || (events & EPOLLIN) != 0 ? fd
	                                                  : ARES_SOCKET_BAD,
	                (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
	rearm(c);
}

static struct sock *find_sock(struct sp_dns_channel *c, int fd)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (c->sock[i].watch.fd == fd)
			return &c->sock[i];
	return NULL;
}

/* c-ares wants these events from now on; none: it is about to close it. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct sp_dns_channel *c = arg;
	struct sock *s = find_sock(c, fd);
	uint32_t events = (readable ? (uint32_t)EPOLLIN : 0u) |
	                  (writable ? (uint32_t)EPOLLOUT : 0u);

	if (events == 0) {
		if (s != NULL)
			sp_watch_del(c->loop, &s->watch);
		return;
	}
	if (s != NULL) {
		sp_watch_mod(c->loop, &s->watch, events);
		return;
	}
	s = find_sock(c, -1);
	if (s == NULL)
		return; /* too many: the question runs into its timeout */
	s->c = c;
	s->watch.run = on_ready;
	if (sp_watch_add(c->loop, &s->watch, fd, events) < 0)
		s->watch.fd = -1; /* as above */
}

/* ---------------------------------------------------------------- answers */

static enum sp_reason reason_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return SP_REASON_NONE;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return SP_REASON_DNS_NXDOMAIN;
	case ARES_ETIMEOUT:
		return SP_REASON_DNS_TIMEOUT;
	default: /* not an enum of ours */
		return SP_REASON_DNS_SERVFAIL;
	}
}

static void add_addr(struct sp_dns_family *h, uint8_t family, const void *bytes,
                     int ttl)
{
	struct sp_addr *a = &h->addr[h->n++];

	a->family = family;
	memcpy(a->b, bytes, family == 4 ? 4 : 16);
	if (ttl < 0)
		ttl = 0;
	if ((uint32_t)ttl < h->ttl)
		h->ttl = (uint32_t)ttl;
}

static int read4(struct sp_dns_family *h, const unsigned char *packet, int len)
{
	struct ares_addrttl rows[SP_RESOLVED_MAX];
	int n = SP_COUNT(rows);
	int status = ares_parse_a_reply(packet, len, NULL, rows, &n);

	for (int i = 0; status == ARES_SUCCESS && i < n; i++)
		add_addr(h, 4, &rows[i].ipaddr, rows[i].ttl);
	return status;
}

static int read6(struct sp_dns_family *h, const unsigned char *packet, int len)
{
	struct ares_addr6ttl rows[SP_RESOLVED_MAX];
	int n = SP_COUNT(rows);
	int status = ares_parse_aaaa_reply(packet, len, NULL, rows, &n);

	for (int i = 0; status == ARES_SUCCESS && i < n; i++)
		add_addr(h, 6, &rows[i].ip6addr, rows[i].ttl);
	return status;
}

static void on_answer(void *arg, int status, int timeouts,
                      unsigned char *packet, int len)
{
	struct sp_dns_family h = { .ttl = UINT32_MAX };
	struct ask ask = *(struct ask *)arg;

	(void)timeouts; /* how many there were before this answer */
	sp_free(arg);
	if (status == ARES_SUCCESS)
		status = ask.family == 6 ? read6(&h, packet, len)
		                         : read4(&h, packet, len);
	h.reason = reason_of(status);
	if (h.reason == SP_REASON_NONE && h.n == 0)
		h.reason = SP_REASON_DNS_NXDOMAIN;
	ask.fn(ask.arg, &h);
}

/* #syscalls socket connect fcntl sendto setsockopt */
void sp_dns_channel_ask(struct sp_dns_channel *c, const struct sp_host *name,
                        uint8_t family, sp_dns_channel_fn *fn, void *arg)
{
	struct ask *ask = SP_NEW(struct ask);

	*ask = (struct ask){ .family = family, .fn = fn, .arg = arg };
	ares_query(c->ares, name->text, ns_c_in,
	           family == 6 ? ns_t_aaaa : ns_t_a, on_answer, ask);
	rearm(c);
}

/* ----------------------------------------------------------------- set-up */

/*
 * c-ares of Debian 12 draws the key for its query ids from this file when the
 * channel is made, and falls back to rand() without a word. So the channel is
 * made here and not when first used (75 kB), and not without the file.
 */
static enum sp_rc check_random(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? sp_err_sys(err, "open /dev/urandom") : SP_OK;
}

static enum sp_rc set_servers(struct sp_dns_channel *c, const char *servers,
                              struct sp_err *err)
{
	size_t n = 1;

	for (const char *at = servers; *at != '\0'; at++)
		n += *at == ',';
	if (n > SP_DNS_SERVERS_MAX) {
		sp_err_set(err, "more than %u DNS servers", SP_DNS_SERVERS_MAX);
		return SP_E_LIMIT;
	}
	if (ares_set_servers_ports_csv(c->ares, servers) != ARES_SUCCESS) {
		sp_err_set(err, "DNS servers '%s': expected IP[:PORT],...",
		           servers);
		return SP_E_PROTO;
	}
	return SP_OK;
}

/*
 * All that c-ares would otherwise read from files is set here. No EDNS: what
 * exceeds 512 bytes comes by TCP, and c-ares 1.18 loses one of two questions
 * in flight when a server does not know EDNS.
 */
static enum sp_rc make_channel(struct sp_dns_channel *c, struct sp_err *err)
{
	char only_dns[] = "b", nothing[] = "/dev/null";
	struct in_addr placeholder = { htonl(INADDR_LOOPBACK) };
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = SP_DNS_TRY_MS,
		.tries = SP_DNS_TRIES,
		.ndots = 1,
		.lookups = only_dns,
		.resolvconf_path = nothing,
		.servers = &placeholder,
		.nservers = 1,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = c,
	};
	int status = ares_init_options(
		&c->ares, &o,
		ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
			ARES_OPT_NDOTS | ARES_OPT_LOOKUPS |
			ARES_OPT_RESOLVCONF | ARES_OPT_SERVERS |
			ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB |
			ARES_OPT_NOROTATE);

	if (status == ARES_SUCCESS)
		return SP_OK;
	c->ares = NULL;
	sp_err_set(err, "c-ares: %s", ares_strerror(status));
	return SP_E_SYS;
}

/* Before the seal: openat read close getrandom. */
enum sp_rc sp_dns_channel_new(struct sp_loop *l, const char *servers,
                              struct sp_dns_channel **ret, struct sp_err *err)
{
	struct sp_dns_channel *c = SP_NEW(struct sp_dns_channel);
	enum sp_rc rc;

	c->loop = l;
	c->timer.run = on_deadline;
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		c->sock[i].watch.fd = -1;
	rc = check_random(err);
	if (rc == SP_OK)
		rc = make_channel(c, err);
	if (rc == SP_OK)
		rc = set_servers(c, servers, err);
	if (rc < 0) {
		sp_dns_channel_free(c);
		return rc;
	}
	*ret = c;
	return SP_OK;
}

void sp_dns_channel_free(struct sp_dns_channel *c)
{
	if (c == NULL)
		return;
	if (c->ares != NULL)
		ares_destroy(c->ares); /* each callback, each socket */
	sp_timer_del(c->loop, &c->timer);
	sp_free(c);
}
