/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/host.c - what /proc tells the launcher about the host it starts on.
 *
 * Read before init is cloned, whose network namespace shows other sockets. Both
 * processes keep what is returned as long as they live, so it is little.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/launcher_int.h"
#include "sandbox/hostinfo.h"

#define TEXT_MAX SP_MIB(1)
#define PIECE    65536u

/* False at the end, or when no more fits. */
static bool read_piece(int fd, struct sp_buf *b)
{
	uint8_t *p = fd < 0 ? NULL : sp_buf_room(b, PIECE);
	ssize_t n = p == NULL ? 0 : TEMP_FAILURE_RETRY(read(fd, p, PIECE));

	if (n <= 0)
		return false;
	sp_buf_commit(b, (size_t)n);
	return true;
}

static void read_mounts(struct sp_view *v)
{
	SP_CLEANUP(sp_fd_close)
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct sp_buf text;

	sp_buf_init(&text, TEXT_MAX);
	while (read_piece(fd, &text))
		;
	sp_mounts_read(sp_buf_str(&text), &v->mounts);
	sp_buf_fini(&text);
}

/* Picked piece by piece: other sandboxes' sockets must not fill the limit, nor
 * the memory of every launcher. */
static void read_sockets(struct sp_buf *named)
{
	SP_CLEANUP(sp_fd_close)
	int fd = open("/proc/self/net/unix", O_RDONLY | O_CLOEXEC);
	struct sp_buf piece;

	sp_buf_init(&piece, 2 * PIECE);
	sp_buf_init(named, TEXT_MAX);
	while (read_piece(fd, &piece))
		sp_sockets_pick(&piece, named);
	sp_buf_fini(&piece);
}

void host_read(struct sp_view *v, struct sp_buf *sockets)
{
	read_mounts(v);
	read_sockets(sockets);
	v->sockets = sp_buf_str(sockets);
}
