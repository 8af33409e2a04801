/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/project.c - guards and masks below a writable directory.
 *
 * The directory is writable, but what the host would later execute or obey on
 * its own account is not; secrets in .env files are hidden; sockets of the
 * host's programs are covered. Mount points cannot be renamed, but the
 * directory above one can, so .git is bound onto itself first.
 *
 * Names that do not exist cannot be guarded: the launcher reports new ones
 * after the run. A guard falls off when somebody on the host replaces the
 * file by rename: the kernel detaches mounts from a name that goes away.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "sandbox/view_int.h"

/* Directories looked into, and entries seen, breadth first. What lies beyond
 * is neither masked nor guarded. */
#define SP_SCAN_DIRS    1024u
#define SP_SCAN_ENTRIES 16384u
#define PATH_ROOM       1024u
#define NO_LINKS        (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

const char *const sp_guarded[] = {
	".git/hooks",
	".git/config",
	".git/config.worktree",
	".git/info/attributes",
	".gitmodules",
	".githooks",
	".husky",
	".pre-commit-config.yaml",
	".vscode",
	".idea",
	".zed",
	".fleet",
	".devcontainer",
	".envrc",
	".direnv",
	".claude",
	".mcp.json",
	".cursor",
	".codex",
	".gemini",
	"sallyport.yaml",
	"sallyport.yml",
	".sallyport",
	NULL,
};

struct scan {
	const struct sp_view *v;
	const struct sp_view_path *src;
	int root; /* the directory as mounted in the view */
	char *dir[SP_SCAN_DIRS];
	size_t n, next, entries;
};

static void scan_fini(struct scan *s)
{
	sp_fd_close(&s->root);
	for (size_t i = 0; i < s->n; i++)
		sp_free(s->dir[i]);
	s->n = 0;
}

static bool join(char *ret, size_t cap, const char *dir, const char *name)
{
	int n = snprintf(ret, cap, "%s%s%s", dir, dir[0] == '\0' ? "" : "/",
	                 name);

	return n > 0 && (size_t)n < cap;
}

/* The user named it with --rw: then it is meant. */
static bool is_exempt(const struct scan *s, const char *path)
{
	const struct sp_words *rw = &s->v->plan->rw;
	char full[PATH_ROOM];

	if (!join(full, sizeof(full), s->src->path, path))
		return false;
	for (size_t i = 0; i < rw->n; i++)
		if (strcmp(rw->v[i], full) == 0)
			return true;
	return false;
}

/* A failed guard stops the start. */
static enum sp_rc failed(struct sp_err *err, const char *path)
{
	sp_err_wrap(err, "guard %s", path);
	return SP_E_SYS;
}

static enum sp_rc protect(const struct scan *s, const char *dir,
                          const char *name, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;
	char path[PATH_ROOM];

	if (!join(path, sizeof(path), dir, name) || is_exempt(s, path))
		return SP_OK;
	at = sp_open_at(s->root, path, O_PATH | O_NOFOLLOW, NO_LINKS);
	if (at < 0)
		return SP_OK; /* absent, or a link: reported after the run */
	return sp_view_protect_fd(at, err) < 0 ? failed(err, path) : SP_OK;
}

/* Binds it onto itself, writable: it cannot be renamed any more. */
static enum sp_rc pin(const struct scan *s, const char *path,
                      struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int at = sp_open_at(s->root, path, O_PATH | O_NOFOLLOW, NO_LINKS);

	if (at < 0)
		return SP_OK;
	return sp_mnt_bind(at, at, 0, 0, err) < 0 ? failed(err, path) : SP_OK;
}

static enum sp_rc mask(const struct scan *s, const char *path,
                       struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	if (is_exempt(s, path))
		return SP_OK;
	at = sp_open_at(s->root, path, O_PATH | O_NOFOLLOW, NO_LINKS);
	if (at < 0)
		return SP_OK;
	return sp_view_mask_fd(s->v, at, err) < 0 ? failed(err, path) : SP_OK;
}

/* Submodules keep hooks and configuration of their own. Their names may hold
 * slashes: a directory without a config is looked into. */
static enum sp_rc guard_modules(const struct scan *s, const char *path,
                                int depth, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = sp_open_at(s->root, path, O_RDONLY | O_DIRECTORY, NO_LINKS);
	char sub[PATH_ROOM];
	struct dirent *e;
	enum sp_rc rc = SP_OK;
	DIR *d;

	if (fd < 0 || depth == 0)
		return SP_OK;
	d = fdopendir(fd);
	if (d == NULL)
		return sp_err_sys(err, path);
	(void)sp_fd_steal(&fd); /* closedir() closes it */
	while (rc == SP_OK && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || e->d_type != DT_DIR ||
		    !join(sub, sizeof(sub), path, e->d_name))
			continue;
		rc = protect(s, sub, "config", err);
		if (rc == SP_OK)
			rc = protect(s, sub, "hooks", err);
		if (rc == SP_OK && strcmp(e->d_name, "objects") != 0 &&
		    strcmp(e->d_name, "refs") != 0)
			rc = guard_modules(s, sub, depth - 1, err);
	}
	closedir(d);
	return rc;
}

static enum sp_rc guard_all(const struct scan *s, const char *dir,
                            struct sp_err *err)
{
	for (size_t i = 0; sp_guarded[i] != NULL; i++)
		SP_TRY(protect(s, dir, sp_guarded[i], err));
	return SP_OK;
}

static enum sp_rc guard_git(const struct scan *s, const char *dir,
                            struct sp_err *err)
{
	char git[PATH_ROOM], modules[PATH_ROOM];
	struct stat st;

	if (!join(git, sizeof(git), dir, ".git") ||
	    !join(modules, sizeof(modules), git, "modules") ||
	    fstatat(s->root, git, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return SP_OK;
	/* A file that says where the repository is: of a worktree. */
	if (S_ISREG(st.st_mode))
		return protect(s, dir, ".git", err);
	SP_TRY(pin(s, git, err));
	return guard_modules(s, modules, 3, err);
}

/* The launcher reads it again when it changes. */
static enum sp_rc guard_policy(const struct scan *s, struct sp_err *err)
{
	const char *policy = s->v->plan->policy;
	size_t n = strlen(s->src->path);

	if (strncmp(policy, s->src->path, n) != 0 || policy[n] != '/')
		return SP_OK;
	return protect(s, "", policy + n + 1, err);
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_secret(const char *name)
{
	static const char *const shown[] = { ".env.example", ".env.sample",
		                             ".env.template", ".env.dist",
		                             ".env.defaults" };

	for (size_t i = 0; i < SP_COUNT(shown); i++)
		if (strcmp(name, shown[i]) == 0)
			return false;
	return strcmp(name, ".env") == 0 || starts(name, ".env.");
}

static bool is_skipped(const char *name)
{
	static const char *const rows[] = { ".",     "..",     "node_modules",
		                            ".git",  "target", "__pycache__",
		                            ".venv", "venv" };

	for (size_t i = 0; i < SP_COUNT(rows); i++)
		if (strcmp(name, rows[i]) == 0)
			return true;
	return false;
}

static void push(struct scan *s, const char *path)
{
	if (s->n < SP_SCAN_DIRS)
		s->dir[s->n++] = sp_strdup(sp_str(path));
}

static enum sp_rc on_entry(struct scan *s, const char *dir,
                           const struct dirent *e, struct sp_err *err)
{
	char path[PATH_ROOM];

	if (!join(path, sizeof(path), dir, e->d_name))
		return SP_OK;
	if (strcmp(e->d_name, ".git") == 0 && dir[0] != '\0') {
		SP_TRY(guard_git(s, dir, err));
		SP_TRY(protect(s, path, "hooks", err));
		return protect(s, path, "config", err);
	}
	if (e->d_type == DT_SOCK ||
	    (e->d_type == DT_REG && is_secret(e->d_name)))
		return mask(s, path, err);
	if (e->d_type == DT_DIR && !is_skipped(e->d_name))
		push(s, path);
	return SP_OK;
}

static enum sp_rc scan_one(struct scan *s, const char *path, struct sp_err *err)
{
	int fd = sp_open_at(s->root, path[0] == '\0' ? "." : path,
	                    O_RDONLY | O_DIRECTORY, NO_LINKS);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	enum sp_rc rc = SP_OK;
	struct dirent *e;

	if (d == NULL)
		return SP_OK; /* not readable for the program either */
	while (rc == SP_OK && s->entries < SP_SCAN_ENTRIES &&
	       (e = readdir(d)) != NULL) {
		s->entries++;
		rc = on_entry(s, path, e, err);
	}
	closedir(d);
	return rc;
}

static enum sp_rc scan_all(struct scan *s, struct sp_err *err)
{
	push(s, "");
	while (s->next < s->n && s->entries < SP_SCAN_ENTRIES)
		SP_TRY(scan_one(s, s->dir[s->next++], err));
	return SP_OK;
}

static enum sp_rc mask_socket(void *ctx, const char *path, struct sp_err *err)
{
	const struct sp_view *v = ctx;
	SP_CLEANUP(sp_fd_close)
	int at = sp_open_at(v->root, path, O_PATH | O_NOFOLLOW,
	                    RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	struct stat st;

	/* The name may have gone to another file since. */
	if (at < 0 || fstat(at, &st) < 0 || !S_ISSOCK(st.st_mode))
		return SP_OK;
	return sp_view_mask_fd(v, at, err);
}

enum sp_rc sp_view_mute(struct sp_view *v, const char *dir, struct sp_err *err)
{
	return sp_sockets_below(v->sockets, dir, mask_socket, v, err);
}

enum sp_rc sp_view_guard(struct sp_view *v, const struct sp_view_path *src,
                         struct sp_err *err)
{
	SP_CLEANUP(scan_fini) struct scan s = { .v = v, .src = src };

	s.root = view_open(v, src->path);
	if (s.root < 0)
		return sp_err_sys(err, src->path);
	SP_TRY(guard_git(&s, "", err));
	SP_TRY(guard_all(&s, "", err));
	SP_TRY(guard_policy(&s, err));
	/* Beyond what the scan reaches, as far as the kernel tells. */
	SP_TRY(sp_view_mute(v, src->path, err));
	return scan_all(&s, err);
}
