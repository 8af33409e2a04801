/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands.h - one function per command. argv[0] is the command's name;
 * the result is the exit status.
 */
#ifndef SP_CLI_COMMANDS_H
#define SP_CLI_COMMANDS_H

/* Exit statuses all commands share (sysexits.h for wrong usage). */
#define SP_EXIT_OK    0
#define SP_EXIT_FAIL  1
#define SP_EXIT_USAGE 64

int sp_cli_audit(int argc, char **argv);
int sp_cli_logs(int argc, char **argv);

#endif
