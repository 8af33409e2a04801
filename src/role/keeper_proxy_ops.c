/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_proxy_ops.c - what a proxy may ask for.
 *
 * A proxy reads hostile bytes and may be in somebody else's hands. What it
 * sends is checked field by field, and whatever is out of line ends it.
 */
#include "core/alloc.h"
#include "role/keeper_int.h"
#include "role/wire_addr.h"

#define HELLO_MAX 5u

/* Kinds of items in a batch. */
#define ITEM_OPEN  1u
#define ITEM_CLOSE 2u
#define ITEM_CONN  3u

static enum sp_rc on_hello(struct sp_peer *id, struct sp_packet *m)
{
	struct sp_str in = { m->body, m->n };
	uint32_t version;
	uint8_t bit;

	SP_TRY(sp_get_u32(&in, &version));
	SP_TRY(sp_get_u8(&in, &bit));
	SP_TRY(sp_get_end(&in));
	return version == SP_IPC_VERSION && bit == id->role ? SP_OK
	                                                    : SP_E_STATE;
}

static enum sp_rc on_ready(struct sp_peer *id, struct sp_packet *m)
{
	struct box *b = id->owner;
	struct sp_str in = { m->body, m->n }, spki;

	SP_TRY(sp_get_str(&in, SP_SPKI_DER_MAX, &spki));
	SP_TRY(sp_get_end(&in));
	if (!b->proxy.configured || spki.n == 0)
		return SP_E_STATE;
	b->proxy.spki = sp_strdup(spki);
	b->proxy.spki_n = spki.n;
	if (!b->proxy.stopping)
		sp_timer_del(b->k->loop, &b->proxy.timer);
	log_proxy_start(b);
	return SP_OK;
}

/* -------------------------------------------------------------------- MINT */

static enum sp_rc mint(struct box *b, struct sp_str name, struct sp_buf *der)
{
	struct sp_host host;
	struct sp_str spki;

	if (!sp_rate_take(&b->mint, sp_loop_now(b->k->loop), 1))
		return SP_E_LIMIT;
	SP_TRY(sp_host_parse(name, &host));
	if (!sp_str_eq(sp_host_str(&host), name))
		return SP_E_PROTO;
	spki = (struct sp_str){ (const uint8_t *)b->proxy.spki,
		                b->proxy.spki_n };
	return sp_ca_mint(b->ca, &host, spki, sp_loop_wall_us() / 1000000u,
	                  der);
}

static enum sp_rc on_mint(struct sp_peer *id, struct sp_packet *m)
{
	struct box *b = id->owner;
	struct sp_str in = { m->body, m->n }, name;
	uint8_t buf[SP_CERT_DER_MAX + 16];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_buf der;
	uint32_t request;
	bool ok;

	SP_TRY(sp_get_u32(&in, &request));
	SP_TRY(sp_get_str(&in, SP_HOST_MAX + 2, &name));
	SP_TRY(sp_get_end(&in));
	if (b->proxy.spki == NULL)
		return SP_E_STATE;
	sp_buf_init(&der, SP_CERT_DER_MAX);
	ok = mint(b, name, &der) == SP_OK && sp_buf_ok(&der);
	if (!ok)
		sp_buf_reset(&der);
	sp_put_u32(&w, request);
	sp_put_u8(&w, ok);
	sp_put_str(&w, sp_buf_str(&der));
	proxy_send(b, SP_IPC_LEAF, &w, NULL, 0);
	sp_buf_fini(&der);
	return SP_OK;
}

/* ------------------------------------------------------------------- AUDIT */

struct conn {
	uint64_t id;
	struct sp_attrib_end client, dest;
};

static enum sp_rc conn_get(struct sp_str *in, struct conn *ret)
{
	SP_TRY(sp_get_u64(in, &ret->id));
	SP_TRY(sp_get_addr(in, &ret->client.addr));
	SP_TRY(sp_get_u16(in, &ret->client.port));
	SP_TRY(sp_get_addr(in, &ret->dest.addr));
	return sp_get_u16(in, &ret->dest.port);
}

/*
 * Short-lived processes are gone a moment later, so this is done at once; but
 * the sandbox decides how long it takes, so it has a budget of time.
 */
static void attribute(struct box *b, const struct conn *c)
{
	uint64_t now = sp_loop_now(b->k->loop), from = sp_loop_mono_us();
	struct sp_attrib_proc proc;
	uint32_t inode;

	if (!sp_rate_take(&b->look, now, 1))
		return;
	if (sp_attrib_inode(b->diag, &c->client, &c->dest, &inode) == SP_OK) {
		sp_attrib_find(b->init, b->conns.last, inode, &proc);
		sp_attrib_put(&b->conns, c->id, &proc);
	}
	sp_rate_spend(&b->look, sp_loop_mono_us() - from);
}

/* Who it was is the keeper's knowledge; what the proxy says is overwritten. */
static void fill_process(const struct box *b, struct sp_rec_open *r)
{
	const struct sp_attrib_proc *p = sp_attrib_get(&b->conns, r->conn);

	r->pid = 0;
	r->comm = (struct sp_str){ 0 };
	if (p == NULL)
		return;
	r->pid = (uint32_t)p->pid;
	r->comm = sp_str(p->comm);
}

/*
 * A proxy counts its transactions upwards from what CONFIG said, so that a
 * number never names two of them; records need not come in that order.
 */
static enum sp_rc on_open(struct box *b, struct sp_str *in, bool *ok)
{
	struct sp_rec_open r;
	enum sp_rc rc;

	SP_TRY(sp_rec_open_get(in, &r));
	if (r.id < b->first_tx || r.id == UINT64_MAX)
		return SP_E_STATE;
	if (r.id >= b->next_tx)
		b->next_tx = r.id + 1;
	fill_process(b, &r);
	rc = sp_log_tx_open(b->k->log, &b->sb, log_now(), &r);
	b->transactions++;
	if (r.verdict == SP_VERDICT_DENY)
		b->denied++;
	if (rc == SP_E_LIMIT || rc == SP_E_SYS) {
		*ok = false;
		return SP_OK;
	}
	return rc;
}

/* What was refused at opening has no open record: its close is dropped. */
static enum sp_rc on_close(struct box *b, struct sp_str *in)
{
	struct sp_rec_close r;

	SP_TRY(sp_rec_close_get(in, &r));
	(void)sp_log_tx_close(b->k->log, &b->sb, log_now(), &r);
	return SP_OK;
}

static enum sp_rc on_conn(struct box *b, struct sp_str *in)
{
	struct conn c;

	SP_TRY(conn_get(in, &c));
	attribute(b, &c);
	return SP_OK;
}

static enum sp_rc on_item(struct box *b, struct sp_str *in, bool *ok)
{
	uint8_t kind;

	SP_TRY(sp_get_u8(in, &kind));
	if (kind == ITEM_OPEN)
		return on_open(b, in, ok);
	if (kind == ITEM_CLOSE)
		return on_close(b, in);
	if (kind == ITEM_CONN)
		return on_conn(b, in);
	return SP_E_PROTO;
}

static enum sp_rc on_audit(struct sp_peer *id, struct sp_packet *m)
{
	struct box *b = id->owner;
	struct sp_str in = { m->body, m->n };
	uint32_t batch;
	bool ok = true;

	if (!b->proxy.configured)
		return SP_E_STATE;
	SP_TRY(sp_get_u32(&in, &batch));
	while (in.n > 0)
		SP_TRY(on_item(b, &in, &ok));
	log_ack(b, batch, ok);
	return SP_OK;
}

const struct sp_op keeper_proxy_ops[SP_IPC_TYPES] = {
	[SP_IPC_HELLO] = {
		.from = SP_R_PROXY,
		.max = HELLO_MAX,
		.once = true,
		.run = on_hello,
	},
	[SP_IPC_READY] = {
		.from = SP_R_PROXY,
		.max = SP_SPKI_DER_MAX + 2,
		.once = true,
		.run = on_ready,
	},
	[SP_IPC_MINT] = {
		.from = SP_R_PROXY,
		.max = 4 + 2 + SP_HOST_MAX + 2,
		.run = on_mint,
	},
	[SP_IPC_AUDIT] = {
		.from = SP_R_PROXY,
		.max = SP_IPC_BODY_MAX,
		.run = on_audit,
	},
};
