/* SPDX-License-Identifier: Apache-2.0 */
/* audit/log_int.h - shared by log.c, which appends, and recover.c. */
#ifndef SP_AUDIT_LOG_INT_H
#define SP_AUDIT_LOG_INT_H

#include "audit/hash.h"
#include "audit/ids.h"
#include "audit/line.h"
#include "audit/log.h"

struct sp_log {
	int dir, fd;
	bool broken;
	char boot[65];
	uint64_t seq, mono;         /* next, last */
	char prev[SP_LEAF_HEX + 1]; /* hash of the last record */
	struct sp_leaf leaf;
	struct sp_buf batch;
	struct sp_ids opens;
	struct sp_log_recovered recovered;
};

/*
 * Leaves the log ready to append, with the records of the recovery (if any)
 * in the batch. The file is only changed when all of its tail is sound.
 */
SP_MUST enum sp_rc sp_log_recover(struct sp_log *l, struct sp_log_clock now,
                                  struct sp_err *err);

/* One close as "aborted" of a transaction that l->opens still has. */
void sp_log_abort_one(struct sp_log *l, struct sp_log_sb *sb,
                      struct sp_log_clock now, const struct sp_id_row *tx);

#endif
