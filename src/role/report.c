/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/report.c - what the user should hear at the end of a sandbox: names
 * that appeared in the project, tools that were not in the view.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/launcher_int.h"
#include "sandbox/mnt.h"

static struct guarded identity(const struct stat *st)
{
	struct guarded g = { .ino = st->st_ino, .type = st->st_mode & S_IFMT };

	if (S_ISLNK(st->st_mode))
		g.changed = st->st_ctim;
	return g;
}

/* A link on the way to one
 * makes it unreachable, which counts as absent; a link itself is there. */
void guarded_look(const struct launcher *l, struct guarded ret[GUARDED_MAX])
{
	SP_CLEANUP(sp_fd_close)
	int dir = sp_open_at(AT_FDCWD, l->plan.project, 0, RESOLVE_NO_SYMLINKS);

	memset(ret, 0, GUARDED_MAX * sizeof(*ret));
	for (unsigned i = 0; dir >= 0 && sp_guarded[i] != NULL; i++) {
		SP_CLEANUP(sp_fd_close) int parent = -1;
		const char *slash = strrchr(sp_guarded[i], '/');
		char head[64];
		struct stat st;

		sp_assert(i < GUARDED_MAX);
		snprintf(head, sizeof(head), "%.*s",
		         slash == NULL ? 1 : (int)(slash - sp_guarded[i]),
		         slash == NULL ? "." : sp_guarded[i]);
		parent = sp_open_at(dir, head, 0,
		                    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
		if (parent >= 0 &&
		    fstatat(parent, slash == NULL ? sp_guarded[i] : slash + 1,
		            &st, AT_SYMLINK_NOFOLLOW) == 0)
			ret[i] = identity(&st);
	}
}

static bool is_same(const struct guarded *a, const struct guarded *b)
{
	return a->ino == b->ino && a->type == b->type &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/* What was guarded kept its inode; what changed was absent or a link. */
void guarded_report(const struct launcher *l)
{
	struct guarded now[GUARDED_MAX];
	char text[PATH_MAX + 256];

	guarded_look(l, now);
	for (unsigned i = 0; sp_guarded[i] != NULL; i++) {
		if (now[i].ino == 0 || is_same(&now[i], &l->before[i]))
			continue;
		snprintf(text, sizeof(text),
		         "%s/%s is new: look at it before programs outside "
		         "the sandbox act upon it",
		         l->plan.project, sp_guarded[i]);
		sp_launcher_say(l, text);
	}
}

static const char *value_of(const struct sp_words *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, n) == 0)
			return env->v[i] + n;
	return "";
}

/* It is on this machine, but not in the view: say how to show it. */
static bool hint(const struct launcher *l, const char *path)
{
	char real[PATH_MAX], text[2 * PATH_MAX + 64];
	char *slash;

	if (access(path, X_OK) < 0 || realpath(path, real) == NULL)
		return false;
	slash = strrchr(real, '/');
	*slash = '\0';
	/* /home/u/.tool/bin/x needs /home/u/.tool */
	slash = strrchr(real, '/');
	if (slash != NULL && slash != real && strcmp(slash, "/bin") == 0)
		*slash = '\0';
	if (real[0] == '\0')
		return false;
	snprintf(text, sizeof(text),
	         "%s is there outside the sandbox: show it with --ro %s", path,
	         real);
	sp_launcher_say(l, text);
	return true;
}

void hint_not_found(const struct launcher *l)
{
	const char *name = l->plan.argv.v[0];
	const char *dir = value_of(&l->plan.env, "PATH=");
	char path[PATH_MAX];

	if (strchr(name, '/') != NULL) {
		(void)hint(l, name); /* or there is none */
		return;
	}
	for (;;) {
		size_t n = strcspn(dir, ":");

		if (n > 0 &&
		    snprintf(path, sizeof(path), "%.*s/%s", (int)n, dir, name) <
		            (int)sizeof(path) &&
		    hint(l, path))
			return;
		if (dir[n] == '\0')
			return;
		dir += n + 1;
	}
}
