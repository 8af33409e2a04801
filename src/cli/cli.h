/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/cli.h - the commands people type.
 *
 * One row per command: dispatch, help, suggestions and the completions of the
 * shells all read this table.
 */
#ifndef SP_CLI_CLI_H
#define SP_CLI_CLI_H

#include "core/base.h"

struct sp_cli_command {
	const char *name;
	const char *help;    /* one line */
	const char *usage;   /* behind "sallyport NAME" */
	const char *options; /* words for completion, separated by blanks */
	int (*run)(int argc, char **argv);
};

/* Ends with a row without a name. */
extern const struct sp_cli_command sp_cli_commands[];

/* argv[0] is the program's name. Returns the exit code. */
int sp_cli_main(int argc, char **argv);

#endif
