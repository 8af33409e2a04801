/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/opts.h - command-line options as a table.
 *
 * Role        One row per option gives the parser, its checks and the help
 *             text. --name VALUE and --name=VALUE are the same; "--" or the
 *             first word that is no option ends the options.
 * Ownership   Texts point into argv.
 * Failure     One sentence, with a suggestion for a misspelled option.
 */
#ifndef SP_CLI_OPTS_H
#define SP_CLI_OPTS_H

#include "core/err.h"
#include "sandbox/plan.h"

enum sp_opt_kind {
	SP_OPT_FLAG,  /* bool */
	SP_OPT_TEXT,  /* const char * */
	SP_OPT_LIST,  /* struct sp_words */
	SP_OPT_COUNT, /* uint64_t */
	SP_OPT_BYTES, /* uint64_t; K, M, G */
	SP_OPT_TIME,  /* uint64_t seconds; s, m, h */
};

struct sp_opt {
	const char *name; /* without dashes */
	char letter;      /* 0: none */
	enum sp_opt_kind kind;
	size_t at;        /* offset of the member */
	const char *arg;  /* in the help */
	const char *text; /* NULL: not in the help */
};

/* *ret_rest is the index of the first argument that is no option. argv[0] is
 * the command. */
SP_MUST enum sp_rc sp_opts_parse(const struct sp_opt *rows, size_t n, int argc,
                                 char **argv, void *out, int *ret_rest,
                                 struct sp_err *err);
void sp_opts_help(const struct sp_opt *rows, size_t n);

/* The candidate that text was probably meant to be, or NULL. */
const char *sp_suggest(const char *text, const struct sp_opt *rows, size_t n);

#endif
