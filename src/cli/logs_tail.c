/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logs_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/words.h"
#include "core/fd.h"

#define READ_BYTES (64u << 10)
#define WAIT_MS    1000 /* also when inotify is silent (network file systems) */
#define BLIND_MS   200  /* without inotify */

/* The folder is watched: the file may be replaced, or not be there yet. */
static void watch(struct sp_tail *t)
{
	const char *slash = strrchr(t->path, '/');
	char dir[4096];
	int n = slash == NULL ? 1 : (int)(slash - t->path);

	snprintf(dir, sizeof(dir), "%.*s", n > 0 ? n : 1,
	         slash == NULL ? "." : t->path);
	t->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (t->watch >= 0 &&
	    inotify_add_watch(t->watch, dir,
	                      IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		sp_fd_close(&t->watch);
}

enum sp_rc sp_tail_init(struct sp_tail *t, const char *path, bool follow)
{
	*t = (struct sp_tail){ .path = path, .watch = -1 };
	sp_buf_init(&t->in, SP_LINE_MAX + 1 + READ_BYTES);
	t->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0 && !(follow && errno == ENOENT))
		return SP_E_SYS;
	if (follow)
		watch(t);
	return SP_OK;
}

void sp_tail_fini(struct sp_tail *t)
{
	sp_fd_close(&t->fd);
	sp_fd_close(&t->watch);
	sp_buf_fini(&t->in);
}

/* What is held is one line or less: there is room for a read. */
static enum sp_rc fill(struct sp_tail *t)
{
	uint8_t *p = sp_buf_room(&t->in, READ_BYTES);
	ssize_t n;

	sp_assert(p != NULL);
	if (t->fd < 0)
		return SP_E_AGAIN;
	do
		n = read(t->fd, p, READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return SP_E_SYS;
	sp_buf_commit(&t->in, (size_t)n);
	t->at += (size_t)n;
	return n > 0 ? SP_OK : SP_E_AGAIN;
}

/* The next complete line that is held already. */
static bool take_line(struct sp_tail *t, struct sp_str *ret)
{
	for (;;) {
		struct sp_str s = sp_buf_str(&t->in);
		const uint8_t *nl = s.n > 0 ? memchr(s.p, '\n', s.n) : NULL;
		bool skip = t->skipping;

		if (nl == NULL && s.n > SP_LINE_MAX) {
			t->skipping = true;
			sp_buf_consume(&t->in, s.n);
		}
		if (nl == NULL)
			return false;
		s.n = (size_t)(nl - s.p);
		t->skipping = false;
		if (!skip && s.n <= SP_LINE_MAX) {
			t->line = s.n + 1;
			*ret = s;
			return true;
		}
		sp_buf_consume(&t->in, s.n + 1);
	}
}

enum sp_rc sp_tail_next(struct sp_tail *t, struct sp_str *ret)
{
	sp_buf_consume(&t->in, t->line);
	t->line = 0;
	while (!take_line(t, ret)) {
		enum sp_rc rc = fill(t);

		if (rc < 0)
			return rc;
	}
	return SP_OK;
}

void sp_tail_wait(struct sp_tail *t)
{
	struct pollfd p = { .fd = t->watch, .events = POLLIN };
	uint8_t events[4096];

	if (t->watch < 0) {
		poll(NULL, 0, BLIND_MS);
		watch(t); /* the folder may have come into being */
		return;
	}
	/* What happened does not matter: the file is looked at anyway. */
	if (poll(&p, 1, WAIT_MS) > 0)
		while (read(t->watch, events, sizeof(events)) > 0)
			;
}

bool sp_tail_replaced(struct sp_tail *t)
{
	struct stat now, ours;
	int fd;

	if (stat(t->path, &now) < 0)
		return false; /* between two files: the old one stays */
	if (t->fd >= 0 && fstat(t->fd, &ours) == 0 &&
	    now.st_ino == ours.st_ino && now.st_dev == ours.st_dev &&
	    (uint64_t)now.st_size >= t->at)
		return false;
	fd = open(t->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	sp_fd_close(&t->fd);
	t->fd = fd;
	t->at = 0;
	t->line = 0;
	t->skipping = false;
	sp_buf_reset(&t->in);
	return true;
}
