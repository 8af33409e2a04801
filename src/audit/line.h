/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/line.h - one record as one canonical JSON line.
 *
 * Role        Values to bytes: which field is called what, and which is left
 *             out (absent means none, 0 or false). doc/PROTOCOL.audit lists
 *             them. No I/O.
 * Ownership   A line borrows every text until it is put.
 * Limits      SP_LINE_MAX bytes: the maxima of the fields, each byte taking
 *             six, stay below it.
 */
#ifndef SP_AUDIT_LINE_H
#define SP_AUDIT_LINE_H

#include "audit/log.h"
#include "audit/words.h"
#include "json/write.h"

/* What every record has. */
struct sp_line_head {
	enum sp_record_type type;
	uint64_t seq;
	const char *prev, *boot;
	struct sp_log_clock at;
	const struct sp_log_sb *sb; /* or NULL */
	bool name;                  /* with the name of the sandbox */
};

/* The fields of one type, collected before they are put. */
struct sp_line {
	struct sp_json_object own;
	char addr[SP_ADDR_TEXT_MAX];
};

void sp_line_open(struct sp_line *l, struct sp_str id,
                  const struct sp_rec_open *r);
void sp_line_close(struct sp_line *l, struct sp_str id, uint64_t open_seq,
                   const struct sp_rec_close *r);
void sp_line_event(struct sp_line *l, const struct sp_log_field *f, size_t n);

/* Without the newline. */
void sp_line_put(struct sp_buf *b, const struct sp_line_head *h,
                 struct sp_line *l);

#endif
