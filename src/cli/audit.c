/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit.c - `sallyport audit verify`: is the log whole and unaltered? */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "audit/log.h"
#include "audit/verify.h"
#include "core/alloc.h"
#include "core/fd.h"
#include "json/write.h"

#include "cli/commands.h"
#include "cli/opts.h"
#include "cli/paths.h"
#include "cli/text.h"

#define EXIT_UNDECIDED 2
#define READ_BYTES     (256u << 10)
/* A keeper may be in the middle of a write: look again before judging. */
#define SETTLE_MS    10
#define SETTLE_TRIES 20u
#define OPENS_SHOWN  5u

struct args {
	bool help, json;
	const char *head;
	uint64_t min_seq;
	const char *file;
};

static const struct sp_opt options[] = {
	{ .name = "head",
	  .kind = SP_OPT_TEXT,
	  .at = offsetof(struct args, head),
	  .arg = "HASH",
	  .text = "some record must have this hash: an anchor that you\n"
	          "                             kept from an earlier run" },
	{ .name = "min-seq",
	  .kind = SP_OPT_COUNT,
	  .at = offsetof(struct args, min_seq),
	  .arg = "N",
	  .text = "the log must reach at least record N" },
	{ .name = "json",
	  .kind = SP_OPT_FLAG,
	  .at = offsetof(struct args, json),
	  .text = "the result as one line of JSON" },
	{ .name = "help",
	  .letter = 'h',
	  .kind = SP_OPT_FLAG,
	  .at = offsetof(struct args, help),
	  .text = "this text" },
};

struct target {
	bool json, anchored;
	struct sp_verify_want want;
	char file[SP_PATH_MAX];
};

static void help(void)
{
	puts("usage: sallyport audit verify [OPTIONS] [FILE | FOLDER]\n"
	     "\n"
	     "Checks the audit log offline: canonical form, the chain of "
	     "hashes,\n"
	     "sequence numbers of log and sandboxes, clocks, and that each\n"
	     "transaction was opened and closed exactly once. Without FILE "
	     "the log\n"
	     "of this user is checked.\n");
	sp_opts_help(options, SP_COUNT(options));
	puts("\n"
	     "Without --head or --min-seq a log whose end was cut off looks "
	     "like a\n"
	     "shorter valid log.\n"
	     "\n"
	     "Exit status: 0 valid, 1 invalid, 2 undecided, 64 wrong usage.");
}

/* ----------------------------------------------------------- the arguments */

static bool is_hash(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* Options may stand on both sides of the file. */
static enum sp_rc parse(struct args *a, int argc, char **argv,
                        struct sp_err *err)
{
	int rest = 0;

	while (argc > 0) {
		SP_TRY(sp_opts_parse(options, SP_COUNT(options), argc, argv, a,
		                     &rest, err));
		argc -= rest;
		argv += rest;
		if (argc > 0 && a->file != NULL) {
			sp_err_set(err, "one file at a time, not also %s",
			           argv[0]);
			return SP_E_PROTO;
		}
		if (argc > 0)
			a->file = argv[0];
	}
	if (a->head == NULL || is_hash(a->head))
		return SP_OK;
	sp_err_set(err, "--head wants 64 hex digits, not '%s'", a->head);
	return SP_E_PROTO;
}

static bool exists(const char *path, bool *ret_folder)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*ret_folder = S_ISDIR(st.st_mode);
	return true;
}

/* FILE, the folder of a log, or the state folder above it. */
static enum sp_rc find_file(struct target *t, const char *arg)
{
	static const char *const inside[] = { SP_LOG_FILE,
		                              "audit/" SP_LOG_FILE };
	const size_t cap = sizeof(t->file);
	bool folder = false;

	if ((size_t)snprintf(t->file, cap, "%s", arg) >= cap)
		return SP_E_LIMIT;
	if (!exists(arg, &folder) || !folder)
		return SP_OK;
	for (size_t i = 0; i < SP_COUNT(inside); i++) {
		if ((size_t)snprintf(t->file, cap, "%s/%s", arg, inside[i]) >=
		    cap)
			return SP_E_LIMIT;
		if (exists(t->file, &folder))
			break;
	}
	return SP_OK;
}

static enum sp_rc find_target(struct target *t, const struct args *a,
                              struct sp_err *err)
{
	char dir[SP_PATH_MAX];

	t->json = a->json;
	t->anchored = a->head != NULL || a->min_seq > 0;
	t->want.head = a->head;
	t->want.min_seq = a->min_seq;
	if (a->file == NULL && sp_audit_dir(dir, sizeof(dir)) < 0) {
		sp_err_set(err, "no home folder: name the file, or set "
		                "SALLYPORT_STATE");
		return SP_E_STATE;
	}
	if (find_file(t, a->file != NULL ? a->file : dir) == SP_OK)
		return SP_OK;
	sp_err_set(err, "the name of the file is too long");
	return SP_E_LIMIT;
}

/* --------------------------------------------------------------- the input */

static bool read_all(int fd, struct sp_verify *v)
{
	uint8_t *buf = sp_alloc(1, READ_BYTES);
	unsigned tries = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, buf, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sp_verify_feed(v, (struct sp_str){ buf, (size_t)n });
		if (n > 0)
			continue;
		if (!sp_verify_midline(v) || tries++ == SETTLE_TRIES)
			break;
		poll(NULL, 0, SETTLE_MS);
	}
	sp_free(buf);
	return n == 0;
}

/* -------------------------------------------------------------- the answer */

static void print_opens(const struct sp_verify *v)
{
	struct sp_id_row *list;
	size_t n;

	list = sp_ids_list(sp_verify_opens(v), (struct sp_str){ 0 }, &n);
	if (n > 0)
		printf("open: %zu transactions without a close:", n);
	for (size_t i = 0; i < n && i < OPENS_SHOWN; i++)
		printf(" %s (record %llu)", list[i].id,
		       (unsigned long long)list[i].value);
	if (n > 0)
		puts(n > OPENS_SHOWN ? " ..." : "");
	sp_free(list);
}

static void print_faults(const struct sp_verify_sum *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct sp_fault_at *f = &s->at[i];
		struct sp_buf b;

		sp_buf_init(&b, 1024);
		sp_text_visible(&b, sp_str(f->detail));
		printf("line %llu, byte %llu: %s: %s%s%.*s%s\n",
		       (unsigned long long)f->line,
		       (unsigned long long)f->offset, sp_fault_code(f->fault),
		       sp_fault_text(f->fault), f->detail[0] ? " (" : "",
		       (int)sp_buf_len(&b), (const char *)sp_buf_str(&b).p,
		       f->detail[0] ? ")" : "");
		sp_buf_fini(&b);
	}
	if (s->faults > s->n)
		printf("and %llu more\n",
		       (unsigned long long)(s->faults - s->n));
}

static const char *verdict(enum sp_rc rc)
{
	return rc == SP_OK        ? "valid"
	       : rc == SP_E_LIMIT ? "undecided"
	                          : "invalid";
}

static void print_text(const struct target *t, const struct sp_verify *v,
                       enum sp_rc rc)
{
	const struct sp_verify_sum *s = sp_verify_sum(v);

	printf("%s: %llu records, %llu transactions, %llu denied (%s)\n",
	       verdict(rc), (unsigned long long)s->records,
	       (unsigned long long)s->transactions,
	       (unsigned long long)s->denied, t->file);
	print_faults(s);
	print_opens(v);
	if (rc != SP_OK)
		return;
	printf("head: record %llu, hash %s\n", (unsigned long long)s->last_seq,
	       s->head);
	if (!s->closed)
		puts("not closed: the keeper is running, or did not end well");
	if (!t->anchored)
		puts("unanchored: an end that was cut off leaves no trace; "
		     "keep the head and pass it with --head next time");
}

static void put_faults(struct sp_buf *b, const struct sp_verify_sum *s)
{
	sp_buf_text(b, "[");
	for (unsigned i = 0; i < s->n; i++) {
		const struct sp_json_object none = { 0 };
		struct sp_json_object f = { 0 };

		sp_json_add_text(&f, "code",
		                 sp_str(sp_fault_code(s->at[i].fault)));
		if (s->at[i].detail[0] != '\0')
			sp_json_add_text(&f, "detail", sp_str(s->at[i].detail));
		sp_json_add_u64(&f, "line", s->at[i].line);
		sp_json_add_u64(&f, "offset", s->at[i].offset);
		if (i > 0)
			sp_buf_byte(b, ',');
		sp_json_put_merged(b, &f, &none);
	}
	sp_buf_text(b, "]");
}

static void print_json(const struct target *t, const struct sp_verify *v,
                       enum sp_rc rc)
{
	const struct sp_verify_sum *s = sp_verify_sum(v);
	const struct sp_json_object none = { 0 };
	struct sp_json_object m = { 0 };
	struct sp_buf b;

	sp_json_add_flag(&m, "anchored", s->anchored);
	sp_json_add_flag(&m, "closed", s->closed);
	sp_json_add_u64(&m, "denied", s->denied);
	sp_json_add_u64(&m, "fault_count", s->faults);
	sp_json_add_text(&m, "file", sp_str(t->file));
	sp_json_add_text(&m, "head", sp_str(s->head));
	sp_json_add_u64(&m, "last_seq", s->last_seq);
	sp_json_add_u64(&m, "open", sp_verify_opens(v)->n);
	sp_json_add_u64(&m, "records", s->records);
	sp_json_add_text(&m, "result", sp_str(verdict(rc)));
	sp_json_add_u64(&m, "transactions", s->transactions);
	sp_buf_init(&b, SP_KIB(64));
	sp_json_put_merged(&b, &m, &none);
	/* An array does not fit into the flat object: it goes in last. */
	b.tail--;
	sp_buf_text(&b, ",\"faults\":");
	put_faults(&b, s);
	printf("%.*s}\n", (int)sp_buf_len(&b), (const char *)sp_buf_str(&b).p);
	sp_buf_fini(&b);
}

static enum sp_rc examine(const struct target *t, struct sp_verify *v,
                          struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = -1;

	fd = open(t->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !read_all(fd, v))
		return sp_err_sys(err, t->file);
	return SP_OK;
}

static int verify(const struct target *t)
{
	struct sp_verify *v = sp_verify_new(&t->want);
	int status = EXIT_UNDECIDED;
	struct sp_err err;
	enum sp_rc rc;

	if (examine(t, v, &err) < 0) {
		fprintf(stderr, "sallyport audit: %s\n", err.text);
	} else {
		rc = sp_verify_end(v);
		(t->json ? print_json : print_text)(t, v, rc);
		if (rc != SP_E_LIMIT)
			status = rc == SP_OK ? SP_EXIT_OK : SP_EXIT_FAIL;
	}
	sp_verify_free(v);
	return status;
}

static int usage(const char *what)
{
	fprintf(stderr, "sallyport audit: %s; see 'sallyport audit --help'\n",
	        what);
	return SP_EXIT_USAGE;
}

int sp_cli_audit(int argc, char **argv)
{
	bool named = argc > 1 && strcmp(argv[1], "verify") == 0;
	struct target t = { 0 };
	struct args a = { 0 };
	struct sp_err err;
	int status;

	/* `audit --help` as well as `audit verify --help`. */
	if (parse(&a, argc - named, argv + named, &err) < 0)
		return usage(err.text);
	if (a.help)
		help();
	else if (!named)
		return usage("verify is the only command, and it must come "
		             "first");
	else if (find_target(&t, &a, &err) < 0)
		return usage(err.text);
	status = a.help ? SP_EXIT_OK : verify(&t);
	/* Said once for all output. */
	return fflush(stdout) != 0 || ferror(stdout) ? EXIT_UNDECIDED : status;
}
