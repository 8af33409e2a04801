/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/policy.c - replace the policy of a running sandbox.
 */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/source.h"
#include "core/alloc.h"
#include "core/fd.h"
#include "ipc/ops.h"
#include "role/source.h"

static const struct option options[] = {
	{ "policy", required_argument, NULL, 'p' },
	{ "allow", required_argument, NULL, 'a' },
	{ "deny", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool add(const char **list, size_t *n)
{
	if (*n == SP_CLI_HOSTS_MAX)
		return false;
	list[(*n)++] = optarg;
	return true;
}

static bool take_option(struct sp_cli_source *s, int option)
{
	if (option == 'p')
		s->file = optarg;
	else if (option == 'a')
		return add(s->allow, &s->n_allow);
	else if (option == 'd')
		return add(s->deny, &s->n_deny);
	else
		return false;
	return true;
}

static bool read_options(struct sp_cli_source *s, int argc, char **argv)
{
	int option;

	optind = 0; /* glibc: start over, for whoever parsed before us */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "p:h", options, NULL)) != -1)
		if (!take_option(s, option))
			return false;
	/* Nothing given at all would silently mean "deny everything". */
	return optind == argc - 1 &&
	       (s->file != NULL || s->n_allow > 0 || s->n_deny > 0);
}

static enum sp_rc make_memfd(const struct sp_cli_source *s, int *ret,
                             struct sp_err *err)
{
	struct sp_policy_source src = {
		.file = s->file,
		.allow = s->allow,
		.n_allow = s->n_allow,
		.deny = s->deny,
		.n_deny = s->n_deny,
	};
	SP_CLEANUP(sp_buf_fini) struct sp_buf text;

	sp_buf_init(&text, SP_SOURCE_TEXT_MAX + 8192);
	if (s->file != NULL)
		SP_TRY(sp_cli_read(s->file, &text, err));
	src.text = sp_buf_str(&text);
	return sp_source_memfd(&src, ret, err);
}

static enum sp_rc replace(const struct sp_cli_source *s, const char *name,
                          uint32_t *ret_epoch, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = -1, sock = -1;
	uint8_t buf[256];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_packet m;
	struct sp_str in;

	SP_TRY(make_memfd(s, &fd, err));
	sp_put_str(&w, sp_str(name));
	SP_TRY(sp_ask(SP_IPC_POLICY, &w, fd, &sock, err));
	SP_TRY(sp_answer(sock, SP_IPC_POLICY_OK, SP_IPC_POLICY_OK, &m, err));
	in = (struct sp_str){ m.body, m.n };
	sp_err_set(err, "the keeper answers something else");
	return sp_get_u32(&in, ret_epoch);
}

static int run(struct sp_cli_source *s, int argc, char **argv)
{
	struct sp_err err;
	uint32_t epoch;

	if (!read_options(s, argc, argv)) {
		fputs("usage: sallyport policy SANDBOX [-p POLICY] "
		      "[--allow HOST]... [--deny HOST]...\n"
		      "(the whole policy is replaced, so something must be "
		      "given)\n",
		      stderr);
		return SP_EXIT_USAGE;
	}
	if (replace(s, argv[optind], &epoch, &err) < 0) {
		fprintf(stderr, "sallyport: policy: %s\n", err.text);
		return SP_EXIT_FAIL;
	}
	printf("%s: policy number %u is in force\n", argv[optind], epoch);
	return SP_EXIT_OK;
}

int sp_cli_policy(int argc, char **argv)
{
	struct sp_cli_source *s = SP_NEW(struct sp_cli_source);
	int code = run(s, argc, argv);

	sp_free(s);
	return code;
}
