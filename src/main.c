/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - which role is this? The decision is made once, before anything
 * else, and no code is shared between the two branches but the libraries.
 */
#include "cli/cli.h"
#include "role/role.h"

int main(int argc, char **argv)
{
	const size_t n = strlen(SP_ROLE_FLAG);

	if (argc == 2 && strncmp(argv[1], SP_ROLE_FLAG, n) == 0)
		return sp_role_enter(argv[1] + n);
	return sp_cli_main(argc, argv);
}
