/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/logs.c - `sallyport logs`: what wanted to leave, and what became of it.
 *
 * One pass over the log. A transaction is shown when its closing record comes
 * (a denial at once); at the end of the file, or of waiting, those still open
 * are shown as open. With -n the last lines are kept in a ring.
 */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "audit/ids.h"
#include "audit/log.h"
#include "audit/words.h"
#include "core/alloc.h"
#include "loop/loop.h"

#include "cli/commands.h"
#include "cli/logs_tail.h"
#include "cli/logs_view.h"
#include "cli/paths.h"
#include "cli/text.h"

#define LAST_MAX 100000u /* of -n */
/* A line for people: every byte of a record may be shown as \u{10ffff}. */
#define OUT_MAX (10u * SP_LINE_MAX)

static const char help[] =
	"usage: sallyport logs [-f] [--json] [--sandbox NAME] [--denied]\n"
	"                      [--since SPAN] [-n N]\n"
	"\n"
	"Shows what the sandboxes of this user sent or wanted to send: time,\n"
	"sandbox, process, verdict, request, status, reason, rule, bytes and\n"
	"duration, one line per transaction.\n"
	"\n"
	"  -f, --follow        wait for more; goes on when the log is "
	"replaced\n"
	"  --json              the records themselves, one JSON object a line\n"
	"  -s, --sandbox NAME  only of this sandbox (name or id)\n"
	"  --denied            only what was denied, or would be if the "
	"policy\n"
	"                      did not only observe (shown as \"watch\")\n"
	"  --since SPAN        only of the last 30s, 10m, 2h, 7d\n"
	"  -n N                only the last N lines (with -f: before "
	"waiting)\n"
	"  -h, --help          this text\n"
	"\n"
	"The log is not checked here: see 'sallyport audit verify'.\n";

struct options {
	bool follow, json, denied;
	const char *sandbox;
	uint64_t from_us; /* wall clock */
	uint64_t last;    /* 0: all */
};

struct logs {
	struct options o;
	bool color;
	/* id of what is open -> copy of its line (sp_free), or 0 with --json */
	struct sp_ids opens;
	char **ring; /* of the last lines; NULL: straight to stdout */
	size_t ring_at;
	struct sp_buf out;
	struct sp_json open, now;
};

/* -------------------------------------------------------------- the output */

static void show(struct logs *l, struct sp_str text)
{
	if (l->ring == NULL) {
		fwrite(text.p, 1, text.n, stdout);
		return;
	}
	sp_free(l->ring[l->ring_at]);
	l->ring[l->ring_at] = sp_strdup(text);
	l->ring_at = (l->ring_at + 1) % l->o.last;
}

/* From now on lines go straight out. */
static void empty_ring(struct logs *l)
{
	if (l->ring == NULL)
		return;
	for (size_t i = 0; i < l->o.last; i++) {
		char **line = &l->ring[(l->ring_at + i) % l->o.last];

		if (*line != NULL)
			fputs(*line, stdout);
		sp_free(*line);
	}
	sp_free(l->ring);
	l->ring = NULL;
}

static void show_transaction(struct logs *l, const struct sp_json *open,
                             const struct sp_json *close)
{
	struct sp_view v = { l->color, open, close };

	sp_buf_reset(&l->out);
	sp_view_put(&l->out, &v);
	show(l, sp_buf_str(&l->out));
}

static void show_record(struct logs *l, struct sp_str line)
{
	sp_buf_reset(&l->out);
	sp_buf_add(&l->out, line);
	sp_buf_byte(&l->out, '\n');
	show(l, sp_buf_str(&l->out));
}

/* ------------------------------------------------------------- the records */

static bool is_wanted(const struct logs *l, const struct sp_json *j)
{
	const struct options *o = &l->o;

	if (sp_view_num(j, "t") < o->from_us)
		return false;
	if (o->sandbox != NULL && !sp_view_is(j, "sbname", o->sandbox) &&
	    !sp_view_is(j, "sb", o->sandbox))
		return false;
	return !o->denied || !sp_view_is(j, "verdict", "allow") ||
	       sp_json_member(j, 0, "observed") != NULL;
}

static struct sp_str id_of(const struct sp_json *j)
{
	const struct sp_json_tok *t = sp_json_member(j, 0, "id");
	struct sp_tx_id id;

	if (t != NULL && t->type == SP_JSON_TEXT && sp_tx_id_parse(t->raw, &id))
		return t->raw;
	return (struct sp_str){ 0 };
}

static void on_open(struct logs *l, struct sp_str line)
{
	struct sp_str id = id_of(&l->now);
	char *copy = NULL;

	if (id.n == 0 || !is_wanted(l, &l->now))
		return;
	if (l->o.json)
		show_record(l, line);
	if (sp_json_member(&l->now, 0, "final") != NULL) {
		if (!l->o.json)
			show_transaction(l, &l->now, NULL);
		return;
	}
	if (!l->o.json)
		copy = sp_strdup(line);
	/* Twice the same id, or far too many: only in a damaged log. */
	if (sp_ids_add(&l->opens, id, (uint64_t)(uintptr_t)copy) < 0)
		sp_free(copy);
}

static void on_close(struct logs *l, struct sp_str line)
{
	struct sp_str id = id_of(&l->now);
	uint64_t value;
	char *copy;

	if (id.n == 0 || !sp_ids_take(&l->opens, id, &value))
		return;
	if (l->o.json) {
		show_record(l, line);
		return;
	}
	copy = (char *)(uintptr_t)value;
	if (sp_json_read(sp_str(copy), &l->open) == SP_OK)
		show_transaction(l, &l->open, &l->now);
	sp_free(copy);
}

/* Of the control plane: only for programs, and not with --denied. */
static void on_event(struct logs *l, struct sp_str line)
{
	if (l->o.json && !l->o.denied && is_wanted(l, &l->now))
		show_record(l, line);
}

static void on_line(struct logs *l, struct sp_str line)
{
	if (sp_json_read(line, &l->now) < 0)
		return;
	if (sp_view_is(&l->now, "type", "tx.open") ||
	    sp_view_is(&l->now, "type", "dns"))
		on_open(l, line);
	else if (sp_view_is(&l->now, "type", "tx.close"))
		on_close(l, line);
	else
		on_event(l, line);
}

struct held {
	uint64_t seq;
	char *line;
};

static int by_seq(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* What is still open, in the order of the log. */
static void show_opens(struct logs *l)
{
	struct sp_id_row *rows;
	struct held *held;
	size_t n;

	rows = sp_ids_list(&l->opens, (struct sp_str){ 0 }, &n);
	held = sp_alloc(n + 1, sizeof(held[0]));
	for (size_t i = 0; i < n; i++) {
		held[i].line = (char *)(uintptr_t)rows[i].value;
		if (held[i].line != NULL &&
		    sp_json_read(sp_str(held[i].line), &l->open) == SP_OK)
			held[i].seq = sp_view_num(&l->open, "seq");
	}
	qsort(held, n, sizeof(held[0]), by_seq);
	for (size_t i = 0; i < n; i++) {
		if (held[i].line != NULL &&
		    sp_json_read(sp_str(held[i].line), &l->open) == SP_OK)
			show_transaction(l, &l->open, NULL);
		sp_free(held[i].line);
	}
	sp_free(held);
	sp_free(rows);
}

/* ------------------------------------------------------------- the options */

static int usage(const char *what, const char *arg)
{
	fprintf(stderr,
	        "sallyport logs: %s '%s'; see 'sallyport logs --help'\n", what,
	        arg);
	return SP_EXIT_USAGE;
}

/* -1: wrong value. */
static int set_option(struct options *o, int c, const char *arg)
{
	uint64_t span, now = sp_loop_wall_us();

	if (c == 'f')
		o->follow = true;
	else if (c == 'j')
		o->json = true;
	else if (c == 'd')
		o->denied = true;
	else if (c == 's')
		o->sandbox = arg;
	else if (c == 'n')
		return sp_text_u64(arg, &o->last) && o->last > 0 &&
		                       o->last <= LAST_MAX
		               ? 0
		               : -1;
	else if (!sp_text_span(arg, &span))
		return -1;
	else
		o->from_us = span < now ? now - span : 0;
	return 0;
}

/* -1: done, exit 0. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "denied", no_argument, NULL, 'd' },
		{ "sandbox", required_argument, NULL, 's' },
		{ "since", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":fhn:s:", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout), -1;
		if (c == ':')
			return usage("a value is missing after",
			             argv[optind - 1]);
		if (c == '?')
			return usage("unknown option", argv[optind - 1]);
		if (set_option(o, c, optarg) < 0)
			return usage(c == 'n' ? "not 1 to 100000:"
			                      : "not a span such as 10m:",
			             optarg);
	}
	return optind == argc ? 0 : usage("unexpected", argv[optind]);
}

/* ---------------------------------------------------------------- the work */

static enum sp_rc drain(struct logs *l, struct sp_tail *t)
{
	struct sp_str line;
	enum sp_rc rc;

	while ((rc = sp_tail_next(t, &line)) == SP_OK)
		on_line(l, line);
	return rc == SP_E_AGAIN ? SP_OK : rc;
}

/* Ends with a signal, or when nobody reads any more. */
static enum sp_rc follow(struct logs *l, struct sp_tail *t)
{
	empty_ring(l);
	while (fflush(stdout) == 0) {
		SP_TRY(drain(l, t));
		if (sp_tail_replaced(t))
			continue;
		if (fflush(stdout) != 0)
			break;
		sp_tail_wait(t);
	}
	return SP_OK;
}

static int run(struct logs *l, const char *path)
{
	struct sp_tail t;
	enum sp_rc rc;

	rc = sp_tail_init(&t, path, l->o.follow);
	if (rc == SP_OK)
		rc = drain(l, &t);
	if (rc == SP_OK && l->o.follow)
		rc = follow(l, &t);
	if (rc < 0 && errno == ENOENT)
		fprintf(stderr,
		        "sallyport logs: %s: there is no log yet; run "
		        "something with 'sallyport run'\n",
		        path);
	else if (rc < 0)
		fprintf(stderr, "sallyport logs: %s: %s\n", path,
		        strerror(errno));
	sp_tail_fini(&t);
	return rc < 0 ? SP_EXIT_FAIL : SP_EXIT_OK;
}

static bool wants_color(void)
{
	const char *no = secure_getenv("NO_COLOR");
	const char *term = secure_getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
	       term != NULL && strcmp(term, "dumb") != 0;
}

static int show_logs(const struct options *o, const char *path)
{
	struct logs *l = SP_NEW(struct logs);
	int status;

	l->o = *o;
	l->color = wants_color();
	sp_ids_init(&l->opens);
	sp_buf_init(&l->out, OUT_MAX);
	if (o->last > 0)
		l->ring = sp_alloc(o->last, sizeof(l->ring[0]));
	status = run(l, path);
	show_opens(l);
	empty_ring(l);
	sp_ids_fini(&l->opens);
	sp_buf_fini(&l->out);
	sp_free(l);
	return status;
}

int sp_cli_logs(int argc, char **argv)
{
	struct options o = { 0 };
	char path[SP_PATH_MAX + sizeof("/" SP_LOG_FILE)];
	char dir[SP_PATH_MAX];
	int rc;

	rc = read_options(&o, argc, argv);
	if (rc != 0)
		return rc < 0 ? SP_EXIT_OK : rc;
	if (sp_audit_dir(dir, sizeof(dir)) < 0) {
		fputs("sallyport logs: no home folder; set SALLYPORT_STATE\n",
		      stderr);
		return SP_EXIT_FAIL;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, SP_LOG_FILE);
	rc = show_logs(&o, path);
	return fflush(stdout) != 0 || ferror(stdout) ? SP_EXIT_FAIL : rc;
}
