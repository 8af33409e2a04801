/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/reason.h"

static const struct {
	const char *code;
	uint16_t status;
	const char *text, *hint;
} reasons[] = {
#define X(id, code, status, text, hint)                                        \
	[SP_REASON_##id] = { code, status, text, hint },
	SP_REASON_LIST(X)
#undef X
};

const char *sp_reason_code(enum sp_reason r)
{
	sp_assert((size_t)r < SP_COUNT(reasons));
	return reasons[r].code;
}

uint16_t sp_reason_status(enum sp_reason r)
{
	sp_assert((size_t)r < SP_COUNT(reasons));
	return reasons[r].status;
}

const char *sp_reason_text(enum sp_reason r)
{
	sp_assert((size_t)r < SP_COUNT(reasons));
	return reasons[r].text;
}

const char *sp_reason_hint(enum sp_reason r)
{
	sp_assert((size_t)r < SP_COUNT(reasons));
	return reasons[r].hint;
}
