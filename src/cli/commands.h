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
/* 0 all allowed, 1 something denied, 2 bad policy, 64 usage. */
int sp_cli_check(int argc, char **argv);
int sp_cli_completion(int argc, char **argv);
int sp_cli_doctor(int argc, char **argv);
int sp_cli_keeper(int argc, char **argv);
int sp_cli_kill(int argc, char **argv);
/* 0 clean, 1 findings, 2 bad policy, 64 usage. */
int sp_cli_lint(int argc, char **argv);
int sp_cli_logs(int argc, char **argv);
int sp_cli_policy(int argc, char **argv);
int sp_cli_ps(int argc, char **argv);
/* The status of the program, or 2 when there is none. */
int sp_cli_run(int argc, char **argv);

#endif
