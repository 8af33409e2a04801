/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/logs_view.h - one transaction as one line for people.
 *
 * Role        The opening record and, if it has come, the closing one to
 *             text. Both come from a log that may be damaged: every field may
 *             be missing, and all text is made visible.
 */
#ifndef SP_CLI_LOGS_VIEW_H
#define SP_CLI_LOGS_VIEW_H

#include "json/read.h"

struct sp_view {
	bool color;
	const struct sp_json *open, *close; /* close NULL: still open */
};

/* With a newline. */
void sp_view_put(struct sp_buf *b, const struct sp_view *v);

/* Fields of a record: 0, false or empty when absent or of another kind. */
uint64_t sp_view_num(const struct sp_json *j, const char *key);
bool sp_view_is(const struct sp_json *j, const char *key, const char *text);

#endif
