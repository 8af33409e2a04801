/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/source.h - where a policy comes from on the command line, and how text
 * from outside is printed.
 *
 * Limits      SP_CONF_TEXT_MAX bytes of file, SP_CLI_HOSTS_MAX options.
 */
#ifndef SP_CLI_SOURCE_H
#define SP_CLI_SOURCE_H

#include "core/buf.h"
#include "core/err.h"
#include "policy/policy.h"

#define SP_CLI_HOSTS_MAX   256u
#define SP_CLI_POLICY      "sallyport.yaml"
#define SP_CLI_EXIT_OK     0
#define SP_CLI_EXIT_DENIED 1
#define SP_CLI_EXIT_POLICY 2
#define SP_CLI_EXIT_USAGE  64

struct sp_cli_source {
	const char *file; /* -p; NULL: SP_CLI_POLICY if it is there */
	const char *allow[SP_CLI_HOSTS_MAX], *deny[SP_CLI_HOSTS_MAX];
	size_t n_allow, n_deny;
};

/* The file as it is. SP_E_SYS, SP_E_LIMIT. */
SP_MUST enum sp_rc sp_cli_read(const char *file, struct sp_buf *ret,
                               struct sp_err *err);
/* Read and compile. */
SP_MUST enum sp_rc sp_cli_source_compile(const struct sp_cli_source *s,
                                         struct sp_policy **ret,
                                         struct sp_err *err);

/* To standard output: control bytes as '?'; as a JSON string. */
void sp_cli_print_text(const char *text);
void sp_cli_print_json(const char *text);
/* Standard output as a whole: false if something was not written. */
bool sp_cli_flush(void);

#endif
