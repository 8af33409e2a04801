/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/project.c - what is guarded and masked below a writable directory.
 *
 * The directory is writable, but what the host would later execute or obey on
 * its own account is not; secrets in .env files are hidden; sockets of the
 * host's programs are covered.
 *
 * Names that do not exist cannot be guarded: the launcher reports new ones
 * after the run. A guard falls off when somebody on the host replaces the
 * file by rename: the kernel detaches mounts from a name that goes away.
 *
 * Everything is seen, or the start is refused: what an earlier run could hide
 * from us would be neither guarded nor masked.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/fd.h"
#include "sandbox/guard.h"

/* Directories looked into, and entries seen, breadth first. */
#define SP_SCAN_DIRS    65536u
#define SP_SCAN_ENTRIES 1048576u
/* Repositories of submodules of submodules. */
#define MODULES_DEPTH 16
#define NO_LINKS      (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

const char *const sp_guarded[] = {
	".git/hooks",
	".git/config",
	".git/config.worktree",
	".git/commondir",
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

/* A worktree says where the rest of its repository is. */
static const char *const worktree_files[] = { "commondir", "gitdir",
	                                      "config.worktree" };

struct scan {
	struct sp_guard g;
	char **dir; /* those found; the first `next` were looked into */
	size_t n, cap, next, entries;
};

static void scan_fini(struct scan *s)
{
	sp_fd_close(&s->g.root);
	for (size_t i = 0; i < s->n; i++)
		sp_free(s->dir[i]);
	sp_free(s->dir);
	s->n = 0;
}

static enum sp_rc join(char ret[PATH_MAX], const char *dir, const char *name,
                       struct sp_err *err)
{
	int n = snprintf(ret, PATH_MAX, "%s%s%s", dir,
	                 dir[0] == '\0' ? "" : "/", name);

	if (n > 0 && n < PATH_MAX)
		return SP_OK;
	sp_err_set(err, "%.64s...: too deep to be looked into", dir);
	return SP_E_LIMIT;
}

/* Some file systems do not tell the type with the name. */
static unsigned char type_of(const DIR *d, const struct dirent *e)
{
	union {
		const DIR *in;
		DIR *out;
	} u = { .in = d };
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type;
	if (fstatat(dirfd(u.out), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	return (unsigned char)IFTODT(st.st_mode);
}

/*
 * SP_DONE: there is nothing to look into. A directory that we cannot read is
 * closed to the program too, unless it owns it and may open it again.
 */
static enum sp_rc open_dir(const struct scan *s, const char *path, DIR **ret,
                           struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = sp_open_at(s->g.root, path[0] == '\0' ? "." : path,
	                    O_RDONLY | O_DIRECTORY, NO_LINKS);
	struct stat st;

	if (fd < 0 && errno == EACCES &&
	    fstatat(s->g.root, path, &st,
	            AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 &&
	    st.st_uid == geteuid()) {
		sp_err_set(err, "%s: cannot be looked into; chmod u+rx it",
		           path);
		return SP_E_DENIED;
	}
	if (fd < 0)
		return SP_DONE;
	*ret = fdopendir(fd);
	if (*ret == NULL)
		return sp_err_sys(err, path);
	(void)sp_fd_steal(&fd); /* closedir() closes it */
	return SP_OK;
}

typedef enum sp_rc entry_fn(struct scan *s, const char *dir, const char *name,
                            unsigned char type, struct sp_err *err);

static enum sp_rc each_entry(struct scan *s, const char *dir, entry_fn *run,
                             struct sp_err *err)
{
	struct dirent *e;
	DIR *d = NULL;
	enum sp_rc rc = open_dir(s, dir, &d, err);

	if (rc != SP_OK)
		return rc == SP_DONE ? SP_OK : rc;
	while (rc == SP_OK && (errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (s->entries++ == SP_SCAN_ENTRIES) {
			sp_err_set(err,
			           "more than %u files: too many to look "
			           "through; name a smaller directory",
			           SP_SCAN_ENTRIES);
			rc = SP_E_LIMIT;
			break;
		}
		rc = run(s, dir, e->d_name, type_of(d, e), err);
	}
	if (rc == SP_OK && errno != 0)
		rc = sp_err_sys(err, dir);
	closedir(d);
	return rc;
}

/* ---- repositories ---------------------------------------------------- */

static enum sp_rc protect(const struct scan *s, const char *dir,
                          const char *name, struct sp_err *err)
{
	char path[PATH_MAX];

	SP_TRY(join(path, dir, name, err));
	return sp_guard_protect(&s->g, path, err);
}

static enum sp_rc on_worktree(struct scan *s, const char *dir, const char *name,
                              unsigned char type, struct sp_err *err)
{
	char path[PATH_MAX];

	if (type != DT_DIR)
		return SP_OK;
	SP_TRY(join(path, dir, name, err));
	for (size_t i = 0; i < SP_COUNT(worktree_files); i++)
		SP_TRY(protect(s, path, worktree_files[i], err));
	return SP_OK;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_there(const struct scan *s, const char *path)
{
	struct stat st;

	return fstatat(s->g.root, path, &st, 0) == 0;
}

/* What git reads of a directory that holds a repository. */
static enum sp_rc guard_repository(struct scan *s, const char *git,
                                   struct sp_err *err)
{
	char sub[PATH_MAX];

	for (size_t i = 0; sp_guarded[i] != NULL; i++)
		if (starts(sp_guarded[i], ".git/"))
			SP_TRY(protect(s, git, sp_guarded[i] + 5, err));
	SP_TRY(join(sub, git, "worktrees", err));
	return each_entry(s, sub, on_worktree, err);
}

/* Submodules keep hooks and configuration of their own. Their names may hold
 * slashes: a directory that is no repository is looked into. */
static enum sp_rc on_module(struct scan *s, const char *dir, const char *name,
                            unsigned char type, struct sp_err *err)
{
	char path[PATH_MAX], sub[PATH_MAX];
	unsigned depth = 0;

	if (type != DT_DIR)
		return SP_OK;
	for (const char *p = dir; (p = strchr(p, '/')) != NULL; p++)
		depth++;
	SP_TRY(join(path, dir, name, err));
	SP_TRY(guard_repository(s, path, err));
	SP_TRY(join(sub, path, "HEAD", err));
	if (!is_there(s, sub)) {
		if (depth >= MODULES_DEPTH) {
			sp_err_set(err, "%.64s...: too deep", path);
			return SP_E_LIMIT;
		}
		return each_entry(s, path, on_module, err);
	}
	SP_TRY(join(sub, path, "modules", err));
	return each_entry(s, sub, on_module, err);
}

/* Whatever dir/.git is: a directory, a link to one, or the file of a worktree
 * that says where the repository is. */
static enum sp_rc guard_git(struct scan *s, const char *dir, struct sp_err *err)
{
	char git[PATH_MAX], modules[PATH_MAX];
	struct stat st;

	SP_TRY(join(git, dir, ".git", err));
	if (fstatat(s->g.root, git, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? SP_OK : sp_err_sys(err, git);
	if (S_ISREG(st.st_mode))
		return sp_guard_protect(&s->g, git, err);
	SP_TRY(join(modules, git, "modules", err));
	SP_TRY(sp_guard_pin(&s->g, S_ISDIR(st.st_mode) ? modules : git, err));
	SP_TRY(guard_repository(s, git, err));
	return each_entry(s, modules, on_module, err);
}

/* ---- all of it ------------------------------------------------------- */

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
	static const char *const rows[] = { "node_modules", "target",
		                            "__pycache__",  ".venv",
		                            "venv",         ".git" };

	for (size_t i = 0; i < SP_COUNT(rows); i++)
		if (strcmp(name, rows[i]) == 0)
			return true;
	return false;
}

static enum sp_rc push(struct scan *s, const char *path, struct sp_err *err)
{
	if (s->n == SP_SCAN_DIRS) {
		sp_err_set(err,
		           "more than %u directories: too many to look "
		           "through; name a smaller one",
		           SP_SCAN_DIRS);
		return SP_E_LIMIT;
	}
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->dir = sp_realloc(s->dir, s->cap * sizeof(*s->dir));
	}
	s->dir[s->n++] = sp_strdup(sp_str(path));
	return SP_OK;
}

static enum sp_rc on_entry(struct scan *s, const char *dir, const char *name,
                           unsigned char type, struct sp_err *err)
{
	char path[PATH_MAX];

	if (strcmp(name, ".git") == 0)
		return guard_git(s, dir, err);
	if (type == DT_SOCK ||
	    ((type == DT_REG || type == DT_LNK) && is_secret(name))) {
		SP_TRY(join(path, dir, name, err));
		return sp_guard_mask(&s->g, path, err);
	}
	if (type != DT_DIR || is_skipped(name))
		return SP_OK;
	SP_TRY(join(path, dir, name, err));
	return push(s, path, err);
}

static enum sp_rc scan_all(struct scan *s, struct sp_err *err)
{
	SP_TRY(push(s, "", err));
	while (s->next < s->n)
		SP_TRY(each_entry(s, s->dir[s->next++], on_entry, err));
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
	SP_CLEANUP(scan_fini)
	struct scan s = { .g = { .v = v, .path = src->path } };

	s.g.root = view_open(v, src->path);
	if (s.g.root < 0)
		return sp_err_sys(err, src->path);
	for (size_t i = 0; sp_guarded[i] != NULL; i++)
		if (!starts(sp_guarded[i], ".git/"))
			SP_TRY(sp_guard_protect(&s.g, sp_guarded[i], err));
	SP_TRY(scan_all(&s, err));
	/* In what is skipped, as far as the kernel tells. */
	return sp_view_mute(v, src->path, err);
}
