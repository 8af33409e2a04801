/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>

#include "conf/tree.h"
#include "core/fd.h"

static enum sp_rc read_all(int fd, struct sp_buf *ret, const char *file,
                           struct sp_err *err)
{
	for (;;) {
		uint8_t *p = sp_buf_room(ret, 4096);
		ssize_t n;

		if (p == NULL) {
			sp_err_set(err, "%s: longer than %u bytes", file,
			           SP_CONF_TEXT_MAX);
			return SP_E_LIMIT;
		}
		n = read(fd, p, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sp_err_sys(err, file);
		if (n == 0)
			return SP_OK;
		sp_buf_commit(ret, (size_t)n);
	}
}

enum sp_rc sp_cli_read(const char *file, struct sp_buf *ret, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return sp_err_sys(err, file);
	return read_all(fd, ret, file, err);
}

/* Only the default file may be absent. */
static enum sp_rc read_source(const struct sp_cli_source *s, const char **file,
                              struct sp_buf *text, struct sp_err *err)
{
	*file = s->file != NULL ? s->file : SP_CLI_POLICY;
	if (s->file == NULL && access(*file, F_OK) != 0 && errno == ENOENT)
		return SP_OK;
	return sp_cli_read(*file, text, err);
}

enum sp_rc sp_cli_source_compile(const struct sp_cli_source *s,
                                 struct sp_policy **ret, struct sp_err *err)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf text;
	struct sp_policy_source src = { .allow = s->allow,
		                        .n_allow = s->n_allow,
		                        .deny = s->deny,
		                        .n_deny = s->n_deny };

	/* One block more, so that the compiler sees what is too long. */
	sp_buf_init(&text, SP_CONF_TEXT_MAX + 8192);
	SP_TRY(read_source(s, &src.file, &text, err));
	src.text = sp_buf_str(&text);
	return sp_policy_compile(&src, ret, err);
}

void sp_cli_print_text(const char *text)
{
	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;

		fputc(c < 0x20 || c == 0x7f ? '?' : c, stdout);
	}
}

void sp_cli_print_json(const char *text)
{
	fputc('"', stdout);
	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;

		if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			printf(c == '"' || c == '\\' ? "\\%c" : "%c", c);
	}
	fputc('"', stdout);
}

bool sp_cli_flush(void)
{
	return fflush(stdout) == 0 && !ferror(stdout);
}
