/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - which role is this? The decision is made once, before anything
 * else, and no code is shared between the two branches but the library.
 */
#include "cli/commands.h"
#include "role/role.h"

int main(int argc, char **argv)
{
	const size_t n = strlen(SP_ROLE_FLAG);

	if (argc == 2 && strncmp(argv[1], SP_ROLE_FLAG, n) == 0)
		return sp_role_enter(argv[1] + n);
	if (argc < 2)
		return 64;
	if (!strcmp(argv[1], "run"))
		return sp_cli_run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "logs"))
		return sp_cli_logs(argc - 1, argv + 1);
	if (!strcmp(argv[1], "audit"))
		return sp_cli_audit(argc - 1, argv + 1);
	if (!strcmp(argv[1], "check"))
		return sp_cli_check(argc - 1, argv + 1);
	if (!strcmp(argv[1], "lint"))
		return sp_cli_lint(argc - 1, argv + 1);
	return 64;
}
