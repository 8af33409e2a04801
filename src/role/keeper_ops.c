/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_ops.c - what launchers and clients may ask for.
 *
 * A handler that returns an error has met a peer that breaks the rules: the
 * connection is closed. What people can get wrong is answered with FAIL.
 */
#include "role/keeper_int.h"

#define RUN_OK_MAX 4096u
#define PS_ROW_MAX 2048u

static void send_empty(struct peer *p, uint8_t type)
{
	struct sp_wire w = { .p = NULL };

	peer_send(p, type, &w);
}

/* As told by the peer itself: it decides only which rows of the table hold. */
static enum sp_rc on_hello(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct sp_str in = { m->body, m->n };
	uint8_t buf[8], bit;
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	uint32_t version;

	SP_TRY(sp_get_u32(&in, &version));
	SP_TRY(sp_get_u8(&in, &bit));
	SP_TRY(sp_get_end(&in));
	if (bit != SP_R_LAUNCHER && bit != SP_R_CLIENT)
		return SP_E_STATE;
	sp_timer_del(p->k->loop, &p->timer);
	/* Also for another version: so that it can say what is wrong. */
	sp_put_u32(&w, SP_IPC_VERSION);
	sp_put_u8(&w, SP_R_KEEPER);
	peer_send(p, SP_IPC_HELLO, &w);
	id->role = bit;
	return version == SP_IPC_VERSION ? SP_OK : SP_DONE;
}

/* -------------------------------------------------------------------- RUN */

struct run {
	struct sp_str name, command, tier, workdir;
};

static enum sp_rc run_get(struct sp_packet *m, struct run *ret)
{
	struct sp_str in = { m->body, m->n };

	SP_TRY(sp_get_str(&in, SP_BOX_NAME_MAX, &ret->name));
	SP_TRY(sp_get_str(&in, COMMAND_MAX, &ret->command));
	SP_TRY(sp_get_str(&in, TIER_MAX, &ret->tier));
	SP_TRY(sp_get_str(&in, WORKDIR_MAX, &ret->workdir));
	return sp_get_end(&in);
}

static void copy_text(char *to, struct sp_str s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static enum sp_rc check_name(struct keeper *k, struct sp_str name,
                             struct sp_err *err)
{
	if (name.n == 0)
		return SP_OK;
	if (!sp_box_name_ok(name)) {
		sp_err_set(err, "a name is letters, digits, '.', '_' and '-'");
		return SP_E_PROTO;
	}
	if (box_find(k, name) == NULL)
		return SP_OK;
	sp_err_set(err, "a sandbox named %.*s is running", (int)name.n, name.p);
	return SP_E_STATE;
}

static enum sp_rc make_box(struct peer *p, const struct run *r, int source,
                           struct sp_err *err)
{
	struct box *b;

	if (p->k->log_broken) {
		sp_err_set(err, "the audit log cannot be written");
		return SP_E_SYS;
	}
	SP_TRY(check_name(p->k, r->name, err));
	SP_TRY(box_new(p->k, &b, err));
	if (r->name.n > 0)
		copy_text(b->name, r->name);
	copy_text(b->command, r->command);
	copy_text(b->tier, r->tier);
	b->launcher = p;
	p->box = b;
	return box_set_policy(b, source, err);
}

static void answer_run(struct peer *p)
{
	const struct box *b = p->box;
	uint8_t buf[RUN_OK_MAX];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	uint16_t port[PORTS_MAX];
	size_t n = sp_policy_ports(b->policy, port, PORTS_MAX);
	struct sp_buf pem;

	sp_buf_init(&pem, RUN_OK_MAX);
	sp_ca_cert_pem(b->ca, &pem);
	sp_put_str(&w, sp_str(b->id));
	sp_put_str(&w, sp_str(b->name));
	sp_put_str(&w, sp_buf_str(&pem));
	sp_put_u32(&w, sp_ca_subject_hash(b->ca));
	sp_put_u16(&w, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		sp_put_u16(&w, port[i]);
	peer_send(p, SP_IPC_RUN_OK, &w);
	sp_buf_fini(&pem);
}

/* The launcher may be gone by now, and telling it may be what shows that. */
static void refuse(struct box *b, const char *text)
{
	if (b->launcher != NULL)
		peer_text(b->launcher, SP_IPC_FAIL, text);
	box_end(b, "not started");
}

/* Answer first: the launcher builds the sandbox while the proxy starts. */
static enum sp_rc on_run(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct sp_err err;
	struct run r;

	SP_TRY(run_get(m, &r));
	if (make_box(p, &r, m->fd[0], &err) < 0) {
		if (p->box != NULL)
			refuse(p->box, err.text);
		else
			peer_text(p, SP_IPC_FAIL, err.text);
		return SP_OK;
	}
	answer_run(p);
	if (p->gone)
		return SP_OK;
	proxy_start(p->box);
	sp_loop_again(p->k->loop, &p->k->warm);
	return SP_OK;
}

/* -------------------------------------------------------- of one sandbox */

static enum sp_rc on_listeners(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct box *b = p->box; /* p may lose it when it cannot be told */
	struct sp_str in = { m->body, m->n };
	struct sp_err err;
	uint8_t capture;
	uint32_t pid;

	SP_TRY(sp_get_u8(&in, &capture));
	SP_TRY(sp_get_u32(&in, &pid));
	SP_TRY(sp_get_end(&in));
	if (b == NULL || b->ended || capture > 2)
		return SP_E_STATE;
	b->capture = capture;
	if (b->state == BOX_BROKEN)
		refuse(b, "the proxy cannot be started");
	else if (box_take_listeners(b, m, pid, &err) < 0)
		refuse(b, err.text);
	else
		box_started(b);
	return SP_OK;
}

static enum sp_rc on_ended(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct sp_str in = { m->body, m->n };
	uint32_t status;

	SP_TRY(sp_get_u32(&in, &status));
	SP_TRY(sp_get_end(&in));
	if (p->box == NULL)
		return SP_E_STATE;
	box_status(p->box, status);
	return SP_OK;
}

static struct box *find_or_fail(struct peer *p, struct sp_str name)
{
	struct box *b = p->box;

	if (p->id.role == SP_R_CLIENT)
		b = box_find(p->k, name);
	if (b == NULL || b->ended) {
		peer_text(p, SP_IPC_FAIL, "no such sandbox");
		return NULL;
	}
	return b;
}

static enum sp_rc on_policy(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct sp_str in = { m->body, m->n }, name;
	uint8_t buf[256];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_err err;
	struct box *b;

	SP_TRY(sp_get_str(&in, SP_BOX_NAME_MAX, &name));
	SP_TRY(sp_get_end(&in));
	b = find_or_fail(p, name);
	if (b == NULL)
		return SP_OK;
	if (box_set_policy(b, m->fd[0], &err) < 0) {
		peer_text(p, SP_IPC_FAIL, err.text);
		return SP_OK;
	}
	if (b->logged)
		log_policy(b);
	log_flush(p->k);
	proxy_policy(b);
	sp_put_u32(&w, b->epoch);
	sp_put_str(&w, sp_str(sp_policy_hash(b->policy)));
	peer_send(p, SP_IPC_POLICY_OK, &w);
	return SP_OK;
}

/* --------------------------------------------------------------- clients */

static enum sp_rc on_kill(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct sp_str in = { m->body, m->n }, name;
	struct box *b;

	SP_TRY(sp_get_str(&in, SP_BOX_NAME_MAX, &name));
	SP_TRY(sp_get_end(&in));
	b = find_or_fail(p, name);
	if (b == NULL)
		return SP_OK;
	log_kill(b, "client");
	log_flush(p->k);
	if (b->launcher != NULL)
		peer_text(b->launcher, SP_IPC_NOTICE, "killed by the operator");
	box_kill(b);
	box_end(b, "killed");
	send_empty(p, SP_IPC_DONE);
	return SP_OK;
}

static void send_row(struct peer *p, const struct box *b)
{
	uint8_t buf[PS_ROW_MAX];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_str(&w, sp_str(b->id));
	sp_put_str(&w, sp_str(b->name));
	sp_put_str(&w, sp_str(b->command));
	sp_put_str(&w, sp_str(box_state_name(b->state)));
	sp_put_u32(&w, (uint32_t)b->init);
	sp_put_u64(&w, b->start_us);
	sp_put_u32(&w, b->epoch);
	sp_put_str(&w,
	           sp_str(b->policy != NULL ? sp_policy_hash(b->policy) : ""));
	sp_put_str(&w, sp_str(b->tier));
	sp_put_u8(&w, b->capture);
	sp_put_u64(&w, b->transactions);
	sp_put_u64(&w, b->denied);
	sp_put_u64(&w, b->sb.opens);
	sp_put_u32(&w, b->restarts);
	sp_put_u32(&w, (uint32_t)b->proxy.child.pid);
	peer_send(p, SP_IPC_PS_ROW, &w);
}

static enum sp_rc on_ps(struct sp_peer *id, struct sp_packet *m)
{
	struct peer *p = id->owner;
	struct keeper *k = p->k;

	(void)m;
	for (uint32_t i = 0; i < k->n_boxes && !p->gone; i++)
		send_row(p, k->box[i]);
	send_empty(p, SP_IPC_DONE);
	return SP_OK;
}

const struct sp_op keeper_ops[SP_IPC_TYPES] = {
	[SP_IPC_HELLO] = {
		.from = SP_R_GUEST,
		.max = 5,
		.once = true,
		.run = on_hello,
	},
	[SP_IPC_RUN] = {
		.from = SP_R_LAUNCHER,
		.max = SP_BOX_NAME_MAX + COMMAND_MAX + TIER_MAX + WORKDIR_MAX + 8,
		.fds = 1,
		.once = true,
		.run = on_run,
	},
	[SP_IPC_LISTENERS] = {
		.from = SP_R_LAUNCHER,
		.max = 5,
		.fds = 4, /* pidfd, sock_diag, UDP, TCP */
		.more = LISTENERS_MAX - 2,
		.once = true,
		.run = on_listeners,
	},
	[SP_IPC_POLICY] = {
		.from = SP_R_LAUNCHER | SP_R_CLIENT,
		.max = SP_BOX_NAME_MAX + 2,
		.fds = 1,
		.run = on_policy,
	},
	[SP_IPC_ENDED] = {
		.from = SP_R_LAUNCHER,
		.max = 4,
		.once = true,
		.run = on_ended,
	},
	[SP_IPC_PS] = {
		.from = SP_R_CLIENT,
		.max = 0,
		.run = on_ps,
	},
	[SP_IPC_KILL] = {
		.from = SP_R_CLIENT,
		.max = SP_BOX_NAME_MAX + 2,
		.run = on_kill,
	},
};
