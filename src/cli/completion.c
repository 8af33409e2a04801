/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/completion.c - what the shells may complete, from the command table.
 *
 * Names of sandboxes are asked for when they are needed: "sallyport ps" prints
 * them in its first column.
 */
#include "cli/cli.h"
#include "cli/commands.h"

static void print_names(void)
{
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		printf("%s%s", c == sp_cli_commands ? "" : " ", c->name);
}

static void print_bash(void)
{
	puts("# sallyport completion bash");
	puts("_sallyport() {");
	puts("\tlocal word=${COMP_WORDS[COMP_CWORD]} words=");
	puts("\tif [ \"$COMP_CWORD\" -eq 1 ]; then");
	fputs("\t\twords=\"", stdout);
	print_names();
	puts(" --help --version\"");
	puts("\telse");
	puts("\t\tcase ${COMP_WORDS[1]} in");
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		if (c->options[0] != '\0')
			printf("\t\t%s) words=\"%s\" ;;\n", c->name,
			       c->options);
	fputs("\t\thelp) words=\"", stdout);
	print_names();
	puts("\" ;;");
	puts("\t\tesac");
	puts("\t\tcase ${COMP_WORDS[1]} in");
	puts("\t\tkill|policy) words=\"$words $(sallyport ps 2>/dev/null |");
	puts("\t\t\tawk 'NR > 1 { print $1 }')\" ;;");
	puts("\t\tesac");
	puts("\tfi");
	puts("\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))");
	puts("}");
	puts("complete -o default -F _sallyport sallyport");
}

static void print_zsh(void)
{
	puts("#compdef sallyport");
	puts("_sallyport() {");
	puts("\tlocal -a commands words");
	puts("\tcommands=(");
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		printf("\t\t'%s:%s'\n", c->name, c->help);
	puts("\t)");
	puts("\tif (( CURRENT == 2 )); then");
	puts("\t\t_describe command commands");
	puts("\t\treturn");
	puts("\tfi");
	puts("\tcase $words[2] in");
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		if (c->options[0] != '\0')
			printf("\t%s) compadd -- %s ;;\n", c->name, c->options);
	puts("\tkill) compadd -- ${(f)\"$(sallyport ps 2>/dev/null |");
	puts("\t\tawk 'NR > 1 { print $1 }')\"} ;;");
	puts("\tesac");
	puts("\t_files");
	puts("}");
	puts("compdef _sallyport sallyport");
}

static void print_fish_options(const struct sp_cli_command *c)
{
	printf("complete -c sallyport -n '__fish_seen_subcommand_from %s' "
	       "-a '%s'\n",
	       c->name, c->options);
}

static void print_fish(void)
{
	puts("# sallyport completion fish");
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		printf("complete -c sallyport -n __fish_use_subcommand -f "
		       "-a %s -d '%s'\n",
		       c->name, c->help);
	for (const struct sp_cli_command *c = sp_cli_commands; c->name; c++)
		if (c->options[0] != '\0')
			print_fish_options(c);
	puts("complete -c sallyport -n '__fish_seen_subcommand_from kill "
	     "policy' -f -a \"(sallyport ps 2>/dev/null | "
	     "awk 'NR > 1 { print \\$1 }')\"");
}

static const struct {
	const char *shell;
	void (*print)(void);
} shells[] = {
	{ "bash", print_bash },
	{ "zsh", print_zsh },
	{ "fish", print_fish },
};

int sp_cli_completion(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < SP_COUNT(shells); i++)
		if (strcmp(argv[1], shells[i].shell) == 0) {
			shells[i].print();
			return SP_EXIT_OK;
		}
	fputs("usage: sallyport completion bash|zsh|fish\n", stderr);
	return SP_EXIT_USAGE;
}
