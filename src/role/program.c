/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/program.c - the last steps before the program: limits, Landlock, then
 * seccomp (whose list might refuse Landlock's calls), then exec.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "role/init.h"
#include "core/alloc.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/ns.h"

#define ENV_EXTRA 1 /* SALLYPORT_SANDBOX */

static _Noreturn void report_and_exit(int fd, int code, const char *text)
{
	char buf[SP_ERR_MAX];
	int n = snprintf(buf, sizeof(buf), "%c%s", code, text);

	/* Without a reader the exit code has to do. */
	(void)!write(fd, buf, n < (int)sizeof(buf) ? (size_t)n : sizeof(buf));
	_exit(code);
}

static enum sp_rc confine(const struct sp_plan *p, struct sp_err *err)
{
	const struct sp_limits limits = {
		.memory = p->memory,
		.cpu_s = p->cpu_s,
		.pids = p->pids,
		.files = p->files,
		.fsize = p->fsize,
	};
	const struct sp_filter_opts filter = { .nested_userns =
		                                       p->nested != 0 };
	struct sp_words write = { 0 };
	char run[64];

	snprintf(run, sizeof(run), "/run/user/%u", (unsigned)p->uid);
	sp_words_add(&write, p->project);
	sp_words_add(&write, p->home);
	for (size_t i = 0; i < p->rw.n; i++)
		sp_words_add(&write, p->rw.v[i]);
	sp_words_add(&write, "/tmp");
	sp_words_add(&write, "/var/tmp");
	sp_words_add(&write, run);
	sp_words_add(&write, "/run/lock");
	sp_words_add(&write, "/dev");
	sp_words_add(&write, "/proc");
	SP_TRY(sp_limits_apply(&limits, err));
	if ((p->disable & SP_DISABLE_LANDLOCK) == 0)
		SP_TRY(sp_landlock_apply(write.v, write.n, err));
	if ((p->disable & SP_DISABLE_SECCOMP) == 0)
		SP_TRY(sp_filter_apply(&filter, err));
	sp_free(write.v); /* exec would do as well */
	return SP_OK;
}

/* execve() wants pointers that it could write through, and does not. */
static char *const *unconst(const char **v)
{
	union {
		const char **in;
		char *const *out;
	} u = { .in = v };

	return u.out;
}

/* A script without an interpreter line is the shell's, as execvp() has it. */
static void run_script(const char *path, struct sp_words *argv,
                       char *const *env)
{
	struct sp_words sh = { 0 };

	sp_words_add(&sh, "/bin/sh");
	sp_words_add(&sh, path);
	for (size_t i = 1; i < argv->n; i++)
		sp_words_add(&sh, argv->v[i]);
	execve("/bin/sh", unconst(sh.v), env);
	sp_free(sh.v);
}

/* Returns with errno. */
static void try_exec(const char *path, struct sp_words *argv, char *const *env)
{
	execve(path, unconst(argv->v), env);
	if (errno == ENOEXEC)
		run_script(path, argv, env);
}

static const char *path_of(const struct sp_words *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], "PATH=", 5) == 0)
			return env->v[i] + 5;
	return "/usr/bin:/bin";
}

/* As execvp(), with the program's PATH. Returns with errno. */
static void search(struct sp_words *argv, struct sp_words *env)
{
	const char *name = argv->v[0], *dir = path_of(env);
	bool refused = false;
	char path[PATH_MAX];

	if (strchr(name, '/') != NULL) {
		try_exec(name, argv, unconst(env->v));
		return;
	}
	for (;;) {
		size_t n = strcspn(dir, ":");

		if (snprintf(path, sizeof(path), "%.*s%s%s", (int)n, dir,
		             n > 0 ? "/" : "", name) < (int)sizeof(path))
			try_exec(path, argv, unconst(env->v));
		refused |= errno == EACCES;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return;
		if (dir[n] == '\0')
			break;
		dir += n + 1;
	}
	errno = refused ? EACCES : ENOENT;
}

static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* not all can be set: fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void sp_program_run(const struct sp_plan *plan, const char *id,
                              int report)
{
	struct sp_words argv = plan->argv, env = { 0 };
	char sandbox[128];
	struct sp_err err;

	for (size_t i = 0; i < plan->env.n; i++)
		sp_words_add(&env, plan->env.v[i]);
	snprintf(sandbox, sizeof(sandbox), "SALLYPORT_SANDBOX=%s", id);
	sp_words_add(&env, sandbox);
	if (confine(plan, &err) < 0)
		report_and_exit(report, SP_EXIT_SETUP, err.text);
	umask((mode_t)plan->umask & 0777);
	default_signals();
	search(&argv, &env);
	sp_err_sys(&err, plan->argv.v[0]);
	report_and_exit(report,
	                errno == ENOENT ? SP_EXIT_NOT_FOUND : SP_EXIT_NOT_EXEC,
	                err.text);
}
