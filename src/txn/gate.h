/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/gate.h - what all connections of one sandbox share.
 *
 * Role        The services a connection may use, in one place, made by the
 *             role and passed down. There is one gate per process.
 * Ownership   The role owns the gate and everything in it; connections borrow.
 * Limits      SP_CONNS_MAX connections at once; more wait in the kernel.
 */
#ifndef SP_TXN_GATE_H
#define SP_TXN_GATE_H

#include "core/slots.h"
#include "dns/pool.h"
#include "http/h1.h"
#include "net/dial.h"
#include "net/link.h"
#include "net/pool.h"
#include "policy/policy.h"

#define SP_CONNS_MAX 16384u

#define SP_DNS_SEEN_MAX 256u

struct sp_conn;

struct sp_dns_seen { /* a question that was recorded */
	uint32_t hash;
	uint64_t at_ms;
};

struct sp_dns_rate { /* of records about questions */
	uint64_t at_ms, left_out;
	uint32_t tokens;
};

struct sp_gate {
	struct sp_loop *loop;
	struct sp_policy *policy; /* current; exchanges hold their own ref */
	uint32_t epoch;
	struct sp_tls_server *tls_server;
	struct sp_dialer dialer;
	struct sp_uppool *uppool;
	struct sp_pool *names;
	struct sp_link *link;
	enum sp_capture capture;
	char id[24];       /* of the sandbox */
	uint64_t last_txn; /* number of the last transaction */
	uint64_t last_conn;
	struct sp_slots slots; /* struct sp_conn */
	struct sp_conn *conns; /* list of all */
	uint32_t n_conns;
	void (*on_conn_end)(struct sp_gate *g); /* room for another one */

	struct sp_dns_seen dns_seen[SP_DNS_SEEN_MAX];
	struct sp_dns_rate dns_rate;

	/* Scratch: filled and used up within one call. */
	struct sp_h1_head head;
	struct sp_buf scratch;
};

void sp_gate_init(struct sp_gate *g, struct sp_loop *loop);
void sp_gate_fini(struct sp_gate *g);

/* Takes over an accepted socket. */
void sp_gate_accept(struct sp_gate *g, int fd);
/* The same when its ends are known already. */
void sp_gate_admit(struct sp_gate *g, int fd, const struct sp_endpoint *from,
                   const struct sp_endpoint *dest);
/* A new snapshot (its reference is taken over). What it forbids ends now. */
void sp_gate_set_policy(struct sp_gate *g, struct sp_policy *p, uint32_t epoch);
/* Answers of the keeper. */
void sp_gate_recorded(struct sp_gate *g, struct sp_ref who, uint64_t txn,
                      bool ok);
void sp_gate_leaf_done(struct sp_gate *g, struct sp_ref who, bool ok);
/* The link to the keeper is healthy again: requests wait for that. */
void sp_gate_relieved(struct sp_gate *g);
/* End every connection. */
void sp_gate_stop(struct sp_gate *g);

/* One DNS question, however it came; the answer is in out. */
SP_MUST enum sp_rc sp_gate_dns(struct sp_gate *g, struct sp_str query, bool tcp,
                               struct sp_buf *out);

#endif
