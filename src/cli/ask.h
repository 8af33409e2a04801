/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ask.h - one question to the keeper, and its answers.
 *
 * Limits      SP_ASK_MS for each answer; a keeper that does not answer in time
 *             is an error, not a wait.
 */
#ifndef SP_CLI_ASK_H
#define SP_CLI_ASK_H

#include "core/err.h"
#include "ipc/chan.h"
#include "ipc/wire.h"

#define SP_ASK_MS 10000

/* Connects as a client and sends. Starts no keeper: SP_E_STATE without one.
 * fd may be -1. *ret is the connection, the caller's to close. */
SP_MUST enum sp_rc sp_ask(uint8_t type, const struct sp_wire *w, int fd,
                          int *ret, struct sp_err *err);
/*
 * The next answer, which must be of one of two types (FAIL is an error with
 * its text). Descriptors are never expected.
 */
SP_MUST enum sp_rc sp_answer(int sock, uint8_t type, uint8_t or_type,
                             struct sp_packet *ret, struct sp_err *err);

#endif
