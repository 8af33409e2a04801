/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/text.h - text from outside on a terminal, and numbers from arguments.
 *
 * Role        What a program in a sandbox chose (a path, its own name) must
 *             not move the operator's cursor, hide other text or run it
 *             backwards: such characters are shown as \u{...}.
 */
#ifndef SP_CLI_TEXT_H
#define SP_CLI_TEXT_H

#include "core/buf.h"

void sp_text_visible(struct sp_buf *b, struct sp_str s);
/* 1234 -> "1.2kB" */
void sp_text_bytes(struct sp_buf *b, uint64_t n);
/* Microseconds: "870us", "8.1ms", "2.5s", "3m12s" */
void sp_text_duration(struct sp_buf *b, uint64_t us);

/* "30s", "10m", "2h", "7d" in microseconds. */
bool sp_text_span(const char *s, uint64_t *ret_us);

#endif
