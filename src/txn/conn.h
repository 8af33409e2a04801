/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn/conn.h - a connection out of the sandbox (private to txn/).
 *
 *	SNIFF --> LEAF --> HAND --> HTTP --> DRAIN --> gone
 *	   \                         ^        ^
 *	    +--- plain HTTP ---------+        |
 *	    +--- tcp rule, splice --> RAW ----+
 *	    +--- port 53 -----------> DNS ----+
 *
 * The first bytes decide, never the port number. What the connection is for
 * (the name that was looked up, or a bare address) is known before them.
 */
#ifndef SP_TXN_CONN_H
#define SP_TXN_CONN_H

#include "tls/hello.h"
#include "txn/exchange.h"
#include "txn/gate.h"

enum sp_conn_state {
	SP_CONN_SNIFF,
	SP_CONN_LEAF, /* waits for the keeper to sign */
	SP_CONN_HAND, /* TLS with the client */
	SP_CONN_HTTP,
	SP_CONN_RAW,
	SP_CONN_DNS,
	SP_CONN_DRAIN, /* answer what is written, then close */
};

struct sp_conn {
	struct sp_gate *gate;
	struct sp_ref ref;
	struct sp_conn *next, *prev;
	uint64_t id;
	enum sp_conn_state state;
	bool over;        /* destroy at the end of the run */
	bool rst;         /* and let the peer see a reset */
	bool noted;       /* there is a record about it */
	bool drained_out; /* all that is for the client has been written */
	struct sp_flow client;
	struct sp_job job;
	struct sp_timer timer;
	struct sp_endpoint from, dest;
	struct sp_host name;     /* assigned by DNS, or the bare address */
	bool literal;            /* it is a bare address */
	struct sp_host tls_name; /* SNI, or name; after the hello */
	enum sp_scheme scheme;
	struct sp_decision connect; /* connection level */
	size_t scan;                /* progress of the search for a head */
	bool in_head;               /* a request head has begun */
	uint64_t requests;
	uint64_t drained;      /* bytes thrown away */
	uint64_t drain_sent;   /* client.sent when the deadline was set */
	struct sp_exchange *x; /* the one going on, or NULL */
};

/* Run this connection's state at the end of the turn. */
void sp_conn_kick(struct sp_conn *c);
void sp_conn_deadline(struct sp_conn *c, uint64_t ms);
/* Orderly end: what is written goes out, then close. */
void sp_conn_drain(struct sp_conn *c);
/* Reset. */
void sp_conn_abort(struct sp_conn *c);

/* A connection-level denial or failure: one final record. */
void sp_conn_note(struct sp_conn *c, enum sp_rec_proto proto,
                  enum sp_reason reason, const char *rule, const char *detail);

/* The states that live in files of their own: true = run the next one. */
bool sp_http_run(struct sp_conn *c);
void sp_http_timeout(struct sp_conn *c);
bool sp_raw_run(struct sp_conn *c);
bool sp_dns_tcp_run(struct sp_conn *c);
/* hello: spliced TLS, else a tcp rule. */
void sp_raw_start(struct sp_conn *c, bool tls);

#endif
