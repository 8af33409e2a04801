/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/lint.c - `sallyport lint`: does a policy load, and does it say what was
 * probably meant? Also prints the documentation of the keys.
 */
#include <getopt.h>

#include "cli/commands.h"
#include "cli/source.h"
#include "policy/keys.h"

#define FINDINGS_MAX 200u
#define DOC_MAX      (1u << 20)

static const char usage[] =
	"usage: sallyport lint [--json] [FILE]\n"
	"       sallyport lint --man | --schema\n"
	"Exit: 0 nothing found, 1 findings, 2 the policy does not load.\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "man", no_argument, NULL, 'm' },
	{ "schema", no_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 },
};

static int print_doc(int kind)
{
	struct sp_buf out;
	bool ok;

	sp_buf_init(&out, DOC_MAX);
	if (kind == 'm')
		sp_keys_mdoc(sp_policy_key, sp_policy_key_n, &out);
	else
		sp_keys_schema(sp_policy_key, sp_policy_key_n, SP_CLI_POLICY,
		               &out);
	ok = sp_buf_ok(&out) && fwrite(sp_buf_str(&out).p, 1, sp_buf_len(&out),
	                               stdout) == sp_buf_len(&out);
	sp_buf_fini(&out);
	return ok && sp_cli_flush() ? SP_CLI_EXIT_OK : SP_CLI_EXIT_POLICY;
}

static void print_finding(const char *file, const struct sp_lint *l, bool json)
{
	if (!json) {
		if (l->line > 0)
			printf("%s:%u: ", file, l->line);
		else
			printf("%s: ", file);
		sp_cli_print_text(l->text);
		printf(" [%s]\n", l->code);
		return;
	}
	printf("{\"file\":");
	sp_cli_print_json(file);
	printf(",\"line\":%u,\"code\":\"%s\",\"text\":", l->line, l->code);
	sp_cli_print_json(l->text);
	printf("}\n");
}

static int lint(const struct sp_cli_source *s, bool json)
{
	static struct sp_lint found[FINDINGS_MAX];
	const char *file = s->file != NULL ? s->file : SP_CLI_POLICY;
	struct sp_policy *p;
	struct sp_err err;
	size_t n;

	if (sp_cli_source_compile(s, &p, &err) < 0) {
		fprintf(stderr, "sallyport lint: %s\n", err.text);
		return SP_CLI_EXIT_POLICY;
	}
	n = sp_policy_lint(p, found, FINDINGS_MAX);
	sp_policy_unref(p);
	for (size_t i = 0; i < n && i < FINDINGS_MAX; i++)
		print_finding(file, &found[i], json);
	if (n > FINDINGS_MAX)
		fprintf(stderr, "sallyport lint: %zu more\n", n - FINDINGS_MAX);
	if (!sp_cli_flush())
		return SP_CLI_EXIT_POLICY;
	return n > 0 ? SP_CLI_EXIT_DENIED : SP_CLI_EXIT_OK;
}

int sp_cli_lint(int argc, char **argv)
{
	struct sp_cli_source s = { .file = NULL };
	bool json = false;
	int option;

	optind = 0; /* glibc: start over */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (option == 'm' || option == 's')
			return print_doc(option);
		if (option != 'j') {
			fputs(usage, stderr);
			return SP_CLI_EXIT_USAGE;
		}
		json = true;
	}
	if (argc - optind > 1) {
		fputs(usage, stderr);
		return SP_CLI_EXIT_USAGE;
	}
	/* A file that is asked for must be there, the default one too. */
	s.file = optind < argc ? argv[optind] : SP_CLI_POLICY;
	return lint(&s, json);
}
