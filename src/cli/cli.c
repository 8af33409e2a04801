/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <sysexits.h>

#include "cli/commands.h"

#define NAME_MAX_LEN 24u /* of what is compared for a suggestion */

static int cli_help(int argc, char **argv);

#define POLICY_OPTIONS "-p --policy --allow --deny"

/* clang-format off */
const struct sp_cli_command sp_cli_commands[] = {
	{ "run", "run a program that reaches only what the policy allows",
	  "[-p POLICY] [--allow HOST]... [--deny HOST]... [OPTION]... -- COMMAND [ARGUMENT]...",
	  POLICY_OPTIONS " --name --cwd --env --ro --rw --quiet", sp_cli_run },
	{ "ps", "list the sandboxes that are running",
	  "[--json]", "--json", sp_cli_ps },
	{ "kill", "end a sandbox and everything in it",
	  "SANDBOX...", "", sp_cli_kill },
	{ "policy", "replace the policy of a running sandbox",
	  "SANDBOX [-p POLICY] [--allow HOST]... [--deny HOST]...",
	  POLICY_OPTIONS, sp_cli_policy },
	{ "check", "ask what the policy says about hosts and URLs",
	  "[-p POLICY] [--allow HOST]... [--deny HOST]... HOST|URL...",
	  POLICY_OPTIONS " --method --json", sp_cli_check },
	{ "lint", "look for mistakes in a policy",
	  "[--json] [POLICY]", "--json", sp_cli_lint },
	{ "logs", "show what was allowed and denied",
	  "[-f] [--json] [--sandbox NAME] [--denied] [--since SPAN] [-n COUNT]",
	  "--follow --json --sandbox --denied --since", sp_cli_logs },
	{ "audit", "verify the audit log",
	  "verify [--json] [--head HASH] [--min-seq N] [FILE|FOLDER]",
	  "verify --json --head --min-seq", sp_cli_audit },
	{ "doctor", "see how well this machine can isolate",
	  "[--json]", "--json", sp_cli_doctor },
	{ "keeper", "be the keeper, for a service manager",
	  "", "", sp_cli_keeper },
	{ "completion", "print completions for a shell",
	  "bash|zsh|fish", "bash zsh fish", sp_cli_completion },
	{ "help", "explain a command",
	  "[COMMAND]", "", cli_help },
	{ NULL, NULL, NULL, NULL, NULL },
};
/* clang-format on */

static const struct sp_cli_command *find(const char *name)
{
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* ------------------------------------------------------------------- help */

static void print_overview(FILE *f)
{
	fputs("usage: sallyport COMMAND [ARGUMENT]...\n\n", f);
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		fprintf(f, "  %-11s %s\n", c->name, c->help);
	fputs("\nTry:  sallyport run --allow example.com -- "
	      "curl https://example.com\n"
	      "      sallyport help COMMAND, sallyport doctor, man sallyport\n",
	      f);
}

/* Least number of letters to insert, delete or change. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_LEN + 1];
	size_t n = strlen(b);

	if (n > NAME_MAX_LEN || strlen(a) > NAME_MAX_LEN)
		return UINT32_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			unsigned up = row[j], best = corner;

			best += a[i - 1] != b[j - 1];
			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			corner = up;
		}
	}
	return row[n];
}

static const char *nearest(const char *name)
{
	const char *best = NULL;
	unsigned least = 3; /* more than two mistakes is another word */

	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++) {
		unsigned d = distance(name, c->name);

		if (d < least && d < strlen(c->name)) {
			least = d;
			best = c->name;
		}
	}
	return best;
}

static int unknown(const char *name)
{
	const char *other = nearest(name);

	fprintf(stderr, "sallyport: no command '%s'", name);
	if (other != NULL)
		fprintf(stderr, "; did you mean '%s'?", other);
	fputs("\nsallyport: 'sallyport help' lists the commands\n", stderr);
	return SP_EXIT_USAGE;
}

static int cli_help(int argc, char **argv)
{
	const struct sp_cli_command *c;

	if (argc < 2) {
		print_overview(stdout);
		return SP_EXIT_OK;
	}
	c = find(argv[1]);
	if (c == NULL)
		return unknown(argv[1]);
	printf("sallyport %s: %s\n\nusage: sallyport %s%s%s\n", c->name,
	       c->help, c->name, c->usage[0] != '\0' ? " " : "", c->usage);
	if (c->options[0] != '\0')
		printf("\noptions: %s (see man sallyport)\n", c->options);
	return SP_EXIT_OK;
}

/* ------------------------------------------------------------------- main */

/* A full disk must not look like success. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	perror("sallyport: write");
	return EX_IOERR;
}

static bool is_one_of(const char *s, const char *a, const char *b)
{
	return strcmp(s, a) == 0 || strcmp(s, b) == 0;
}

int sp_cli_main(int argc, char **argv)
{
	const struct sp_cli_command *c;

	if (argc < 2) {
		print_overview(stderr);
		return SP_EXIT_USAGE;
	}
	if (is_one_of(argv[1], "--version", "-V")) {
		puts("sallyport " SP_VERSION);
		return finish(SP_EXIT_OK);
	}
	if (is_one_of(argv[1], "--help", "-h"))
		return finish(cli_help(1, argv));
	c = find(argv[1]);
	if (c == NULL)
		return unknown(argv[1]);
	return finish(c->run(argc - 1, argv + 1));
}
