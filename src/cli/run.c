/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/run.c - `sallyport run`, the part that still sees the user's environment.
 *
 * It decides everything (paths, identity, environment), tells the keeper, and
 * executes itself as launcher with the plan and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/opts.h"
#include "cli/inherit.h"
#include "core/alloc.h"
#include "core/fd.h"
#include "ipc/chan.h"
#include "ipc/ops.h"
#include "ipc/wire.h"
#include "role/keeper_connect.h"
#include "role/role.h"
#include "role/source.h"
#include "sandbox/net.h"
#include "sandbox/sealed.h"
#include "trust/env.h"
#include "trust/trust.h"

#define EXIT_REFUSED 2
#define COMMAND_MAX  256u
/* Of a sandbox, threads included: a fork bomb stays its own. */
#define PIDS_DEFAULT   8192
#define DEFAULT_POLICY "sallyport.yaml"
/* systemd's range for dynamic users. */
#define DYNAMIC_FIRST 61184u
#define DYNAMIC_COUNT 4336u

struct args {
	const char *policy, *cwd, *name, *project, *capture, *tier, *disable;
	struct sp_words allow, deny, rw, ro, env;
	struct sp_words kept; /* texts that are nowhere else */
	uint64_t memory, cpu_s, pids, files, fsize;
	bool nested, quiet, no_policy, help;
};

#define AT(member) offsetof(struct args, member)

/* clang-format off */
static const struct sp_opt options[] = {
	{ "policy", 'p', SP_OPT_TEXT, AT(policy), "FILE",
	  "Policy file. Is not looked for: see --no-policy." },
	{ "no-policy", 0, SP_OPT_FLAG, AT(no_policy), NULL,
	  "Do without the sallyport.yaml that lies here." },
	{ "allow", 0, SP_OPT_LIST, AT(allow), "HOST[:PORT]",
	  "Allow a host in addition to the policy file." },
	{ "deny", 0, SP_OPT_LIST, AT(deny), "HOST",
	  "Deny a host, whatever else allows it." },
	{ "project", 0, SP_OPT_TEXT, AT(project), "DIR",
	  "The directory the program may write. Default: the current one." },
	{ "rw", 0, SP_OPT_LIST, AT(rw), "PATH",
	  "Show a further path, writable. Lifts the guard of that path." },
	{ "ro", 0, SP_OPT_LIST, AT(ro), "PATH",
	  "Show a further path, read-only (a toolchain in your home)." },
	{ "env", 0, SP_OPT_LIST, AT(env), "NAME[=VALUE]",
	  "Pass on or set a variable." },
	{ "cwd", 0, SP_OPT_TEXT, AT(cwd), "DIR",
	  "Where the program starts." },
	{ "name", 0, SP_OPT_TEXT, AT(name), "NAME",
	  "Name of the sandbox, for ps and logs." },
	{ "memory", 0, SP_OPT_BYTES, AT(memory), "SIZE",
	  "Private memory of each process." },
	{ "cpu-time", 0, SP_OPT_TIME, AT(cpu_s), "TIME",
	  "Processor time of each process." },
	{ "pids", 0, SP_OPT_COUNT, AT(pids), "N",
	  "How many processes and threads there may be (8192)." },
	{ "files", 0, SP_OPT_COUNT, AT(files), "N",
	  "Open files of each process." },
	{ "fsize", 0, SP_OPT_BYTES, AT(fsize), "SIZE",
	  "Longest file that may be written." },
	{ "capture", 0, SP_OPT_TEXT, AT(capture), "WAY",
	  "auto, tproxy, redirect or ports: how connections are caught." },
	{ "nested-userns", 0, SP_OPT_FLAG, AT(nested), NULL,
	  "Let the program make namespaces (browsers with a sandbox)." },
	{ "tier", 0, SP_OPT_TEXT, AT(tier), "TIER",
	  "Weakest isolation to accept. Only A is available." },
	{ "test-disable", 0, SP_OPT_TEXT, AT(disable), "LIST", NULL },
	{ "quiet", 'q', SP_OPT_FLAG, AT(quiet), NULL,
	  "Say nothing unless something is wrong." },
	{ "help", 'h', SP_OPT_FLAG, AT(help), NULL, "This text." },
};
/* clang-format on */

static void help(void)
{
	puts("usage: sallyport run [OPTIONS] [--] COMMAND [ARGUMENTS]\n"
	     "\n"
	     "Runs a command in a sandbox: it has no network but the gate, "
	     "sees system\ndirectories read-only, an empty home, and this "
	     "directory.\n");
	sp_opts_help(options, SP_COUNT(options));
	puts("\nExit status: that of the command (128 + N for signal N), 2 if "
	     "the sandbox\ncould not be made, 126 or 127 if the command "
	     "cannot be executed or found.");
}

static enum sp_rc refuse(struct sp_err *err, const char *fmt, const char *a)
{
	char text[SP_ERR_MAX];

	/* fmt is one of ours: a single %s. */
	snprintf(text, sizeof(text), "%s", fmt);
	sp_err_set(err, "%s: %s", a, text);
	return SP_E_DENIED;
}

/* ---- paths ------------------------------------------------------------------
 */

/* A copy that lives as long as the arguments. */
static const char *keep(struct args *a, const char *text)
{
	sp_words_copy(&a->kept, sp_str(text));
	return a->kept.v[a->kept.n - 1];
}

static enum sp_rc real(struct args *a, const char *path, const char **ret,
                       struct sp_err *err)
{
	char buf[PATH_MAX];

	if (realpath(path, buf) == NULL)
		return sp_err_sys(err, path);
	*ret = keep(a, buf);
	return SP_OK;
}

static bool is_same_or_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 &&
	       (path[n] == '\0' || path[n] == '/' || n == 1);
}

/* What may not be shown writable, with everything that is in it. */
static enum sp_rc check_writable(const char *path, const char *home,
                                 struct sp_err *err)
{
	static const char *const refused[] = {
		"/bin",   "/boot", "/etc", "/home", "/lib",     "/lib64",
		"/media", "/mnt",  "/opt", "/root", "/run",     "/sbin",
		"/srv",   "/tmp",  "/usr", "/var",  "/var/tmp",
	};

	if (is_same_or_below(home, path))
		return refuse(err,
		              "your home directory would be the program's; "
		              "name a directory in it with --project",
		              path);
	for (size_t i = 0; i < SP_COUNT(refused); i++)
		if (strcmp(path, refused[i]) == 0)
			return refuse(err,
			              "is a directory of the system; name "
			              "one of yours with --project",
			              path);
	return SP_OK;
}

static enum sp_rc check_visible(const char *path, const char *home,
                                struct sp_err *err)
{
	static const char *const refused[] = { "/proc", "/sys", "/dev" };

	if (strcmp(path, "/") == 0)
		return refuse(err,
		              "the whole system cannot be shown; name a "
		              "directory with --project, --ro or --rw",
		              path);
	for (size_t i = 0; i < SP_COUNT(refused); i++)
		if (is_same_or_below(path, refused[i]))
			return refuse(err, "is the kernel's", path);
	if (strcmp(path, home) != 0 && is_same_or_below(home, path))
		return refuse(err, "holds your home directory", path);
	return SP_OK;
}

static enum sp_rc add_paths(struct args *a, const struct sp_words *from,
                            struct sp_words *to, const char *home, bool write,
                            struct sp_err *err)
{
	for (size_t i = 0; i < from->n; i++) {
		const char *path = NULL;

		SP_TRY(real(a, from->v[i], &path, err));
		SP_TRY(check_visible(path, home, err));
		if (write)
			SP_TRY(check_writable(path, home, err));
		sp_words_add(to, path);
	}
	return SP_OK;
}

/* Inside, home is an empty directory of the same name. */
static const char *choose_home(struct args *a, const char *outer)
{
	struct stat st;
	char buf[PATH_MAX];

	if (outer == NULL || outer[0] != '/' || realpath(outer, buf) == NULL ||
	    strcmp(buf, "/") == 0 || stat(buf, &st) < 0 || !S_ISDIR(st.st_mode))
		return "/home/sandbox";
	return keep(a, buf);
}

static bool is_shown(const struct sp_plan *p, const char *path)
{
	if (is_same_or_below(path, p->project))
		return true;
	for (size_t i = 0; i < p->rw.n; i++)
		if (is_same_or_below(path, p->rw.v[i]))
			return true;
	for (size_t i = 0; i < p->ro.n; i++)
		if (is_same_or_below(path, p->ro.v[i]))
			return true;
	return false;
}

static enum sp_rc choose_paths(struct args *a, struct sp_plan *p,
                               const char *home, struct sp_err *err)
{
	const char *here = NULL;

	p->home = choose_home(a, home);
	SP_TRY(real(a, ".", &here, err));
	SP_TRY(real(a, a->project != NULL ? a->project : ".", &p->project,
	            err));
	SP_TRY(check_visible(p->project, p->home, err));
	SP_TRY(check_writable(p->project, p->home, err));
	SP_TRY(add_paths(a, &a->rw, &p->rw, p->home, true, err));
	SP_TRY(add_paths(a, &a->ro, &p->ro, p->home, false, err));
	if (a->cwd != NULL)
		p->cwd = a->cwd;
	else
		p->cwd = is_shown(p, here) ? here : p->project;
	if (p->cwd[0] != '/')
		return refuse(err, "--cwd wants an absolute path", p->cwd);
	return SP_OK;
}

/* ---- identity -------------------------------------------------------- */

static bool read_id(const char *const *env, const char *name, uint32_t *ret)
{
	const char *text = sp_env_get(env, name);
	unsigned long v;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || v == 0 || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Never kernel uid 0: sysctl files would be the program's. */
static void choose_ids(struct sp_plan *p, const char *const *env)
{
	uint32_t uid, gid;

	p->uid = geteuid();
	p->gid = getegid();
	p->user = sp_env_get(env, "USER");
	if (p->user == NULL || p->user[0] == '\0')
		p->user = "sandbox";
	if (p->uid != 0)
		return;
	p->root = 1;
	if (read_id(env, "SUDO_UID", &uid) && read_id(env, "SUDO_GID", &gid)) {
		const char *name = sp_env_get(env, "SUDO_USER");

		p->uid = uid;
		p->gid = gid;
		p->user = name != NULL ? name : "sandbox";
		return;
	}
	p->uid = DYNAMIC_FIRST + (unsigned)getpid() % DYNAMIC_COUNT;
	p->gid = p->uid;
	p->user = "sandbox";
}

/* ---- the rest of the plan -------------------------------------------- */

static enum sp_rc read_disable(const char *list, uint64_t *ret,
                               struct sp_err *err)
{
	static const struct {
		const char *name;
		uint64_t bit;
	} rows[] = {
		{ "landlock", SP_DISABLE_LANDLOCK },
		{ "seccomp", SP_DISABLE_SECCOMP },
		{ "overlay", SP_DISABLE_OVERLAY },
		{ "nft", SP_DISABLE_NFT },
	};

	for (const char *p = list; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ","), i = 0;

		while (i < SP_COUNT(rows) && (strlen(rows[i].name) != n ||
		                              memcmp(rows[i].name, p, n) != 0))
			i++;
		if (i == SP_COUNT(rows)) {
			sp_err_set(err, "--test-disable: '%s' is not a layer",
			           p);
			return SP_E_PROTO;
		}
		*ret |= rows[i].bit;
		p += n + (p[n] == ',');
	}
	return SP_OK;
}

static enum sp_rc choose_capture(const struct args *a, struct sp_plan *p,
                                 struct sp_err *err)
{
	enum sp_capture how = SP_CAPTURE_AUTO;

	if (a->capture != NULL && sp_capture_parse(a->capture, &how) < 0)
		return refuse(err,
		              "--capture knows auto, tproxy, redirect, "
		              "ports",
		              a->capture);
	if (a->tier != NULL && strcmp(a->tier, "A") != 0)
		return refuse(err, "--tier knows A only", a->tier);
	p->capture = how;
	return read_disable(a->disable, &p->disable, err);
}

static void choose_terminal(struct sp_plan *p)
{
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd))
			p->tty |= UINT64_C(1) << fd;
}

static const char *tier_of(const struct sp_plan *p)
{
	return p->root != 0 ? "A'" : "A";
}

static void choose_env(const struct args *a, struct sp_plan *p,
                       const char *const *outer, struct sp_env *ret)
{
	const struct sp_env_facts facts = {
		.outer = outer,
		.asked = &a->env,
		.home = p->home,
		.user = p->user,
		.cwd = p->cwd,
		.tier = tier_of(p),
		.uid = (uint32_t)p->uid,
		.bundle = sp_trust_host_bundle() != NULL,
	};

	sp_env_build(ret, &facts);
	p->env = ret->vars;
	p->bundles = ret->bundles;
}

/* Only what is named is used: doc/decisions/0004. */
static enum sp_rc choose_policy(struct args *a, struct sp_plan *p,
                                struct sp_err *err)
{
	p->policy = "";
	if (a->policy != NULL)
		return real(a, a->policy, &p->policy, err);
	if (a->no_policy || access(DEFAULT_POLICY, F_OK) < 0) {
		if (a->allow.n == 0 && !a->quiet && !a->no_policy)
			fputs("sallyport: no policy: every public host is "
			      "allowed, and recorded; --allow HOST or -p FILE "
			      "narrows that\n",
			      stderr);
		return SP_OK;
	}
	sp_err_set(err, DEFAULT_POLICY " is here but not named: use it with "
	                               "-p " DEFAULT_POLICY
	                               ", or do without it with --no-policy");
	return SP_E_DENIED;
}

/* What is the keeper's is hidden in what is shown, and cannot be shown. */
static enum sp_rc check_ours(const struct sp_plan *p, const char *ours,
                             struct sp_err *err)
{
	const struct sp_words *lists[] = { &p->rw, &p->ro };
	bool bad = is_same_or_below(p->project, ours);

	for (size_t i = 0; i < SP_COUNT(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			bad |= is_same_or_below(lists[i]->v[k], ours);
	return bad ? refuse(err,
	                    "holds the socket or the record of the keeper; "
	                    "nothing in it can be shown",
	                    ours)
	           : SP_OK;
}

/* A keeper has answered: what is not there now is not used. */
static enum sp_rc choose_hidden(struct args *a, struct sp_plan *p,
                                struct sp_err *err)
{
	struct sp_keeper_place at;
	char dir[sizeof(at.socket)];
	const char *places[] = { dir, at.state };

	SP_TRY(sp_keeper_place(&at, err));
	snprintf(dir, sizeof(dir), "%.*s",
	         (int)(strrchr(at.socket, '/') - at.socket), at.socket);
	for (size_t i = 0; i < SP_COUNT(places); i++) {
		const char *path = NULL;

		if (access(places[i], F_OK) < 0 && errno == ENOENT)
			continue;
		SP_TRY(real(a, places[i], &path, err));
		SP_TRY(check_ours(p, path, err));
		sp_words_add(&p->hide, path);
	}
	return SP_OK;
}

static enum sp_rc make_plan(struct args *a, const char *const *outer,
                            struct sp_plan *p, struct sp_env *env,
                            struct sp_err *err)
{
	mode_t mask = umask(0);

	umask(mask);
	p->umask = mask;
	p->nested = a->nested;
	p->quiet = a->quiet;
	p->memory = a->memory;
	p->cpu_s = a->cpu_s;
	p->pids = a->pids != 0 ? a->pids : PIDS_DEFAULT;
	p->files = a->files;
	p->fsize = a->fsize;
	p->allow = a->allow;
	p->deny = a->deny;
	choose_ids(p, outer);
	choose_terminal(p);
	SP_TRY(choose_capture(a, p, err));
	SP_TRY(choose_paths(a, p, sp_env_get(outer, "HOME"), err));
	SP_TRY(choose_policy(a, p, err));
	choose_env(a, p, outer, env);
	return SP_OK;
}

/* ---- keeper and launcher --------------------------------------------- */

static enum sp_rc policy_source(const struct sp_plan *p, int *ret,
                                struct sp_err *err)
{
	struct sp_policy_source src = {
		.file = p->policy,
		.allow = p->allow.v,
		.n_allow = p->allow.n,
		.deny = p->deny.v,
		.n_deny = p->deny.n,
	};
	struct sp_buf text;
	enum sp_rc rc = SP_OK;

	sp_buf_init(&text, SP_TRUST_FILE_MAX);
	if (p->policy[0] != '\0' && sp_trust_read(p->policy, &text) < 0)
		rc = sp_err_sys(err, p->policy);
	src.text = sp_buf_str(&text);
	if (rc == SP_OK)
		rc = sp_source_memfd(&src, ret, err);
	sp_buf_fini(&text);
	return rc;
}

static void join_command(const struct sp_words *argv, char *ret, size_t cap)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < argv->n && n < cap - 1; i++) {
		int k = snprintf(ret + n, cap - n, "%s%s", i > 0 ? " " : "",
		                 argv->v[i]);

		n += k > 0 ? (size_t)k : 0;
	}
}

static enum sp_rc send_run(int sock, const struct args *a,
                           const struct sp_plan *p, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int source = -1;
	uint8_t buf[SP_IPC_BODY_MAX];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	char command[COMMAND_MAX];

	SP_TRY(policy_source(p, &source, err));
	join_command(&p->argv, command, sizeof(command));
	sp_put_str(&w, sp_str(a->name != NULL ? a->name : ""));
	sp_put_str(&w, sp_str(command));
	sp_put_str(&w, sp_str(tier_of(p)));
	sp_put_str(&w, sp_str(p->cwd));
	if (w.bad)
		return refuse(err, "name or directory is too long", "run");
	if (sp_chan_send(sock, SP_IPC_RUN, (struct sp_str){ buf, w.n }, &source,
	                 1) < 0)
		return sp_err_sys(err, "send to the keeper");
	return SP_OK;
}

static enum sp_rc become_launcher(int sock, const struct sp_plan *p,
                                  struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int plan = -1;
	struct sp_buf bytes;
	enum sp_rc rc;

	sp_buf_init(&bytes, SP_PLAN_MAX);
	rc = sp_plan_encode(p, &bytes);
	if (rc < 0)
		sp_err_set(err, "arguments and environment are too long");
	else
		rc = sp_sealed_make("sallyport-plan", sp_buf_str(&bytes), &plan,
		                    err);
	sp_buf_fini(&bytes);
	if (rc < 0)
		return rc;
	return sp_role_exec("launcher", sock, &plan, 1, err);
}

static enum sp_rc start(struct args *a, struct sp_plan *p,
                        const char *const *outer, struct sp_env *env,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int sock = -1;

	SP_TRY(sp_cli_inherit(err));
	SP_TRY(make_plan(a, outer, p, env, err));
	SP_TRY(sp_keeper_connect(SP_R_LAUNCHER, true, &sock, err));
	SP_TRY(choose_hidden(a, p, err));
	SP_TRY(send_run(sock, a, p, err));
	return become_launcher(sock, p, err);
}

/* environ, as a list that nobody writes through. */
static const char *const *outer_env(void)
{
	union {
		char **in;
		const char *const *out;
	} u = { .in = environ };

	return u.out;
}

static void forget(struct args *a, struct sp_plan *p, struct sp_env *env)
{
	p->env = p->bundles = p->allow = p->deny = (struct sp_words){ 0 };
	sp_plan_fini(p);
	sp_env_fini(env);
	sp_words_fini(&a->allow);
	sp_words_fini(&a->deny);
	sp_words_fini(&a->rw);
	sp_words_fini(&a->ro);
	sp_words_fini(&a->env);
	sp_words_free(&a->kept);
}

/* SP_DONE: only help was wanted. Else returns only when it failed. */
static enum sp_rc run(int argc, char **argv, struct args *a, struct sp_plan *p,
                      struct sp_env *env, struct sp_err *err)
{
	int rest = 0;

	SP_TRY(sp_opts_parse(options, SP_COUNT(options), argc, argv, a, &rest,
	                     err));
	if (a->help) {
		help();
		return SP_DONE;
	}
	if (rest >= argc) {
		sp_err_set(err, "run what? sallyport run [OPTIONS] -- COMMAND");
		return SP_E_PROTO;
	}
	for (int i = rest; i < argc; i++)
		sp_words_add(&p->argv, argv[i]);
	return start(a, p, outer_env(), env, err);
}

int sp_cli_run(int argc, char **argv)
{
	struct args a = { 0 };
	struct sp_plan p = { 0 };
	struct sp_env env = { 0 };
	struct sp_err err = { 0 };
	enum sp_rc rc = run(argc, argv, &a, &p, &env, &err);

	forget(&a, &p, &env);
	if (rc == SP_DONE)
		return SP_EXIT_OK;
	fprintf(stderr, "sallyport: %s\n", err.text);
	return EXIT_REFUSED;
}
