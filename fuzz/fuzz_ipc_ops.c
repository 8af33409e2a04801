/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet from anybody, through the keeper's own tables and handlers: byte 0
 * says who sends it, byte 1 the type, the rest is the body.
 *
 * Property: a packet that is accepted is refused with a byte more. Otherwise
 * two readers could see two messages in the same bytes.
 *
 * The log is a double (nothing is written); sandboxes have no processes.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "role/keeper_int.h"

enum sp_rc sp_log_open(const char *dir, const char *boot,
                       struct sp_log_clock now, struct sp_log **ret,
                       struct sp_err *err)
{
	(void)dir;
	(void)boot;
	(void)now;
	(void)ret;
	(void)err;
	return SP_E_SYS;
}

void sp_log_close(struct sp_log *l, struct sp_log_clock now)
{
	(void)l;
	(void)now;
}

/* As the real one: a number is opened once. */
enum sp_rc sp_log_tx_open(struct sp_log *l, struct sp_log_sb *sb,
                          struct sp_log_clock now, const struct sp_rec_open *r)
{
	(void)l;
	(void)now;
	if (r->id == 0)
		return SP_E_STATE;
	sb->opens++;
	return SP_OK;
}

enum sp_rc sp_log_tx_close(struct sp_log *l, struct sp_log_sb *sb,
                           struct sp_log_clock now,
                           const struct sp_rec_close *r)
{
	(void)l;
	(void)now;
	(void)r;
	return sb->opens > 0 ? SP_OK : SP_E_STATE;
}

size_t sp_log_abort(struct sp_log *l, struct sp_log_sb *sb,
                    struct sp_log_clock now)
{
	(void)l;
	(void)sb;
	(void)now;
	return 0;
}

void sp_log_event(struct sp_log *l, struct sp_log_sb *sb,
                  struct sp_log_clock now, const char *type,
                  const struct sp_log_field *f, size_t n)
{
	(void)l;
	(void)sb;
	(void)now;
	(void)type;
	(void)f;
	(void)n;
}

enum sp_rc sp_log_commit(struct sp_log *l)
{
	(void)l;
	return SP_OK;
}

enum sp_rc sp_log_sync(struct sp_log *l)
{
	(void)l;
	return SP_OK;
}

/* No role can be started from here. */
const struct sp_role *sp_role_find(const char *name)
{
	(void)name;
	return NULL;
}

static struct keeper *make_keeper(void)
{
	struct keeper *k = SP_NEW(struct keeper);
	struct sp_err err;

	sp_assert(sp_loop_new(&k->loop, &err) == SP_OK);
	k->uid = geteuid();
	k->roots.fd = -1;
	k->commit.run = log_commit_job;
	k->sync.run = log_sync_timer;
	return k;
}

static struct box *make_box(struct keeper *k, struct peer *launcher)
{
	struct sp_err err;
	struct box *b;

	sp_assert(box_new(k, &b, &err) == SP_OK);
	memcpy(b->name, "box", 4);
	b->launcher = launcher;
	launcher->box = b;
	b->proxy.configured = true;
	b->diag = -1;
	return b;
}

/* Everything is new each time: what a packet did must not help the next. */
static enum sp_rc deliver(struct keeper *k, uint8_t who, uint8_t type,
                          struct sp_str body)
{
	static const unsigned roles[] = { SP_R_GUEST, SP_R_LAUNCHER,
		                          SP_R_CLIENT };
	struct sp_packet *m = SP_NEW(struct sp_packet);
	struct sp_peer proxy = { .role = SP_R_PROXY, .sock = -1 };
	struct peer *p;
	enum sp_rc rc;
	int sv[2];

	m->type = type;
	m->n = body.n;
	if (body.n > 0)
		memcpy(m->body, body.p, body.n);
	sp_assert(socketpair(AF_UNIX,
	                     SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	                     sv) == 0);
	peer_accept(k, sv[0]);
	p = k->peer[0];
	proxy.owner = make_box(k, p);
	if (who % 4 == 3) {
		rc = sp_ops_dispatch(keeper_proxy_ops, &proxy, m);
	} else {
		p->id.role = roles[who % 4];
		rc = sp_ops_dispatch(keeper_ops, &p->id, m);
	}
	box_end(proxy.owner, "fuzzed");
	if (k->n_peers > 0)
		peer_close(p);
	sp_assert(sp_loop_turn(k->loop, 0) == SP_OK);
	sp_assert(k->n_boxes == 0 && k->n_peers == 0);
	close(sv[1]);
	sp_free(m);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keeper *k; /* NOLINT: made once, never freed */
	uint8_t longer[SP_IPC_BODY_MAX];
	struct sp_str body;

	if (k == NULL)
		k = make_keeper();
	if (size < 2 || size - 2 >= SP_IPC_BODY_MAX)
		return 0;
	body = (struct sp_str){ data + 2, size - 2 };
	if (deliver(k, data[0], data[1], body) < 0)
		return 0;
	memcpy(longer, body.p, body.n);
	longer[body.n] = 0;
	body = (struct sp_str){ longer, body.n + 1 };
	sp_assert(deliver(k, data[0], data[1], body) < 0);
	return 0;
}
