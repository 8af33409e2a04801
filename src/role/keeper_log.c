/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_log.c - events of the control plane, and the commit of a turn.
 *
 * All records of a turn are written with one write(2) at its end; only then
 * are the proxies told. A log that failed once stays failed: from then on
 * every batch is refused, so that nothing new leaves unrecorded.
 */
#include "role/keeper_int.h"

static struct sp_log_field text_field(const char *key, const char *text)
{
	return (struct sp_log_field){ .key = key, .text = sp_str(text) };
}

/*
 * The program, without its arguments: people put tokens and URLs with tokens
 * there, and the log is kept. `ps` shows all of it while it runs.
 */
static struct sp_log_field program_field(const char *command)
{
	struct sp_log_field f = text_field("command", command);

	f.text.n = strcspn(command, " ");
	return f;
}

static struct sp_log_field number_field(const char *key, uint64_t n)
{
	return (struct sp_log_field){ .key = key, .number = n };
}

/* #syscalls clock_gettime */
struct sp_log_clock log_now(void)
{
	return (struct sp_log_clock){
		.wall_us = sp_loop_wall_us(),
		.mono_us = sp_loop_mono_us(),
	};
}

static void event(struct box *b, const char *type, const struct sp_log_field *f,
                  size_t n)
{
	sp_log_event(b->k->log, &b->sb, log_now(), type, f, n);
	log_due(b->k);
}

static const char *capture_name(uint8_t capture)
{
	static const char *const names[] = { "tproxy", "redirect", "ports" };

	return capture < SP_COUNT(names) ? names[capture] : "unknown";
}

void log_start(struct box *b)
{
	const struct sp_log_field f[] = {
		text_field("name", b->name),
		program_field(b->command),
		text_field("tier", b->tier),
		text_field("capture", capture_name(b->capture)),
		number_field("pid", (uint64_t)b->init),
		number_field("uid", b->k->uid),
	};

	event(b, "sandbox.start", f, SP_COUNT(f));
	b->logged = true;
}

void log_policy(struct box *b)
{
	const struct sp_log_field f[] = {
		text_field("hash", sp_policy_hash(b->policy)),
	};

	event(b, "policy.load", f, SP_COUNT(f));
}

void log_stop(struct box *b)
{
	struct sp_log_field f[8];
	size_t n = 0;

	f[n++] = text_field("reason", b->why);
	f[n++] = number_field("transactions", b->transactions);
	f[n++] = number_field("denied", b->denied);
	f[n++] = number_field("restarts", b->restarts);
	if (b->has_status)
		f[n++] = number_field("status", b->status);
	event(b, "sandbox.stop", f, n);
}

void log_proxy_start(struct box *b)
{
	const struct sp_log_field f[] = {
		number_field("pid", (uint64_t)b->proxy.child.pid),
	};

	event(b, "proxy.start", f, SP_COUNT(f));
}

void log_crash(struct box *b, const char *how)
{
	const struct sp_log_field f[] = {
		text_field("how", how),
		text_field("state", box_state_name(b->state)),
	};

	event(b, "proxy.crash", f, SP_COUNT(f));
}

void log_kill(struct box *b, const char *who)
{
	const struct sp_log_field f[] = { text_field("by", who) };

	event(b, "kill", f, SP_COUNT(f));
}

/* ---------------------------------------------------------- commit and ack */

void log_due(struct keeper *k)
{
	sp_loop_defer(k->loop, &k->commit);
}

void log_ack(struct box *b, uint32_t batch, bool ok)
{
	struct proxy *px = &b->proxy;

	px->ack_batch = batch;
	if (px->ack_due) {
		px->ack_ok = px->ack_ok && ok;
		return;
	}
	px->ack_due = true;
	px->ack_ok = ok;
	px->ack_next = b->k->ack_first;
	b->k->ack_first = b;
	log_due(b->k);
}

static void send_ack(struct box *b, bool durable)
{
	uint8_t buf[8];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	b->proxy.ack_due = false;
	if (b->proxy.child.pid == 0)
		return;
	sp_put_u32(&w, b->proxy.ack_batch);
	sp_put_u8(&w, durable && b->proxy.ack_ok);
	proxy_send(b, SP_IPC_ACK, &w, NULL, 0);
}

static void commit(struct keeper *k)
{
	if (k->log_broken)
		return;
	if (sp_log_commit(k->log) < 0) {
		k->log_broken = true;
		keeper_note("error: the audit log cannot be written; nothing "
		            "new may leave any sandbox");
		return;
	}
	if (!k->unsynced)
		sp_timer_set(k->loop, &k->sync, SYNC_MS);
	k->unsynced = true;
}

/* If it fails, the job at the end of the turn has nobody left to say yes to. */
void log_flush(struct keeper *k)
{
	commit(k);
}

void log_commit_job(struct sp_job *j)
{
	struct keeper *k = OWNER_OF(j, struct keeper, commit);

	commit(k);
	while (k->ack_first != NULL) {
		struct box *b = k->ack_first;

		k->ack_first = b->proxy.ack_next;
		send_ack(b, !k->log_broken);
	}
}

void log_sync_timer(struct sp_timer *t)
{
	struct keeper *k = OWNER_OF(t, struct keeper, sync);

	k->unsynced = false;
	if (k->log_broken || sp_log_sync(k->log) == SP_OK)
		return;
	k->log_broken = true;
	keeper_note("error: the audit log cannot be synced; nothing new may "
	            "leave any sandbox");
}
