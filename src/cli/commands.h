/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands.h - the commands. Each takes its own name as argv[0] and
 * returns the exit code.
 */
#ifndef SP_CLI_COMMANDS_H
#define SP_CLI_COMMANDS_H

int sp_cli_run(int argc, char **argv);
int sp_cli_doctor(int argc, char **argv);

#endif
