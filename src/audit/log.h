/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/log.h - the append-only log, written by the keeper alone.
 *
 * Role        Records to canonical JSON lines (RFC 8785) with seq, prev (RFC
 *             6962 leaf hash of the line before: SHA-256(0x00 || line without
 *             its newline), hex; 64 zeros first), t, boot, mono, type, sb,
 *             sbseq. Lines are collected and written with one write(2) by
 *             sp_log_commit(); only then may they be acknowledged.
 * Failure     After a failed or short write the log is broken: commit says
 *             SP_E_SYS, and the keeper denies new transactions.
 * Recovery    sp_log_open() takes the lock, checks the tail, cuts an
 *             incomplete last line, writes log.recover and closes what was
 *             open as "aborted". The log.open that ends it means: nothing is
 *             open, so the next recovery reads no further back.
 * Limits      SP_IDS_MAX transactions open at once, SP_LOG_SB_OPENS_MAX of
 *             one sandbox; lines of SP_LINE_MAX bytes. What is waiting for the
 *             commit is written early when it reaches SP_LOG_BATCH_MAX.
 */
#ifndef SP_AUDIT_LOG_H
#define SP_AUDIT_LOG_H

#include "audit/record.h"
#include "core/err.h"

#define SP_LOG_FILE         "audit.jsonl" /* in the folder of the log */
#define SP_LOG_SB_OPENS_MAX 16384u
#define SP_LOG_BATCH_MAX    (256u << 10)

struct sp_log;

struct sp_log_clock { /* passed in: deciding code reads no clock */
	uint64_t wall_us, mono_us;
};

/*
 * dir is STATE/audit and is created 0700, with its parents. boot: text of the
 * boot id, borrowed for as long as the log is open.
 *
 * SP_E_STATE   another keeper has the lock
 * SP_E_PROTO   the log is damaged; the text says where and what to do
 * SP_E_SYS     as the text says
 */
SP_MUST enum sp_rc sp_log_open(const char *dir, const char *boot,
                               struct sp_log_clock now, struct sp_log **ret,
                               struct sp_err *err);
/*
 * Writes log.close, syncs, and gives the lock back. Call sp_log_abort() for
 * each sandbox before: with something open the log counts as not closed, and
 * the next sp_log_open() recovers it.
 */
void sp_log_close(struct sp_log *l, struct sp_log_clock now);

/* A sandbox's identity within the log. sbseq is counted by the log. */
struct sp_log_sb {
	char id[24]; /* unique in the log; letters, digits, '-', '_' */
	char name[64];
	uint64_t sbseq;
	uint32_t epoch;    /* of its policy */
	uint32_t instance; /* of its proxy */
	uint32_t opens;    /* counted by the log */
};

/*
 * SP_E_STATE   the id is open already, or the close has no open: nothing is
 *              written, and the proxy is lying
 * SP_E_LIMIT   too many open
 * SP_E_SYS     the log is broken
 */
enum sp_rc sp_log_tx_open(struct sp_log *l, struct sp_log_sb *sb,
                          struct sp_log_clock now, const struct sp_rec_open *r);
enum sp_rc sp_log_tx_close(struct sp_log *l, struct sp_log_sb *sb,
                           struct sp_log_clock now,
                           const struct sp_rec_close *r);
/* A proxy died: closes all of its sandbox as "aborted". Returns how many. */
size_t sp_log_abort(struct sp_log *l, struct sp_log_sb *sb,
                    struct sp_log_clock now);

/* Events of the control plane: ordered pairs of key and text or number. */
struct sp_log_field {
	const char *key;
	struct sp_str text; /* p NULL: number */
	uint64_t number;
};
/* type is one of the closed list in audit/words.h (asserted). */
void sp_log_event(struct sp_log *l, struct sp_log_sb *sb /* or NULL */,
                  struct sp_log_clock now, const char *type,
                  const struct sp_log_field *f, size_t n);

/* One write(2) of everything since the last commit. */
SP_MUST enum sp_rc sp_log_commit(struct sp_log *l);
/* fdatasync(2) of what was committed; a failure breaks the log for good. */
SP_MUST enum sp_rc sp_log_sync(struct sp_log *l);

/* The anchor for `audit verify --head`: what a third party should remember. */
struct sp_log_head {
	uint64_t n;    /* records so far */
	char hash[65]; /* leaf hash of the last one, hex */
};
void sp_log_head(const struct sp_log *l, struct sp_log_head *ret);

struct sp_log_recovered {
	bool unclean; /* the last keeper did not close its log */
	uint64_t cut; /* bytes of an incomplete last line */
	size_t aborted;
};
void sp_log_recovered(const struct sp_log *l, struct sp_log_recovered *ret);

#endif
