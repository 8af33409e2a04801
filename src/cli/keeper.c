/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/keeper.c - be the keeper, for a service manager.
 */
#include <sysexits.h>

#include "cli/commands.h"
#include "role/keeper_connect.h"

/* --foreground is what it always does; units that say so keep working. */
int sp_cli_keeper(int argc, char **argv)
{
	struct sp_err err;

	if (argc == 2 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		puts("usage: sallyport keeper\n\n"
		     "Be the keeper in this process, until a signal ends it. "
		     "For service managers:\n"
		     "commands start a keeper of their own when there is "
		     "none.");
		return SP_EXIT_OK;
	}
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--foreground") != 0)) {
		fputs("usage: sallyport keeper\n", stderr);
		return SP_EXIT_USAGE;
	}
	sp_keeper_become(&err);
	fprintf(stderr, "sallyport: keeper: %s\n", err.text);
	return EX_UNAVAILABLE;
}
