/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ps.c - the sandboxes of this user that run.
 */
#include "cli/text.h"

#include <unistd.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "core/alloc.h"
#include "core/fd.h"
#include "ipc/ops.h"
#include "json/write.h"
#include "loop/loop.h"

#define ROWS_MAX        4096u
#define LINE_MAX        SP_KIB(16)
#define COMMAND_COLUMNS 60u

struct row {
	struct sp_str id, name, command, state, hash, tier;
	uint32_t init, epoch, restarts, proxy;
	uint64_t start_us, transactions, denied, open;
	uint8_t capture;
};

static enum sp_rc get_identity(struct sp_str *in, struct row *r)
{
	SP_TRY(sp_get_str(in, SP_IPC_BODY_MAX, &r->id));
	SP_TRY(sp_get_str(in, SP_IPC_BODY_MAX, &r->name));
	SP_TRY(sp_get_str(in, SP_IPC_BODY_MAX, &r->command));
	SP_TRY(sp_get_str(in, SP_IPC_BODY_MAX, &r->state));
	SP_TRY(sp_get_u32(in, &r->init));
	return sp_get_u64(in, &r->start_us);
}

static enum sp_rc get_policy(struct sp_str *in, struct row *r)
{
	SP_TRY(sp_get_u32(in, &r->epoch));
	SP_TRY(sp_get_str(in, SP_IPC_BODY_MAX, &r->hash));
	SP_TRY(sp_get_str(in, SP_IPC_BODY_MAX, &r->tier));
	return sp_get_u8(in, &r->capture);
}

static enum sp_rc get_counts(struct sp_str *in, struct row *r)
{
	SP_TRY(sp_get_u64(in, &r->transactions));
	SP_TRY(sp_get_u64(in, &r->denied));
	SP_TRY(sp_get_u64(in, &r->open));
	SP_TRY(sp_get_u32(in, &r->restarts));
	return sp_get_u32(in, &r->proxy);
}

static enum sp_rc row_get(const struct sp_packet *m, struct row *r)
{
	struct sp_str in = { m->body, m->n };

	SP_TRY(get_identity(&in, r));
	SP_TRY(get_policy(&in, r));
	SP_TRY(get_counts(&in, r));
	return sp_get_end(&in);
}

static struct sp_str capture_name(uint8_t capture)
{
	static const char *const names[] = { "tproxy", "redirect", "ports" };

	return sp_str(capture < SP_COUNT(names) ? names[capture] : "unknown");
}

static void add_json(struct sp_buf *b, const struct row *r)
{
	struct sp_json_object o = { .n = 0 }, none = { .n = 0 };

	sp_json_add_text(&o, "capture", capture_name(r->capture));
	sp_json_add_text(&o, "command", r->command);
	sp_json_add_u64(&o, "denied", r->denied);
	sp_json_add_u64(&o, "epoch", r->epoch);
	sp_json_add_text(&o, "id", r->id);
	sp_json_add_text(&o, "name", r->name);
	sp_json_add_u64(&o, "open", r->open);
	sp_json_add_u64(&o, "pid", r->init);
	sp_json_add_text(&o, "policy", r->hash);
	sp_json_add_u64(&o, "proxy_pid", r->proxy);
	sp_json_add_u64(&o, "restarts", r->restarts);
	sp_json_add_u64(&o, "start_us", r->start_us);
	sp_json_add_text(&o, "state", r->state);
	sp_json_add_text(&o, "tier", r->tier);
	sp_json_add_u64(&o, "transactions", r->transactions);
	sp_json_put_merged(b, &o, &none);
	sp_buf_byte(b, '\n');
}

/* Columns of the table, as text that cannot move the cursor. */
static void add_cell(struct sp_buf *b, struct sp_str s, size_t width)
{
	size_t from = sp_buf_len(b);

	sp_text_visible(b, s);
	sp_buf_byte(b, ' ');
	while (sp_buf_ok(b) && sp_buf_len(b) - from < width + 2)
		sp_buf_byte(b, ' ');
}

static void add_number(struct sp_buf *b, uint64_t v, int width)
{
	sp_buf_printf(b, "%*llu  ", width, (unsigned long long)v);
}

static void add_age(struct sp_buf *b, uint64_t start_us)
{
	uint64_t now = sp_loop_wall_us();
	size_t from = sp_buf_len(b);

	sp_text_duration(b, now > start_us ? now - start_us : 0);
	while (sp_buf_ok(b) && sp_buf_len(b) - from < 8)
		sp_buf_byte(b, ' ');
}

static void add_line(struct sp_buf *b, const struct row *r, bool color)
{
	bool bad = !sp_str_is(r->state, "running");
	struct sp_str command = r->command;

	if (command.n > COMMAND_COLUMNS)
		command.n = COMMAND_COLUMNS;
	add_cell(b, r->name, 20);
	add_cell(b, r->id, 12);
	if (color && bad)
		sp_buf_text(b, "\033[31m");
	add_cell(b, r->state, 8);
	if (color && bad)
		sp_buf_text(b, "\033[0m");
	add_age(b, r->start_us);
	add_number(b, r->transactions, 6);
	add_number(b, r->denied, 6);
	add_number(b, r->open, 4);
	sp_text_visible(b, command);
	sp_buf_byte(b, '\n');
}

/* --json is an object a line, as for the records of logs. */
static enum sp_rc print_row(const struct sp_packet *m, bool json, bool color)
{
	struct sp_buf b;
	struct row r;

	SP_TRY(row_get(m, &r));
	sp_buf_init(&b, LINE_MAX);
	if (json)
		add_json(&b, &r);
	else
		add_line(&b, &r, color);
	fwrite(b.p, 1, sp_buf_ok(&b) ? sp_buf_len(&b) : 0, stdout);
	sp_buf_fini(&b);
	return SP_OK;
}

static void print_head(void)
{
	printf("%-20s  %-12s  %-8s  %-6s  %6s  %6s  %4s  %s\n", "NAME", "ID",
	       "STATE", "AGE", "SENT", "DENIED", "OPEN", "COMMAND");
}

static enum sp_rc read_rows(int sock, bool json, struct sp_packet *m,
                            struct sp_err *err)
{
	bool color = isatty(STDOUT_FILENO) == 1;

	for (unsigned i = 0; i <= ROWS_MAX; i++) {
		SP_TRY(sp_answer(sock, SP_IPC_PS_ROW, SP_IPC_DONE, m, err));
		if (m->type == SP_IPC_DONE)
			return SP_OK;
		sp_err_set(err, "the keeper answers something else");
		SP_TRY(print_row(m, json, color));
	}
	sp_err_set(err, "more sandboxes than there can be");
	return SP_E_LIMIT;
}

static enum sp_rc print_rows(int sock, bool json, struct sp_err *err)
{
	struct sp_packet *m = SP_NEW(struct sp_packet); /* large for a stack */
	enum sp_rc rc = read_rows(sock, json, m, err);

	sp_free(m);
	return rc;
}

/* No keeper is no sandbox: not an error. */
static enum sp_rc list(bool json, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int sock = -1;
	struct sp_wire w = { .p = NULL };
	enum sp_rc rc = sp_ask(SP_IPC_PS, &w, -1, &sock, err);

	if (rc < 0 && rc != SP_E_STATE)
		return rc;
	if (!json)
		print_head();
	return rc == SP_OK ? print_rows(sock, json, err) : SP_OK;
}

int sp_cli_ps(int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	struct sp_err err;

	if (argc > 1 && !json) {
		fputs("usage: sallyport ps [--json]\n", stderr);
		return SP_EXIT_USAGE;
	}
	if (list(json, &err) == SP_OK)
		return SP_EXIT_OK;
	fprintf(stderr, "sallyport: ps: %s\n", err.text);
	return SP_EXIT_FAIL;
}
