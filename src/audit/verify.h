/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/verify.h - is this log what a keeper wrote, all of it, in order?
 *
 * Role        Bytes of audit.jsonl in, faults out. No I/O, no clock.
 *             `sallyport audit verify` and the recovery of the log run this
 *             same code; tests/tools/verify_log.py shares none of it.
 * Ownership   Chunks are borrowed for the call.
 * Limits      Lines of SP_LINE_MAX; SP_IDS_MAX transactions open at once and
 *             as many sandboxes (beyond that it is undecided); the first
 *             SP_FAULTS_MAX faults are kept, all are counted.
 * Strictness  Each line must be canonical, of the known schema, and follow its
 *             predecessor in seq, prev, sbseq and mono. What is cut off at the
 *             end leaves no trace inside: that needs an anchor from outside.
 */
#ifndef SP_AUDIT_VERIFY_H
#define SP_AUDIT_VERIFY_H

#include "audit/ids.h"
#include "audit/words.h"

#define SP_FAULTS_MAX 16u

/* id, code, sentence */
#define SP_FAULT_LIST(X)                                                       \
	X(EMPTY, "empty", "The log has no record.")                            \
	X(INCOMPLETE, "incomplete_line", "The last line has no end.")          \
	X(LONG, "line_too_long", "The line is longer than a record may be.")   \
	X(JSON, "not_json", "The line is not a JSON object.")                  \
	X(CANON, "not_canonical", "The line is not in canonical form.")        \
	X(MISSING, "field_missing", "A field is missing.")                     \
	X(UNKNOWN, "field_unknown", "A field does not belong here.")           \
	X(INVALID, "field_invalid", "A field has a value it cannot have.")     \
	X(SEQ, "seq_gap", "Records are missing, doubled or moved.")            \
	X(CHAIN, "chain_broken", "The record before was altered.")             \
	X(SBSEQ, "sbseq_gap", "Records of the sandbox are missing.")           \
	X(CLOCK, "mono_backwards", "The monotonic clock went backwards.")      \
	X(RUN, "run_order", "A run of the keeper begins or ends wrongly.")     \
	X(OPEN_TWICE, "open_twice", "The transaction is open already.")        \
	X(NO_OPEN, "close_without_open", "The close has no open.")             \
	X(NO_CLOSE, "open_without_close", "The run ended with it open.")       \
	X(MIN_SEQ, "below_min_seq", "The log ends before --min-seq.")          \
	X(HEAD, "head_mismatch", "No record has the hash of --head.")          \
	X(LIMIT, "too_many_ids", "More is open than can be followed.")

enum sp_fault {
#define X(id, code, text) SP_FAULT_##id,
	SP_FAULT_LIST(X)
#undef X
};

const char *sp_fault_code(enum sp_fault f);
const char *sp_fault_text(enum sp_fault f);

struct sp_fault_at {
	enum sp_fault fault;
	uint64_t line;   /* from 1 */
	uint64_t offset; /* of the line's first byte */
	char detail[48]; /* the field or id, if any */
};

struct sp_verify_want {
	bool tail;        /* begins in the middle: trust the first record */
	uint64_t offset;  /* of the first byte, for messages */
	uint64_t line;    /* number of the first line; 0 means 1 */
	uint64_t min_seq; /* 0: any */
	const char *head; /* hash some record must have, or NULL */
};

struct sp_verify_sum {
	uint64_t records, by_type[SP_RECORD_TYPES];
	uint64_t transactions, denied;
	uint64_t first_t, last_t;
	uint64_t last_seq;
	char head[65]; /* leaf hash of the last record */
	bool closed;   /* ended by log.close */
	bool anchored; /* --head was found */
	uint64_t faults;
	unsigned n; /* of those kept */
	struct sp_fault_at at[SP_FAULTS_MAX];
};

struct sp_verify;

struct sp_verify *sp_verify_new(const struct sp_verify_want *want);
void sp_verify_free(struct sp_verify *v);
void sp_verify_feed(struct sp_verify *v, struct sp_str chunk);
/* Has a line begun whose end has not come? */
bool sp_verify_midline(const struct sp_verify *v);
/* SP_OK valid; SP_E_PROTO at least one fault; SP_E_LIMIT undecided. */
SP_MUST enum sp_rc sp_verify_end(struct sp_verify *v);
const struct sp_verify_sum *sp_verify_sum(const struct sp_verify *v);
/* What is open now, and the next sbseq of each sandbox. */
const struct sp_ids *sp_verify_opens(const struct sp_verify *v);
const struct sp_ids *sp_verify_sandboxes(const struct sp_verify *v);
/* The monotonic clock of the last record, if it was in this boot. */
uint64_t sp_verify_mono(const struct sp_verify *v, const char *boot);

#endif
