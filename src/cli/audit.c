/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit.c - `sallyport audit verify`: is the log whole and unaltered? */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sys/stat.h>

#include "audit/log.h"
#include "audit/verify.h"
#include "core/alloc.h"
#include "core/fd.h"
#include "json/write.h"

#include "cli/commands.h"
#include "cli/paths.h"
#include "cli/text.h"

#define EXIT_UNDECIDED 2
#define READ_BYTES     (256u << 10)
/* A keeper may be in the middle of a write: look again before judging. */
#define SETTLE_MS    10
#define SETTLE_TRIES 20u
#define OPENS_SHOWN  5u

static const char help[] =
	"usage: sallyport audit verify [--json] [--head HASH] [--min-seq N]\n"
	"                              [FILE | FOLDER]\n"
	"\n"
	"Checks the audit log offline: canonical form, the chain of hashes,\n"
	"sequence numbers of log and sandboxes, clocks, and that each\n"
	"transaction was opened and closed exactly once.\n"
	"\n"
	"  --head HASH   some record must have this hash (an anchor that you\n"
	"                kept from an earlier run: nothing before it changed)\n"
	"  --min-seq N   the log must reach at least record N\n"
	"  --json        the result as one line of JSON\n"
	"  -h, --help    this text\n"
	"\n"
	"Without --head or --min-seq a log whose end was cut off looks like a\n"
	"shorter valid log. Without FILE the log of this user is checked.\n"
	"\n"
	"Exit status: 0 valid, 1 invalid, 2 undecided, 64 wrong usage.\n";

struct options {
	bool json;
	struct sp_verify_want want;
	char file[SP_PATH_MAX];
};

static int usage(const char *what, const char *arg)
{
	fprintf(stderr,
	        "sallyport audit: %s '%s'; see 'sallyport audit --help'\n",
	        what, arg);
	return SP_EXIT_USAGE;
}

/* ------------------------------------------------------------- the options */

/* FILE, the folder of a log, or the state folder above it. */
static bool find_file(struct options *o, const char *arg)
{
	static const char *const inside[] = { SP_LOG_FILE,
		                              "audit/" SP_LOG_FILE };
	struct stat st;

	if (stat(arg, &st) < 0 || !S_ISDIR(st.st_mode))
		return (size_t)snprintf(o->file, sizeof(o->file), "%s", arg) <
		       sizeof(o->file);
	for (size_t i = 0; i < SP_COUNT(inside); i++) {
		int n = snprintf(o->file, sizeof(o->file), "%s/%s", arg,
		                 inside[i]);

		if (n < 0 || (size_t)n >= sizeof(o->file))
			return false;
		if (stat(o->file, &st) == 0)
			return true;
	}
	return true;
}

static bool default_file(struct options *o)
{
	char dir[SP_PATH_MAX];

	return sp_audit_dir(dir, sizeof(dir)) == SP_OK && find_file(o, dir);
}

static bool is_hash(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "head", required_argument, NULL, 'H' },
		{ "min-seq", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		if (c == 'j')
			o->json = true;
		else if (c == 'h')
			return fputs(help, stdout), -1;
		else if (c == 'H' && is_hash(optarg))
			o->want.head = optarg;
		else if (c == 'm' && sp_text_u64(optarg, &o->want.min_seq))
			continue;
		else if (c == 'H')
			return usage("not a hash of 64 hex digits", optarg);
		else if (c == 'm')
			return usage("not a number", optarg);
		else if (c == ':')
			return usage("a value is missing after",
			             argv[optind - 1]);
		else
			return usage("unknown option", argv[optind - 1]);
	}
	return 0;
}

/* -1: done, exit 0. */
static int read_arguments(struct options *o, int argc, char **argv)
{
	int rc = read_options(o, argc, argv);

	if (rc != 0)
		return rc;
	if (optind == argc)
		return usage("what to do is missing after", "audit");
	if (strcmp(argv[optind], "verify") != 0)
		return usage("unknown command", argv[optind]);
	if (argc - optind > 2)
		return usage("one file at a time, not", argv[optind + 2]);
	if (argc - optind == 2 ? find_file(o, argv[optind + 1])
	                       : default_file(o))
		return 0;
	return usage("no usable file name", "FILE");
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

static void print_text(const struct options *o, const struct sp_verify *v,
                       enum sp_rc rc)
{
	const struct sp_verify_sum *s = sp_verify_sum(v);

	printf("%s: %llu records, %llu transactions, %llu denied (%s)\n",
	       verdict(rc), (unsigned long long)s->records,
	       (unsigned long long)s->transactions,
	       (unsigned long long)s->denied, o->file);
	print_faults(s);
	print_opens(v);
	if (rc != SP_OK)
		return;
	printf("head: record %llu, hash %s\n", (unsigned long long)s->last_seq,
	       s->head);
	if (!s->closed)
		puts("not closed: the keeper is running, or did not end well");
	if (o->want.head == NULL && o->want.min_seq == 0)
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

static void print_json(const struct options *o, const struct sp_verify *v,
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
	sp_json_add_text(&m, "file", sp_str(o->file));
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

static int cannot(const char *file)
{
	fprintf(stderr, "sallyport audit: %s: %s\n", file, strerror(errno));
	return EXIT_UNDECIDED;
}

static int verify(const struct options *o)
{
	SP_CLEANUP(sp_fd_close) int fd = -1;
	struct sp_verify *v;
	enum sp_rc rc;

	fd = open(o->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cannot(o->file);
	v = sp_verify_new(&o->want);
	if (!read_all(fd, v)) {
		sp_verify_free(v);
		return cannot(o->file);
	}
	rc = sp_verify_end(v);
	(o->json ? print_json : print_text)(o, v, rc);
	sp_verify_free(v);
	return rc == SP_OK        ? SP_EXIT_OK
	       : rc == SP_E_LIMIT ? EXIT_UNDECIDED
	                          : SP_EXIT_FAIL;
}

int sp_cli_audit(int argc, char **argv)
{
	struct options o = { 0 };
	int rc = read_arguments(&o, argc, argv);

	if (rc == 0)
		rc = verify(&o);
	else if (rc < 0)
		rc = SP_EXIT_OK;
	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_UNDECIDED;
	return rc;
}
