/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/alloc.h"

struct sp_outbox_item {
	struct sp_outbox_item *next;
	uint8_t type, n_fds;
	int fd[SP_IPC_FDS_MAX];
	size_t n;
	uint8_t body[];
};

void sp_outbox_init(struct sp_outbox *o, uint32_t max)
{
	*o = (struct sp_outbox){ .max = max };
	o->last = &o->first;
}

static void drop(struct sp_outbox_item *it)
{
	for (uint8_t i = 0; i < it->n_fds; i++)
		close(it->fd[i]);
	sp_free(it);
}

void sp_outbox_fini(struct sp_outbox *o)
{
	while (o->first != NULL) {
		struct sp_outbox_item *it = o->first;

		o->first = it->next;
		drop(it);
	}
	o->last = &o->first;
	o->n = 0;
}

static bool is_full(enum sp_rc rc)
{
	return rc == SP_E_SYS && (errno == EAGAIN || errno == ENOBUFS);
}

/* The caller closes its descriptors at once, so waiting ones are duplicates. */
/* #syscalls fcntl */
static enum sp_rc keep(struct sp_outbox *o, uint8_t type, struct sp_str body,
                       const int *fd, uint8_t n_fds)
{
	struct sp_outbox_item *it;

	if (o->n == o->max)
		return SP_E_LIMIT;
	it = sp_alloc(1, sizeof(*it) + body.n);
	it->type = type;
	it->n = body.n;
	if (body.n > 0)
		memcpy(it->body, body.p, body.n);
	for (; it->n_fds < n_fds; it->n_fds++) {
		it->fd[it->n_fds] = fcntl(fd[it->n_fds], F_DUPFD_CLOEXEC, 0);
		if (it->fd[it->n_fds] < 0) {
			drop(it);
			return SP_E_SYS;
		}
	}
	*o->last = it;
	o->last = &it->next;
	o->n++;
	return SP_OK;
}

enum sp_rc sp_outbox_send(struct sp_outbox *o, int sock, uint8_t type,
                          struct sp_str body, const int *fd, uint8_t n_fds)
{
	if (body.n > SP_IPC_BODY_MAX || n_fds > SP_IPC_FDS_MAX)
		return SP_E_LIMIT;
	if (o->first == NULL) {
		enum sp_rc rc = sp_chan_send(sock, type, body, fd, n_fds);

		if (!is_full(rc))
			return rc;
	}
	return keep(o, type, body, fd, n_fds);
}

enum sp_rc sp_outbox_flush(struct sp_outbox *o, int sock)
{
	while (o->first != NULL) {
		struct sp_outbox_item *it = o->first;
		struct sp_str body = { it->body, it->n };
		enum sp_rc rc =
			sp_chan_send(sock, it->type, body, it->fd, it->n_fds);

		if (is_full(rc))
			return SP_E_AGAIN;
		if (rc < 0)
			return rc;
		o->first = it->next;
		if (o->first == NULL)
			o->last = &o->first;
		o->n--;
		drop(it);
	}
	return SP_OK;
}
