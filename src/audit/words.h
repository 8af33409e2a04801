/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/words.h - the closed vocabularies of the log, and the fields of a
 * record: one row each, for the writer, the verifier and the documentation.
 */
#ifndef SP_AUDIT_WORDS_H
#define SP_AUDIT_WORDS_H

#include "audit/record.h"

#define SP_LOG_VERSION 1u
#define SP_LINE_MAX    16384u /* bytes of a record, without the newline */

/* id, name */
#define SP_RECORD_TYPE_LIST(X)                                                 \
	X(LOG_OPEN, "log.open")                                                \
	X(LOG_RECOVER, "log.recover")                                          \
	X(LOG_CLOSE, "log.close")                                              \
	X(SANDBOX_START, "sandbox.start")                                      \
	X(SANDBOX_STOP, "sandbox.stop")                                        \
	X(POLICY_LOAD, "policy.load")                                          \
	X(PROXY_START, "proxy.start")                                          \
	X(PROXY_CRASH, "proxy.crash")                                          \
	X(KILL, "kill")                                                        \
	X(TX_OPEN, "tx.open")                                                  \
	X(TX_CLOSE, "tx.close")                                                \
	X(DNS, "dns") /* a tx.open for a DNS question */

enum sp_record_type {
#define X(id, name) SP_REC_##id,
	SP_RECORD_TYPE_LIST(X)
#undef X
};

#define SP_RECORD_TYPES SP_LIST_COUNT(SP_RECORD_TYPE_LIST)

const char *sp_record_type_name(enum sp_record_type t);
const char *sp_rec_proto_name(enum sp_rec_proto p);
const char *sp_outcome_name(enum sp_outcome o);
const char *sp_verdict_name(enum sp_verdict v);

/* Where a name stands in its list; false: not a word of that list. */
bool sp_record_type_find(struct sp_str name, enum sp_record_type *ret);
bool sp_rec_proto_find(struct sp_str name);
bool sp_outcome_find(struct sp_str name, enum sp_outcome *ret);
bool sp_verdict_find(struct sp_str name, enum sp_verdict *ret);
bool sp_reason_find(struct sp_str name);
bool sp_scheme_find(struct sp_str name);

#endif
