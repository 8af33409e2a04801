/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/reason.h"

static const struct row {
	const char *code, *text, *hint;
	uint16_t status;
} rows[] = {
#define X(id, code, status, text, hint)                                        \
	[SP_REASON_##id] = { (code), (text), (hint), (status) },
	SP_REASON_LIST(X)
#undef X
};

/* A number from outside the list is a bug of ours, and an internal error. */
static const struct row *row(enum sp_reason r)
{
	return &rows[(size_t)r < SP_COUNT(rows) ? r : SP_REASON_INTERNAL];
}

const char *sp_reason_code(enum sp_reason r)
{
	return row(r)->code;
}

uint16_t sp_reason_status(enum sp_reason r)
{
	return row(r)->status;
}

const char *sp_reason_text(enum sp_reason r)
{
	return row(r)->text;
}

const char *sp_reason_hint(enum sp_reason r)
{
	return row(r)->hint;
}
