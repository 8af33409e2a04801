/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/kill.c - end sandboxes by name or id.
 */
#include "cli/ask.h"
#include "cli/commands.h"
#include "core/fd.h"
#include "ipc/ops.h"

static enum sp_rc kill_one(const char *name, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int sock = -1;
	uint8_t buf[256];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_packet m;

	sp_put_str(&w, sp_str(name));
	SP_TRY(sp_ask(SP_IPC_KILL, &w, -1, &sock, err));
	return sp_answer(sock, SP_IPC_DONE, SP_IPC_DONE, &m, err);
}

/* All of them are tried; one that fails makes the whole a failure. */
int sp_cli_kill(int argc, char **argv)
{
	int code = SP_EXIT_OK;

	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: sallyport kill SANDBOX...\n", stderr);
		return SP_EXIT_USAGE;
	}
	for (int i = 1; i < argc; i++) {
		struct sp_err err;

		if (kill_one(argv[i], &err) == SP_OK)
			continue;
		fprintf(stderr, "sallyport: kill %s: %s\n", argv[i], err.text);
		code = SP_EXIT_FAIL;
	}
	return code;
}
