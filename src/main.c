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

#ifdef __SANITIZE_ADDRESS__
/* A launcher lives as long as its one sandbox, and releases nothing. */
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
	return "leak:sp_launcher_main\n";
}
#endif
