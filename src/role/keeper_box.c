/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_box.c - a sandbox, from RUN to its last record.
 *
 *	STARTING --LISTENERS--> RUNNING --crashes--> BROKEN
 *	    |                      |                   |
 *	    +----------------------+-------------------+--> ENDED -> gone
 *
 * ENDED lasts until the proxy is reaped (its last records are in then) and the
 * launcher has told the exit status, gone away, or had its time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "role/keeper_int.h"
#include "role/memfd.h"
#include "role/source.h"

#define POLICY_MAX SP_MIB(8) /* encoded */

const char *box_state_name(enum box_state s)
{
	switch (s) {
	case BOX_STARTING:
		return "starting";
	case BOX_RUNNING:
		return "running";
	case BOX_BROKEN:
		return "broken";
	case BOX_ENDED:
		return "ended";
	}
	return "unknown";
}

/* Those that have ended are only waiting for their last records. */
struct box *box_find(struct keeper *k, struct sp_str name_or_id)
{
	for (uint32_t i = 0; i < k->n_boxes; i++) {
		struct box *b = k->box[i];

		if (!b->ended && (sp_str_is(name_or_id, b->name) ||
		                  sp_str_is(name_or_id, b->id)))
			return b;
	}
	return NULL;
}

/* ------------------------------------------------------------------- birth */

/* #syscalls getrandom */
static void draw(uint8_t *ret, size_t n)
{
	ssize_t got = TEMP_FAILURE_RETRY(getrandom(ret, n, 0));

	sp_assert(got == (ssize_t)n);
}

/* A key takes a fraction of a millisecond; RUN should not wait for it. */
static enum sp_rc make_spare(struct keeper *k, struct sp_err *err)
{
	uint8_t rnd[8];

	if (k->spare != NULL)
		return SP_OK;
	do {
		draw(rnd, sizeof(rnd));
		sp_box_id(rnd, k->spare_id);
	} while (box_find(k, sp_str(k->spare_id)) != NULL);
	return sp_ca_new(k->spare_id, sp_loop_wall_us() / 1000000u, &k->spare,
	                 err);
}

/* Best effort: RUN does it again and reports what is wrong. */
void box_warm_job(struct sp_job *j)
{
	struct keeper *k = OWNER_OF(j, struct keeper, warm);
	struct sp_err err;
	int fd = -1;

	if (make_spare(k, &err) < 0)
		keeper_note("warning: %s", err.text);
	if (k->roots.fd < 0 && files_system_roots(k, &fd, &err) < 0)
		keeper_note("warning: %s", err.text);
	sp_fd_close(&fd);
}

static void choose_name(struct keeper *k, char ret[SP_BOX_NAME_MAX + 1])
{
	uint8_t rnd[4];

	do {
		draw(rnd, sizeof(rnd));
		sp_box_name(rnd, ret);
	} while (box_find(k, sp_str(ret)) != NULL);
}

/*
 * Closing its connection tells the launcher that everything is recorded: this
 * job runs behind the commit of the turn.
 */
static void box_free(struct sp_job *j)
{
	struct box *b = OWNER_OF(j, struct box, free);
	struct peer *p = b->launcher;

	if (p != NULL) {
		p->box = NULL;
		if (!sp_outbox_waits(&p->out))
			peer_close(p);
	}
	sp_ca_free(b->ca);
	sp_policy_unref(b->policy);
	sp_attrib_fini(&b->conns);
	sp_free(b->proxy.spki);
	sp_free(b);
}

static void on_box_timer(struct sp_timer *t)
{
	struct box *b = OWNER_OF(t, struct box, timer);

	if (b->ended) {
		b->waited = true;
		box_check_end(b);
		return;
	}
	if (b->launcher != NULL)
		peer_text(b->launcher, SP_IPC_FAIL, "no listeners in time");
	box_end(b, "not started");
}

enum sp_rc box_new(struct keeper *k, struct box **ret, struct sp_err *err)
{
	struct box *b;

	if (k->n_boxes == BOXES_MAX) {
		sp_err_set(err, "%u sandboxes are running", BOXES_MAX);
		return SP_E_LIMIT;
	}
	SP_TRY(make_spare(k, err));
	b = SP_NEW(struct box);
	b->k = k;
	b->free.run = box_free;
	b->timer.run = on_box_timer;
	b->init_watch.fd = -1;
	b->policy_fd = b->roots_fd = b->init_fd = b->diag = -1;
	b->proxy.child.sock = b->proxy.child.pidfd = -1;
	b->proxy.channel.fd = b->proxy.death.fd = -1;
	sp_outbox_init(&b->proxy.out, OUTBOX_BOX_MAX);
	b->next_tx = 1;
	b->start_us = sp_loop_wall_us();
	memcpy(b->id, k->spare_id, sizeof(b->id));
	choose_name(k, b->name);
	b->ca = k->spare;
	k->spare = NULL;
	sp_rate_init(&b->mint, MINT_RATE, MINT_BURST, sp_loop_now(k->loop));
	sp_rate_init(&b->look, ATTRIB_RATE, ATTRIB_BURST, sp_loop_now(k->loop));
	b->index = k->n_boxes;
	k->box[k->n_boxes++] = b;
	sp_timer_set(k->loop, &b->timer, START_MS);
	*ret = b;
	return SP_OK;
}

/* ------------------------------------------------------------------ policy */

static enum sp_rc compile(int fd, struct sp_policy **ret, struct sp_err *err)
{
	struct sp_source s = { 0 };
	struct sp_buf raw;
	enum sp_rc rc;

	sp_buf_init(&raw, SP_SOURCE_MAX);
	sp_err_set(err, "policy source is not what it should be");
	rc = sp_memfd_read(fd, &raw);
	if (rc == SP_OK)
		rc = sp_source_get(sp_buf_str(&raw), &s);
	if (rc == SP_OK)
		rc = sp_policy_compile(&s.src, ret, err);
	sp_source_fini(&s);
	sp_buf_fini(&raw);
	return rc;
}

static bool same_roots(const struct sp_policy *a, const struct sp_policy *b)
{
	const char *const *x = NULL, *const *y = NULL;
	size_t n = sp_policy_roots(a, &x);

	if (sp_policy_roots(b, &y) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(x[i], y[i]) != 0)
			return false;
	return true;
}

/* Everything that can fail fails before the swap. */
static enum sp_rc stage_policy(struct box *b, const struct sp_policy *p,
                               int *ret_fd, struct sp_err *err)
{
	struct sp_buf out;
	enum sp_rc rc = SP_E_LIMIT;

	if (b->policy != NULL && !same_roots(b->policy, p)) {
		sp_err_set(err, "tls.roots of a running sandbox cannot change");
		return SP_E_STATE;
	}
	sp_buf_init(&out, POLICY_MAX);
	sp_policy_encode(p, &out);
	sp_err_set(err, "policy is too large");
	if (sp_buf_ok(&out))
		rc = sp_memfd_make("sallyport-policy", sp_buf_str(&out), ret_fd,
		                   err);
	sp_buf_fini(&out);
	return rc;
}

static enum sp_rc set_compiled(struct box *b, struct sp_policy *p,
                               struct sp_err *err)
{
	int fd = -1;

	if (b->roots_fd < 0)
		SP_TRY(files_roots(b->k, p, &b->roots_fd, err));
	SP_TRY(stage_policy(b, p, &fd, err));
	sp_policy_unref(b->policy);
	b->policy = sp_policy_ref(p);
	sp_fd_close(&b->policy_fd);
	b->policy_fd = fd;
	b->epoch++;
	b->sb.epoch = b->epoch;
	return SP_OK;
}

enum sp_rc box_set_policy(struct box *b, int source_fd, struct sp_err *err)
{
	struct sp_policy *p = NULL;
	enum sp_rc rc;

	SP_TRY(compile(source_fd, &p, err));
	rc = set_compiled(b, p, err);
	sp_policy_unref(p);
	return rc;
}

/* -------------------------------------------------------------------- life */

static void on_init(struct sp_watch *w, uint32_t events)
{
	struct box *b = OWNER_OF(w, struct box, init_watch);

	(void)events;
	sp_watch_del(b->k->loop, w);
	box_end(b, "exited");
}

static int take(struct sp_packet *m, unsigned i)
{
	return sp_fd_steal(&m->fd[i]);
}

enum sp_rc box_take_listeners(struct box *b, struct sp_packet *m, uint32_t pid,
                              struct sp_err *err)
{
	uint8_t n = (uint8_t)(m->n_fds - 2);

	SP_TRY(check_pidfd(m->fd[0], pid, err));
	SP_TRY(check_diag(m->fd[1], err));
	SP_TRY(check_listeners(m->fd + 2, n, err));
	b->init_watch.run = on_init;
	if (sp_watch_add(b->k->loop, &b->init_watch, m->fd[0], EPOLLIN) < 0)
		return sp_err_sys(err, "watch the sandbox");
	b->init = (pid_t)pid;
	b->init_fd = take(m, 0);
	b->diag = take(m, 1);
	for (b->n_listeners = 0; b->n_listeners < n; b->n_listeners++)
		b->listener[b->n_listeners] = take(m, b->n_listeners + 2u);
	return SP_OK;
}

void box_started(struct box *b)
{
	sp_timer_del(b->k->loop, &b->timer);
	b->state = BOX_RUNNING;
	snprintf(b->sb.id, sizeof(b->sb.id), "%s", b->id);
	snprintf(b->sb.name, sizeof(b->sb.name), "%s", b->name);
	log_start(b);
	log_policy(b);
	if (b->proxy.child.pid != 0)
		proxy_configure(b);
}

/* Nobody answers on the other side any more: connections are refused. */
static void close_listeners(struct box *b)
{
	while (b->n_listeners > 0)
		sp_fd_close(&b->listener[--b->n_listeners]);
}

void box_break(struct box *b)
{
	if (b->state == BOX_ENDED)
		return;
	b->state = BOX_BROKEN;
	close_listeners(b);
	keeper_note("error: sandbox %s is broken: its proxy crashed too often",
	            b->name);
	if (b->launcher != NULL)
		peer_text(b->launcher, SP_IPC_NOTICE,
		          "the proxy of this sandbox crashed too often: "
		          "everything is refused from now on");
}

/* ------------------------------------------------------------------- death */

/* #syscalls pidfd_send_signal */
void box_kill(struct box *b)
{
	struct sp_wire none = { .p = NULL };

	/* Fails when it is gone already, which is what was wanted. */
	if (b->init_fd >= 0)
		(void)syscall(SYS_pidfd_send_signal, b->init_fd, SIGKILL, NULL,
		              0);
	else if (b->launcher != NULL)
		peer_send(b->launcher, SP_IPC_KILL, &none);
}

void box_status(struct box *b, uint32_t status)
{
	b->status = status;
	b->has_status = true;
	if (b->ended)
		box_check_end(b);
	else
		box_end(b, "exited");
}

void box_end(struct box *b, const char *why)
{
	if (b->ended)
		return;
	b->ended = true;
	b->why = why;
	b->state = BOX_ENDED;
	sp_timer_set(b->k->loop, &b->timer, ENDED_MS);
	close_listeners(b);
	proxy_stop(b);
	box_check_end(b);
}

void box_check_end(struct box *b)
{
	struct keeper *k = b->k;

	if (!b->ended || b->proxy.child.pid != 0 || b->index == UINT32_MAX)
		return;
	if (b->logged && !b->has_status && !b->waited && b->launcher != NULL &&
	    !k->stopping)
		return;
	if (b->logged)
		log_stop(b);
	k->box[b->index] = k->box[--k->n_boxes];
	k->box[b->index]->index = b->index;
	b->index = UINT32_MAX;
	sp_timer_del(k->loop, &b->timer);
	sp_timer_del(k->loop, &b->proxy.timer);
	sp_watch_del(k->loop, &b->init_watch);
	sp_fd_close(&b->init_fd);
	sp_fd_close(&b->diag);
	sp_fd_close(&b->policy_fd);
	sp_fd_close(&b->roots_fd);
	sp_outbox_fini(&b->proxy.out);
	log_due(k); /* first: see box_free() */
	sp_loop_defer(k->loop, &b->free);
	keeper_check_idle(k);
}
