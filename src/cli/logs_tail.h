/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/logs_tail.h - the lines of a file that grows and may be replaced.
 *
 * Role        Hands out complete lines. When following, waits at the end and
 *             goes over to a new file of the same name.
 * Ownership   A line is valid until the next call. sp_tail_fini() in place.
 * Limits      Lines of SP_LINE_MAX; a longer one is skipped.
 */
#ifndef SP_CLI_LOGS_TAIL_H
#define SP_CLI_LOGS_TAIL_H

#include "core/buf.h"

struct sp_tail {
	const char *path;
	int fd;
	int watch; /* inotify, or -1 */
	uint64_t at;
	bool skipping;
	struct sp_buf in;
	size_t line; /* length of the line handed out, with its newline */
};

/* SP_E_SYS with errno: the file cannot be opened (and we do not follow). */
SP_MUST enum sp_rc sp_tail_init(struct sp_tail *t, const char *path,
                                bool follow);
void sp_tail_fini(struct sp_tail *t);

/* SP_OK a line; SP_E_AGAIN the end for now; SP_E_SYS cannot read. */
SP_MUST enum sp_rc sp_tail_next(struct sp_tail *t, struct sp_str *ret);
/* Returns when there may be more, at the latest after a second. */
void sp_tail_wait(struct sp_tail *t);
/*
 * True when the file of that name is another one, or shorter than what was
 * read; the next line is the first of the new file.
 */
bool sp_tail_replaced(struct sp_tail *t);

#endif
