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
 *             open as "aborted".
 */
#ifndef SP_AUDIT_LOG_H
#define SP_AUDIT_LOG_H

#include "audit/record.h"

struct sp_log;

struct sp_log_clock { /* passed in: deciding code reads no clock */
	uint64_t wall_us, mono_us;
};

/* dir is created 0700. boot: text of the boot id. */
SP_MUST enum sp_rc sp_log_open(const char *dir, const char *boot,
                               struct sp_log_clock now, struct sp_log **ret,
                               struct sp_err *err);
/* Writes log.close. */
void sp_log_close(struct sp_log *l, struct sp_log_clock now);

/* A sandbox's identity within the log. sbseq is counted by the log. */
struct sp_log_sb {
	char id[24];
	char name[64];
	uint64_t sbseq;
	uint32_t epoch;    /* of its policy */
	uint32_t instance; /* of its proxy */
};

void sp_log_tx_open(struct sp_log *l, struct sp_log_sb *sb,
                    struct sp_log_clock now, const struct sp_rec_open *r);
void sp_log_tx_close(struct sp_log *l, struct sp_log_sb *sb,
                     struct sp_log_clock now, const struct sp_rec_close *r);

/* Events of the control plane: ordered pairs of key and text or number. */
struct sp_log_field {
	const char *key;
	struct sp_str text; /* p NULL: number */
	uint64_t number;
};
void sp_log_event(struct sp_log *l, struct sp_log_sb *sb /* or NULL */,
                  struct sp_log_clock now, const char *type,
                  const struct sp_log_field *f, size_t n);

/* One write(2) of everything since the last commit. */
SP_MUST enum sp_rc sp_log_commit(struct sp_log *l);

#endif
