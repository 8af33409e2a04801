/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/schema.h - which fields a record has, of what kind.
 *
 * Role        One row per field, sorted by key; binding a record to it is one
 *             walk over two sorted lists. Values are judged alone here; how
 *             records relate to each other is verify.c.
 * Strictness  tx.open, tx.close and dns have no fields but these. Events of
 *             the control plane may have more: texts and numbers.
 */
#ifndef SP_AUDIT_SCHEMA_H
#define SP_AUDIT_SCHEMA_H

#include "audit/verify.h"
#include "json/read.h"

enum sp_field_kind {
	SP_FIELD_TEXT,
	SP_FIELD_INT,
	SP_FIELD_TRUE,
	SP_FIELD_HASH, /* 64 lower-case hex digits */
	SP_FIELD_TYPE,
	SP_FIELD_PROTO,
	SP_FIELD_SCHEME,
	SP_FIELD_VERDICT,
	SP_FIELD_OUTCOME,
	SP_FIELD_REASON,
};

/* Kinds of records a field may, or must, be in. */
enum {
	SP_IN_OPEN = 1 << 0, /* tx.open, dns */
	SP_IN_CLOSE = 1 << 1,
	SP_IN_EVENT = 1 << 2,
	SP_IN_TX = SP_IN_OPEN | SP_IN_CLOSE,
	SP_IN_ALL = SP_IN_TX | SP_IN_EVENT,
};

/* Of the replacement for one byte that was not UTF-8. */
#define SP_UTF8_BYTES UINT64_C(3)

/* id, key, kind, longest text or greatest number, must be in, may be in */
/* clang-format off */
#define SP_FIELD_LIST(X) \
	X(ADDR, "addr", TEXT, 45, 0, SP_IN_TX) \
	X(BAD_UTF8, "bad_utf8", TRUE, 0, 0, SP_IN_ALL) \
	X(BOOT, "boot", TEXT, 64, SP_IN_ALL, SP_IN_ALL) \
	X(COMM, "comm", TEXT, SP_UTF8_BYTES * SP_REC_COMM_MAX, 0, SP_IN_OPEN) \
	X(CONN, "conn", INT, SP_JSON_INT_MAX, 0, SP_IN_OPEN) \
	X(DETAIL, "detail", TEXT, SP_UTF8_BYTES * SP_REC_DETAIL_MAX, 0, SP_IN_TX) \
	X(DOWN, "down", INT, SP_JSON_INT_MAX, SP_IN_CLOSE, SP_IN_CLOSE) \
	X(FINAL, "final", TRUE, 0, 0, SP_IN_OPEN) \
	X(HOST, "host", TEXT, SP_HOST_MAX + 2, 0, SP_IN_OPEN) \
	X(ID, "id", TEXT, SP_TX_ID_MAX - 1, SP_IN_TX, SP_IN_TX) \
	X(METHOD, "method", TEXT, SP_UTF8_BYTES * SP_REC_METHOD_MAX, 0, SP_IN_OPEN) \
	X(MONO, "mono", INT, SP_JSON_INT_MAX, SP_IN_ALL, SP_IN_ALL) \
	X(OBSERVED, "observed", TRUE, 0, 0, SP_IN_OPEN) \
	X(OPEN, "open", INT, SP_JSON_INT_MAX, SP_IN_CLOSE, SP_IN_CLOSE) \
	X(OUTCOME, "outcome", OUTCOME, 0, SP_IN_CLOSE, SP_IN_CLOSE) \
	X(PATH, "path", TEXT, SP_UTF8_BYTES * SP_REC_PATH_MAX, 0, SP_IN_OPEN) \
	X(PATH_CUT, "path_cut", TRUE, 0, 0, SP_IN_OPEN) \
	X(PE, "pe", INT, UINT32_MAX, 0, SP_IN_ALL) \
	X(PID, "pid", INT, UINT32_MAX, 0, SP_IN_OPEN) \
	X(PORT, "port", INT, UINT16_MAX, 0, SP_IN_OPEN) \
	X(PREV, "prev", HASH, 0, SP_IN_ALL, SP_IN_ALL) \
	X(PROTO, "proto", PROTO, 0, SP_IN_OPEN, SP_IN_OPEN) \
	X(PX, "px", INT, UINT32_MAX, SP_IN_TX, SP_IN_ALL) \
	X(QTYPE, "qtype", INT, UINT16_MAX, 0, SP_IN_OPEN) \
	X(REASON, "reason", REASON, 0, SP_IN_TX, SP_IN_TX) \
	X(RULE, "rule", TEXT, SP_UTF8_BYTES * SP_RULE_TEXT_MAX, 0, SP_IN_OPEN) \
	X(SB, "sb", TEXT, SP_SB_ID_MAX, SP_IN_TX, SP_IN_ALL) \
	X(SBNAME, "sbname", TEXT, SP_UTF8_BYTES * 63, 0, SP_IN_OPEN | SP_IN_EVENT) \
	X(SBSEQ, "sbseq", INT, SP_JSON_INT_MAX, SP_IN_TX, SP_IN_ALL) \
	X(SCHEME, "scheme", SCHEME, 0, 0, SP_IN_OPEN) \
	X(SEQ, "seq", INT, SP_JSON_INT_MAX, SP_IN_ALL, SP_IN_ALL) \
	X(START, "start", INT, SP_JSON_INT_MAX, 0, SP_IN_OPEN) \
	X(STATUS, "status", INT, UINT16_MAX, 0, SP_IN_TX) \
	X(T, "t", INT, SP_JSON_INT_MAX, SP_IN_ALL, SP_IN_ALL) \
	X(TTFB, "ttfb", INT, SP_JSON_INT_MAX, 0, SP_IN_CLOSE) \
	X(TYPE, "type", TYPE, 0, SP_IN_ALL, SP_IN_ALL) \
	X(UP, "up", INT, SP_JSON_INT_MAX, SP_IN_CLOSE, SP_IN_CLOSE) \
	X(US, "us", INT, SP_JSON_INT_MAX, SP_IN_CLOSE, SP_IN_CLOSE) \
	X(V, "v", INT, SP_LOG_VERSION, SP_IN_ALL, SP_IN_ALL) \
	X(VERDICT, "verdict", VERDICT, 0, SP_IN_OPEN, SP_IN_OPEN)
/* clang-format on */

enum sp_field {
#define X(id, key, kind, max, must, may) SP_F_##id,
	SP_FIELD_LIST(X)
#undef X
};

#define SP_FIELDS SP_LIST_COUNT(SP_FIELD_LIST)

/* NULL where the record has no such field. */
struct sp_record {
	enum sp_record_type type;
	const struct sp_json_tok *f[SP_FIELDS];
};

/*
 * The record in j, which is canonical. Otherwise the first fault found, and
 * the key it is about.
 */
bool sp_record_bind(const struct sp_json *j, struct sp_record *ret,
                    enum sp_fault *ret_fault, struct sp_str *ret_key);

#endif
