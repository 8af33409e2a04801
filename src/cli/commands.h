/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands.h - one function per command. argv[0] is the command's name;
 * the result is the exit status.
 */
#ifndef SP_CLI_COMMANDS_H
#define SP_CLI_COMMANDS_H

/* 0 all allowed, 1 something denied, 2 bad policy, 64 usage. */
int sp_cli_check(int argc, char **argv);
/* 0 clean, 1 findings, 2 bad policy, 64 usage. */
int sp_cli_lint(int argc, char **argv);

#endif
