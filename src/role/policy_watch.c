/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/policy_watch.c - a policy file that changes while the sandbox runs.
 *
 * The folder is watched, not the file: editors replace files by rename. A file
 * in a place where the program can write is guarded inside, but the guard
 * falls off when the name is given to another file. So there only the very
 * file that was guarded is read again: same inode, one name. For a replaced
 * one there is `sallyport policy`.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/launcher_int.h"
#include "role/source.h"

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

static bool is_inside(const struct sp_plan *p)
{
	if (below(p->policy, p->project))
		return true;
	for (size_t i = 0; i < p->rw.n; i++)
		if (below(p->policy, p->rw.v[i]))
			return true;
	return false;
}

enum sp_rc policy_watch_start(struct policy_watch *p, struct sp_loop *loop,
                              const struct sp_plan *plan)
{
	SP_CLEANUP(sp_fd_close) int fd = -1;
	const char *slash = strrchr(plan->policy, '/');
	char dir[PATH_MAX];

	p->plan = plan;
	p->w.fd = -1;
	if (slash == NULL || stat(plan->policy, &p->first) < 0)
		return SP_OK;
	p->name = slash + 1;
	p->inside = is_inside(plan);
	snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - plan->policy),
	         plan->policy);
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0 ||
	    inotify_add_watch(fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
		return SP_OK; /* then it is not read again */
	return sp_watch_add(loop, &p->w, sp_fd_steal(&fd), EPOLLIN);
}

void policy_watch_stop(struct policy_watch *p, struct sp_loop *loop)
{
	int fd = p->w.fd;

	sp_watch_del(loop, &p->w);
	sp_fd_close(&fd);
}

/* Did one of the events name our file? */
static bool is_concerned(const struct policy_watch *p)
{
	_Alignas(struct inotify_event) char buf[4096];
	bool hit = false;
	ssize_t n;

	while ((n = read(p->w.fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			struct inotify_event e;

			memcpy(&e, buf + at, sizeof(e));
			hit |= e.len > 0 &&
			       strcmp(buf + at + sizeof(e), p->name) == 0;
			at += (ssize_t)(sizeof(e) + e.len);
		}
	return hit;
}

static enum sp_rc check_same(const struct policy_watch *p, int fd,
                             struct sp_err *err)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return sp_err_sys(err, p->plan->policy);
	if (!p->inside || (now.st_dev == p->first.st_dev &&
	                   now.st_ino == p->first.st_ino && now.st_nlink == 1))
		return SP_OK;
	sp_err_set(err,
	           "%s was replaced where the program can write: not "
	           "read; use: sallyport policy",
	           p->name);
	return SP_E_DENIED;
}

static enum sp_rc read_text(int fd, struct sp_buf *text)
{
	for (;;) {
		uint8_t *room = sp_buf_room(text, 65536);
		ssize_t n;

		if (room == NULL)
			return SP_E_LIMIT;
		n = TEMP_FAILURE_RETRY(read(fd, room, 65536));
		if (n <= 0)
			return n < 0 ? SP_E_SYS : SP_OK;
		sp_buf_commit(text, (size_t)n);
	}
}

static enum sp_rc make_source(const struct policy_watch *p, int fd,
                              struct sp_buf *text, int *ret, struct sp_err *err)
{
	struct sp_policy_source src = {
		.file = p->plan->policy,
		.allow = p->plan->allow.v,
		.n_allow = p->plan->allow.n,
		.deny = p->plan->deny.v,
		.n_deny = p->plan->deny.n,
	};

	if (read_text(fd, text) < 0) {
		sp_err_set(err, "%s cannot be read", p->plan->policy);
		return SP_E_SYS;
	}
	src.text = sp_buf_str(text);
	return sp_source_memfd(&src, ret, err);
}

enum sp_rc policy_watch_read(struct policy_watch *p, int *ret_fd,
                             struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = -1;
	struct sp_buf text;
	enum sp_rc rc;

	if (!is_concerned(p))
		return SP_DONE;
	fd = open(p->plan->policy, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return sp_err_sys(err, p->plan->policy);
	SP_TRY(check_same(p, fd, err));
	sp_buf_init(&text, SP_SOURCE_TEXT_MAX + 65536);
	rc = make_source(p, fd, &text, ret_fd, err);
	sp_buf_fini(&text);
	return rc;
}
