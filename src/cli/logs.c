/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/logs.c - `sallyport logs`: what wanted to leave, and what became of it.
 *
 * One pass over the log. A transaction is shown when its closing record comes
 * (a denial at once); at the end of the file, or of waiting, those still open
 * are shown as open. With -n the last lines are kept in a ring.
 */
#include <errno.h>
#include <unistd.h>

#include "audit/ids.h"
#include "audit/log.h"
#include "audit/words.h"
#include "core/alloc.h"
#include "loop/loop.h"

#include "cli/commands.h"
#include "cli/logs_tail.h"
#include "cli/logs_view.h"
#include "cli/opts.h"
#include "cli/paths.h"
#include "cli/text.h"

#define LAST_MAX 100000u /* of -n */
/* A line for people: every byte of a record may be shown as \u{10ffff}. */
#define OUT_MAX ((size_t)10 * SP_LINE_MAX)

struct args {
	bool help, follow, json, denied;
	const char *sandbox;
	const char *since;
	uint64_t last; /* 0: all */
};

static const struct sp_opt options[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .kind = SP_OPT_FLAG,
	  .at = offsetof(struct args, follow),
	  .text = "wait for more; goes on when the log is replaced" },
	{ .name = "json",
	  .kind = SP_OPT_FLAG,
	  .at = offsetof(struct args, json),
	  .text = "the records themselves, one JSON object a line" },
	{ .name = "sandbox",
	  .letter = 's',
	  .kind = SP_OPT_TEXT,
	  .at = offsetof(struct args, sandbox),
	  .arg = "NAME",
	  .text = "only of this sandbox (name or id)" },
	{ .name = "denied",
	  .kind = SP_OPT_FLAG,
	  .at = offsetof(struct args, denied),
	  .text = "only what was denied, or would be if the policy did not\n"
	          "                             only observe (\"watch\")" },
	{ .name = "since",
	  .kind = SP_OPT_TEXT,
	  .at = offsetof(struct args, since),
	  .arg = "SPAN",
	  .text = "only of the last 30s, 10m, 2h, 7d" },
	{ .name = "lines",
	  .letter = 'n',
	  .kind = SP_OPT_COUNT,
	  .at = offsetof(struct args, last),
	  .arg = "N",
	  .text = "only the last N lines (with -f: before waiting)" },
	{ .name = "help",
	  .letter = 'h',
	  .kind = SP_OPT_FLAG,
	  .at = offsetof(struct args, help),
	  .text = "this text" },
};

static void help(void)
{
	puts("usage: sallyport logs [OPTIONS]\n"
	     "\n"
	     "Shows what the sandboxes of this user sent or wanted to send: "
	     "time,\n"
	     "sandbox, process, verdict, request, status, reason, rule, bytes "
	     "and\n"
	     "duration, one line per transaction.\n");
	sp_opts_help(options, SP_COUNT(options));
	puts("\nThe log is not checked here: see 'sallyport audit verify'.");
}

/* Copies of the lines of what is open; a free place is NULL. */
struct held {
	char **line;
	size_t n, cap;
	size_t free; /* no free place before this one */
};

struct logs {
	struct args o;
	uint64_t from_us; /* wall clock */
	bool color;
	struct sp_ids opens; /* id to the place in held */
	struct held held;
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

static size_t hold(struct held *h, struct sp_str line)
{
	while (h->free < h->n && h->line[h->free] != NULL)
		h->free++;
	if (h->free == h->cap) {
		h->cap = h->cap == 0 ? 64 : 2 * h->cap;
		h->line = sp_realloc(h->line, h->cap * sizeof(h->line[0]));
	}
	if (h->free == h->n)
		h->n++;
	h->line[h->free] = sp_strdup(line);
	return h->free;
}

static void drop(struct held *h, size_t place)
{
	sp_free(h->line[place]);
	h->line[place] = NULL;
	if (place < h->free)
		h->free = place;
}

static bool is_wanted(const struct logs *l, const struct sp_json *j)
{
	const struct args *o = &l->o;

	if (sp_view_num(j, "t") < l->from_us)
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
	size_t place;

	if (id.n == 0 || !is_wanted(l, &l->now))
		return;
	if (l->o.json)
		show_record(l, line);
	if (sp_json_member(&l->now, 0, "final") != NULL) {
		if (!l->o.json)
			show_transaction(l, &l->now, NULL);
		return;
	}
	place = hold(&l->held, line);
	/* Twice the same id, or far too many: only in a damaged log. */
	if (sp_ids_add(&l->opens, id, place) < 0)
		drop(&l->held, place);
}

static void on_close(struct logs *l, struct sp_str line)
{
	struct sp_str id = id_of(&l->now);
	uint64_t place;

	if (id.n == 0 || !sp_ids_take(&l->opens, id, &place))
		return;
	if (l->o.json)
		show_record(l, line);
	else if (sp_json_read(sp_str(l->held.line[place]), &l->open) == SP_OK)
		show_transaction(l, &l->open, &l->now);
	drop(&l->held, place);
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

struct unfinished {
	uint64_t seq;
	char *line;
};

static int by_seq(const void *a, const void *b)
{
	const struct unfinished *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* What is still open, in the order of the log. */
static void show_opens(struct logs *l)
{
	const struct held *h = &l->held;
	struct unfinished *u = sp_alloc(h->n + 1, sizeof(u[0]));
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->line[i] == NULL ||
		    sp_json_read(sp_str(h->line[i]), &l->open) < 0)
			continue;
		u[n].line = h->line[i];
		u[n++].seq = sp_view_num(&l->open, "seq");
	}
	qsort(u, n, sizeof(u[0]), by_seq);
	for (size_t i = 0; i < n; i++)
		if (sp_json_read(sp_str(u[i].line), &l->open) == SP_OK)
			show_transaction(l, &l->open, NULL);
	sp_free(u);
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
	struct sp_err err;
	enum sp_rc rc;

	rc = sp_tail_init(&t, path, l->o.follow);
	if (rc == SP_OK)
		rc = drain(l, &t);
	if (rc == SP_OK && l->o.follow)
		rc = follow(l, &t);
	if (rc < 0 && errno == ENOENT)
		sp_err_set(&err,
		           "%s: there is no log yet; run something with "
		           "'sallyport run'",
		           path);
	else if (rc < 0)
		rc = sp_err_sys(&err, path);
	if (rc < 0)
		fprintf(stderr, "sallyport logs: %s\n", err.text);
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

static int show_logs(const struct args *a, uint64_t from_us, const char *path)
{
	struct logs *l = SP_NEW(struct logs);
	int status;

	l->o = *a;
	l->from_us = from_us;
	l->color = wants_color();
	sp_ids_init(&l->opens);
	sp_buf_init(&l->out, OUT_MAX);
	if (a->last > 0)
		l->ring = sp_alloc(a->last, sizeof(l->ring[0]));
	status = run(l, path);
	if (!a->json)
		show_opens(l);
	empty_ring(l);
	for (size_t i = 0; i < l->held.n; i++)
		sp_free(l->held.line[i]);
	sp_free(l->held.line);
	sp_ids_fini(&l->opens);
	sp_buf_fini(&l->out);
	sp_free(l);
	return status;
}

static enum sp_rc parse(struct args *a, int argc, char **argv,
                        uint64_t *ret_from, struct sp_err *err)
{
	uint64_t span = 0, now = sp_loop_wall_us();
	int rest = 0;

	SP_TRY(sp_opts_parse(options, SP_COUNT(options), argc, argv, a, &rest,
	                     err));
	if (rest < argc)
		sp_err_set(err, "unexpected: %s", argv[rest]);
	else if (a->last > LAST_MAX)
		sp_err_set(err, "--lines wants at most %u", LAST_MAX);
	else if (a->since != NULL && !sp_text_span(a->since, &span))
		sp_err_set(err, "--since wants a span such as 10m, not '%s'",
		           a->since);
	else {
		*ret_from = span > 0 && span < now ? now - span : 0;
		return SP_OK;
	}
	return SP_E_PROTO;
}

int sp_cli_logs(int argc, char **argv)
{
	char path[SP_PATH_MAX + sizeof("/" SP_LOG_FILE)];
	char dir[SP_PATH_MAX];
	struct args a = { 0 };
	struct sp_err err;
	uint64_t from_us = 0;
	int status = SP_EXIT_OK;

	if (parse(&a, argc, argv, &from_us, &err) < 0) {
		fprintf(stderr,
		        "sallyport logs: %s; see 'sallyport logs --help'\n",
		        err.text);
		return SP_EXIT_USAGE;
	}
	if (a.help) {
		help();
	} else if (sp_audit_dir(dir, sizeof(dir)) < 0) {
		fputs("sallyport logs: no home folder; set SALLYPORT_STATE\n",
		      stderr);
		status = SP_EXIT_FAIL;
	} else {
		snprintf(path, sizeof(path), "%s/%s", dir, SP_LOG_FILE);
		status = show_logs(&a, from_us, path);
	}
	return fflush(stdout) != 0 || ferror(stdout) ? SP_EXIT_FAIL : status;
}
