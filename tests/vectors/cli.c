/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vectors/cli.c - check and lint without the rest of the program.
 */
#include "cli/commands.h"
#include "core/base.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = { { "check", sp_cli_check }, { "lint", sp_cli_lint } };

	for (size_t i = 0; argc > 1 && i < SP_COUNT(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return 64;
}
