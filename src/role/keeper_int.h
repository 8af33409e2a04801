/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_int.h - what the files of the keeper share.
 *
 *	keeper.c            stages, listening socket, signals, idling
 *	keeper_peer.c       launchers and clients: connections
 *	keeper_ops.c        what they may ask for
 *	keeper_box.c        a sandbox from RUN to the last record
 *	keeper_proxy.c      its proxy: start, crash, stop
 *	keeper_proxy_ops.c  what the proxy may ask for
 *	keeper_files.c      what it reads of the host
 *	keeper_log.c        events and the commit of a turn
 *
 * Ownership   The keeper owns peers and boxes; a box owns its proxy. A peer
 *             and its box point at each other and clear that when they go.
 *             Both are freed at the end of the turn, never in a callback.
 * Invariant   A box is in the table until its proxy is reaped and its last
 *             record is written.
 */
#ifndef SP_ROLE_KEEPER_INT_H
#define SP_ROLE_KEEPER_INT_H

#include "audit/log.h"
#include "ipc/chan.h"
#include "ipc/ops.h"
#include "ipc/outbox.h"
#include "ipc/wire.h"
#include "loop/loop.h"
#include "policy/policy.h"
#include "role/attrib.h"
#include "role/box_name.h"
#include "role/keeper_connect.h"
#include "role/pace.h"
#include "role/role.h"
#include "tls/ca.h"

#define BOXES_MAX        4096u
#define PEERS_MAX        (BOXES_MAX + 256u)
#define PACKETS_PER_NOTE 16u /* then it is somebody else's turn */
#define LISTENERS_MAX    29u /* one packet carries them and three more */
#define PORTS_MAX        64u
#define COMMAND_MAX      512u
#define TIER_MAX         32u
#define WORKDIR_MAX      1024u
#define OUTBOX_BOX_MAX   64u
#define OUTBOX_CLIENT    (BOXES_MAX + 16u)

#define HELLO_MS   5000u  /* a connection that says nothing */
#define START_MS   30000u /* RUN without LISTENERS */
#define READY_MS   10000u /* a proxy that is not ready */
#define STOP_MS    2000u  /* a proxy that does not end */
#define ENDED_MS   1000u  /* a launcher that does not tell the status */
#define SYNC_MS    100u   /* design audit.md, 6: level "written" */
#define MINT_RATE  50u
#define MINT_BURST 200u
/* Attribution may take a tenth of the keeper's time, in microseconds. */
#define ATTRIB_RATE  100000u
#define ATTRIB_BURST 100000u

struct box;
struct keeper;

enum box_state {
	BOX_STARTING, /* answered RUN, waits for LISTENERS */
	BOX_RUNNING,
	BOX_BROKEN, /* the proxy crashed too often: everything is refused */
	BOX_ENDED,  /* waits for the last records */
};

struct peer {
	struct sp_watch watch;
	struct sp_timer timer; /* for HELLO */
	struct sp_job free;
	struct sp_peer id;
	struct sp_outbox out;
	struct keeper *k;
	struct box *box; /* of a launcher */
	uint32_t index;  /* in the keeper's table */
	bool gone;
};

struct proxy {
	struct sp_child child;
	struct sp_watch channel, death;
	struct sp_timer timer; /* ready, restart or stop, as the state is */
	struct sp_peer id;
	struct sp_outbox out;
	char *spki; /* NULL until READY */
	size_t spki_n;
	bool configured, stopping, cut; /* cut: nothing is read from it */
	/* What is to be acknowledged at the end of the turn. */
	uint32_t ack_batch;
	bool ack_due, ack_ok;
	struct box *ack_next;
};

struct box {
	struct keeper *k;
	uint32_t index;
	enum box_state state;
	struct sp_job free;
	struct sp_timer timer;
	struct peer *launcher; /* NULL when it is gone */

	char id[SP_BOX_ID_LEN + 1], name[SP_BOX_NAME_MAX + 1];
	char command[COMMAND_MAX + 1], tier[TIER_MAX + 1];
	uint64_t start_us;
	bool logged; /* sandbox.start is written */
	bool ended, waited, has_status;
	uint32_t status;
	const char *why; /* it ended */

	struct sp_ca *ca;
	struct sp_policy *policy;
	int policy_fd, roots_fd;
	uint32_t epoch;

	uint8_t capture;
	pid_t init;
	int init_fd, diag;
	struct sp_watch init_watch;
	int listener[LISTENERS_MAX]; /* UDP first */
	uint8_t n_listeners;

	struct proxy proxy;
	struct sp_backoff backoff;
	struct sp_rate mint, look;
	struct sp_attrib_table conns;
	struct sp_log_sb sb;
	uint64_t first_tx; /* of this proxy instance */
	uint64_t next_tx, transactions, denied;
	uint32_t restarts;
};

/* Bytes that many boxes share as one sealed memfd. */
struct roots {
	int fd; /* -1: not made */
	struct {
		int64_t mtime_s, mtime_ns, size;
	} seen;
};

struct keeper {
	struct sp_loop *loop;
	struct sp_log *log;
	bool log_broken, unsynced;
	char boot[40];
	struct sp_keeper_place place;
	uid_t uid;
	struct sp_identity proxy_as;

	int life_lock;
	struct sp_watch listen, signals;
	struct sp_timer idle, sync, pause;
	struct sp_job commit, warm;
	bool stopping;

	struct peer *peer[PEERS_MAX];
	uint32_t n_peers;
	struct box *box[BOXES_MAX];
	uint32_t n_boxes;
	struct box *ack_first; /* boxes with acknowledgements due */

	char spare_id[SP_BOX_ID_LEN + 1];
	struct sp_ca *spare; /* of spare_id; NULL: not made */
	struct roots roots;
	struct sp_packet in; /* the one packet being read */
};

#define OWNER_OF(ptr, type, member)                                            \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* keeper.c */
void keeper_check_idle(struct keeper *k);
/* A line in the keeper's own log, for the operator. */
void keeper_note(const char *fmt, ...) SP_PRINTF(1, 2);

/* keeper_peer.c */
void peer_accept(struct keeper *k, int sock);
void peer_close(struct peer *p);
/* Sends or queues; a peer that cannot be sent to is closed. */
void peer_send(struct peer *p, uint8_t type, const struct sp_wire *w);
void peer_text(struct peer *p, uint8_t type, const char *text);

/* keeper_ops.c */
extern const struct sp_op keeper_ops[SP_IPC_TYPES];

/* keeper_box.c */
const char *box_state_name(enum box_state s);
struct box *box_find(struct keeper *k, struct sp_str name_or_id);
/* What the next RUN should not have to wait for. */
void box_warm_job(struct sp_job *j);
SP_MUST enum sp_rc box_new(struct keeper *k, struct box **ret,
                           struct sp_err *err);
SP_MUST enum sp_rc box_set_policy(struct box *b, int source_fd,
                                  struct sp_err *err);
SP_MUST enum sp_rc box_take_listeners(struct box *b, struct sp_packet *m,
                                      uint32_t pid, struct sp_err *err);
/* init is out there and the proxy may work. */
void box_started(struct box *b);
void box_break(struct box *b);
/* Over, for whatever reason; the first one counts. */
void box_end(struct box *b, const char *why);
void box_status(struct box *b, uint32_t status);
/* Kill whatever runs inside. */
void box_kill(struct box *b);
/* The proxy is reaped or the launcher is gone: was that the last thing? */
void box_check_end(struct box *b);

/* keeper_fds.c */
SP_MUST enum sp_rc check_listeners(const int *fd, size_t n, struct sp_err *err);
SP_MUST enum sp_rc check_diag(int fd, struct sp_err *err);
SP_MUST enum sp_rc check_pidfd(int fd, uint32_t pid, struct sp_err *err);

/* keeper_proxy.c */
void proxy_start(struct box *b);
void proxy_configure(struct box *b);
void proxy_policy(struct box *b);
void proxy_send(struct box *b, uint8_t type, const struct sp_wire *w,
                const int *fd, uint8_t n_fds);
void proxy_stop(struct box *b);
/* It broke the rules: it is a crash from now on. */
void proxy_kill(struct box *b, const char *why);

/* keeper_proxy_ops.c */
extern const struct sp_op keeper_proxy_ops[SP_IPC_TYPES];

/* keeper_files.c */
SP_MUST enum sp_rc files_system_roots(struct keeper *k, int *ret,
                                      struct sp_err *err);
SP_MUST enum sp_rc files_roots(struct keeper *k, const struct sp_policy *p,
                               int *ret, struct sp_err *err);
SP_MUST enum sp_rc files_hosts(int *ret, struct sp_err *err);
void files_servers(struct sp_buf *out);

/* keeper_log.c */
struct sp_log_clock log_now(void);
void log_start(struct box *b);
void log_policy(struct box *b);
void log_stop(struct box *b);
void log_proxy_start(struct box *b);
void log_crash(struct box *b, const char *how);
void log_kill(struct box *b, const char *who);
/* Write now: before somebody is told that it happened. */
void log_flush(struct keeper *k);
/* Write at the end of this turn. */
void log_due(struct keeper *k);
void log_ack(struct box *b, uint32_t batch, bool ok);
void log_commit_job(struct sp_job *j);
void log_sync_timer(struct sp_timer *t);

#endif
