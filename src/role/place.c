/* SPDX-License-Identifier: Apache-2.0 */
#include "role/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/keeper_connect.h"

#define LOCK_TRIES   150 /* an old keeper that is just leaving */
#define LOCK_STEP_MS 20

/* A path that always fits or is refused. */
static enum sp_rc path_set(char *ret, size_t cap, struct sp_err *err,
                           const char *fmt, ...) SP_PRINTF(4, 5);
static enum sp_rc path_set(char *ret, size_t cap, struct sp_err *err,
                           const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): line above */
	n = vsnprintf(ret, cap, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < cap)
		return SP_OK;
	sp_err_set(err, "path too long: %s", ret);
	return SP_E_LIMIT;
}

/* "" counts as not set, and only absolute paths mean the same everywhere. */
static const char *env_path(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] == '/' ? v : NULL;
}

static enum sp_rc place_socket(struct sp_keeper_place *at, struct sp_err *err)
{
	const char *given = env_path("SALLYPORT_SOCKET");
	const char *run = env_path("XDG_RUNTIME_DIR");
	const size_t cap = sizeof(at->socket);

	if (given != NULL)
		return path_set(at->socket, cap, err, "%s", given);
	if (geteuid() == 0)
		return path_set(at->socket, cap, err, "%s",
		                "/run/sallyport/keeper.sock");
	if (run != NULL)
		return path_set(at->socket, cap, err,
		                "%s/sallyport/keeper.sock", run);
	return path_set(at->socket, cap, err, "/tmp/sallyport-%u/keeper.sock",
	                geteuid());
}

static enum sp_rc place_state(struct sp_keeper_place *at, struct sp_err *err)
{
	const char *given = env_path("SALLYPORT_STATE");
	const char *xdg = env_path("XDG_STATE_HOME");
	const char *home = env_path("HOME");
	const size_t cap = sizeof(at->state);

	if (given != NULL)
		return path_set(at->state, cap, err, "%s", given);
	if (geteuid() == 0)
		return path_set(at->state, cap, err, "%s",
		                "/var/lib/sallyport");
	if (xdg != NULL)
		return path_set(at->state, cap, err, "%s/sallyport", xdg);
	if (home != NULL)
		return path_set(at->state, cap, err,
		                "%s/.local/state/sallyport", home);
	sp_err_set(err, "neither HOME nor SALLYPORT_STATE is set");
	return SP_E_STATE;
}

static enum sp_rc place_idle(struct sp_keeper_place *at, struct sp_err *err)
{
	const char *v = getenv("SALLYPORT_IDLE_MS");
	char *end;
	unsigned long ms;

	at->idle_ms = SP_KEEPER_IDLE_MS;
	if (v == NULL || v[0] == '\0')
		return SP_OK;
	errno = 0;
	ms = strtoul(v, &end, 10);
	if (errno != 0 || *end != '\0' || v[0] == '-' || ms > 86400000u) {
		sp_err_set(err, "SALLYPORT_IDLE_MS: not a number of "
		                "milliseconds up to a day");
		return SP_E_PROTO;
	}
	at->idle_ms = (uint32_t)ms;
	return SP_OK;
}

enum sp_rc sp_keeper_place(struct sp_keeper_place *ret, struct sp_err *err)
{
	struct sp_keeper_place at = { .idle_ms = 0 };

	SP_TRY(place_socket(&at, err));
	SP_TRY(place_state(&at, err));
	SP_TRY(place_idle(&at, err));
	*ret = at;
	return SP_OK;
}

enum sp_rc sp_place_make(const char *path, struct sp_err *err)
{
	char part[SP_KEEPER_PATH_MAX];

	SP_TRY(path_set(part, sizeof(part), err, "%s", path));
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return sp_err_sys(err, part);
		*p = c;
		if (c == '\0')
			return SP_OK;
	}
}

static enum sp_rc folder_of(const char *socket, char *ret, size_t cap,
                            struct sp_err *err)
{
	const char *slash = strrchr(socket, '/');

	if (slash == NULL || slash == socket) {
		sp_err_set(err, "%s: must lie in a folder of its own", socket);
		return SP_E_STATE;
	}
	return path_set(ret, cap, err, "%.*s", (int)(slash - socket), socket);
}

enum sp_rc sp_place_check(const char *socket, bool make, struct sp_err *err)
{
	char dir[SP_KEEPER_PATH_MAX];
	struct stat st;

	SP_TRY(folder_of(socket, dir, sizeof(dir), err));
	if (make)
		SP_TRY(sp_place_make(dir, err));
	if (lstat(dir, &st) < 0)
		return errno == ENOENT && !make ? SP_OK : sp_err_sys(err, dir);
	if (!S_ISDIR(st.st_mode))
		sp_err_set(err, "%s: not a directory", dir);
	else if (st.st_uid != geteuid())
		sp_err_set(err, "%s: belongs to uid %u", dir, st.st_uid);
	else if ((st.st_mode & 077) != 0)
		sp_err_set(err, "%s: mode is %03o, must be 0700", dir,
		           (unsigned)st.st_mode & 0777);
	else
		return SP_OK;
	return SP_E_DENIED;
}

/* #syscalls openat flock poll */
enum sp_rc sp_place_lock(const char *socket, const char *name, bool wait,
                         int *ret, struct sp_err *err)
{
	char dir[SP_KEEPER_PATH_MAX], path[SP_KEEPER_PATH_MAX];
	SP_CLEANUP(sp_fd_close) int fd = -1;

	SP_TRY(folder_of(socket, dir, sizeof(dir), err));
	SP_TRY(path_set(path, sizeof(path), err, "%s/%s.lock", dir, name));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sp_err_sys(err, path);
	for (int i = 0; flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0;
	     i++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return sp_err_sys(err, path);
		if (i == LOCK_TRIES) {
			sp_err_set(err, "another keeper is running");
			return SP_E_AGAIN;
		}
		poll(NULL, 0, LOCK_STEP_MS);
	}
	*ret = sp_fd_steal(&fd);
	return SP_OK;
}
