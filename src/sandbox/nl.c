/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

/* NLMSG_HDRLEN and NLA_HDRLEN, which are signed. */
#define HDRLEN  sizeof(struct nlmsghdr)
#define AHDRLEN sizeof(struct nlattr)

/* A failed batch does not acknowledge every message: wait this long only. */
#define AFTER_ERROR_US 20000
/* An answer that never comes must not hang the start. */
#define ANSWER_S 5

/* NLMSG_ALIGN and NLA_ALIGN, without their signed arithmetic. */
static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

void sp_nl_init(struct sp_nl *m)
{
	memset(m, 0, sizeof(*m));
}

/* Zeroed, padded room, or NULL and a poisoned batch. */
static uint8_t *room(struct sp_nl *m, size_t n)
{
	size_t padded = align4(n);
	uint8_t *p = m->p + m->n;

	if (m->bad || n > SP_NL_MAX || padded > SP_NL_MAX - m->n) {
		m->bad = true;
		return NULL;
	}
	memset(p, 0, padded);
	m->n += padded;
	return p;
}

void sp_nl_begin(struct sp_nl *m, uint16_t type, uint16_t flags,
                 const void *body, size_t n)
{
	struct nlmsghdr h = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = ++m->seq,
	};
	uint8_t *p;

	sp_assert(m->depth == 0);
	if ((flags & NLM_F_ACK) != 0)
		m->acks++;
	m->msg = m->n;
	p = room(m, sizeof(h));
	if (p != NULL)
		memcpy(p, &h, sizeof(h));
	p = room(m, n);
	if (p != NULL)
		memcpy(p, body, n);
}

void sp_nl_put(struct sp_nl *m, uint16_t type, const void *data, size_t n)
{
	struct nlattr a = { .nla_len = (uint16_t)(AHDRLEN + n),
		            .nla_type = type };
	uint8_t *p;

	if (n > SP_NL_MAX) {
		m->bad = true;
		return;
	}
	p = room(m, AHDRLEN + n);
	if (p == NULL)
		return;
	memcpy(p, &a, sizeof(a));
	if (n > 0)
		memcpy(p + AHDRLEN, data, n);
}

void sp_nl_text(struct sp_nl *m, uint16_t type, const char *text)
{
	sp_nl_put(m, type, text, strlen(text) + 1);
}

void sp_nl_be32(struct sp_nl *m, uint16_t type, uint32_t v)
{
	v = htonl(v);
	sp_nl_put(m, type, &v, sizeof(v));
}

void sp_nl_nest(struct sp_nl *m, uint16_t type)
{
	if (m->depth == SP_NL_DEPTH) {
		m->bad = true;
		return;
	}
	m->nest[m->depth++] = m->n;
	sp_nl_put(m, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
}

void sp_nl_unnest(struct sp_nl *m)
{
	uint16_t len;

	if (m->bad)
		return;
	sp_assert(m->depth > 0);
	m->depth--;
	len = (uint16_t)(m->n - m->nest[m->depth]);
	memcpy(m->p + m->nest[m->depth], &len, sizeof(len));
}

void sp_nl_end(struct sp_nl *m)
{
	uint32_t len = (uint32_t)(m->n - m->msg);

	if (m->bad)
		return;
	sp_assert(m->depth == 0);
	memcpy(m->p + m->msg, &len, sizeof(len));
}

/* What is known while answers come in. */
struct talk {
	uint32_t left, optional, seq;
	int err;
};

static void note_answer(struct talk *t, const uint8_t *p, size_t n)
{
	struct nlmsghdr h;
	struct nlmsgerr e;

	memcpy(&h, p, sizeof(h));
	if (h.nlmsg_type != NLMSG_ERROR || n < HDRLEN + sizeof(e))
		return;
	memcpy(&e, p + HDRLEN, sizeof(e));
	t->left--;
	if (e.error == 0 || t->err != 0 ||
	    (t->optional != 0 && h.nlmsg_seq >= t->optional))
		return;
	t->err = -e.error;
	t->seq = h.nlmsg_seq;
}

static void note_all(struct talk *t, const uint8_t *p, size_t n)
{
	while (n >= HDRLEN && t->left > 0) {
		uint32_t len;

		memcpy(&len, p, sizeof(len));
		if (len < HDRLEN || len > n)
			return;
		note_answer(t, p, len);
		len = (uint32_t)align4(len);
		if (len > n)
			return;
		p += len;
		n -= len;
	}
}

static int wait_at_most(int fd, time_t s, suseconds_t us)
{
	struct timeval tv = { .tv_sec = s, .tv_usec = us };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* #syscalls sendto recvfrom setsockopt */
int sp_nl_talk(int fd, const struct sp_nl *m, uint32_t optional,
               uint32_t *ret_seq)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct talk t = { .left = m->acks, .optional = optional };
	_Alignas(8) uint8_t rx[8192];

	if (m->bad)
		return EMSGSIZE;
	if (wait_at_most(fd, ANSWER_S, 0) < 0 ||
	    sendto(fd, m->p, m->n, 0, (const struct sockaddr *)&kernel,
	           sizeof(kernel)) < 0)
		return errno;
	while (t.left > 0) {
		ssize_t n = recv(fd, rx, sizeof(rx), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (t.err == 0)
				t.err = errno;
			break;
		}
		note_all(&t, rx, (size_t)n);
		if (t.err != 0 && wait_at_most(fd, 0, AFTER_ERROR_US) < 0)
			break;
	}
	*ret_seq = t.seq;
	return t.err;
}
