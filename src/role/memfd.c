/* SPDX-License-Identifier: Apache-2.0 */
#include "role/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fd.h"

#define READ_PIECE 65536u

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* #syscalls memfd_create write fcntl */
enum sp_rc sp_memfd_make(const char *name, struct sp_str text, int *ret,
                         struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return sp_err_sys(err, "memfd_create");
	while (text.n > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(write(fd, text.p, text.n));

		if (n <= 0)
			return sp_err_sys(err, "write memory file");
		sp_str_take(&text, (size_t)n);
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return sp_err_sys(err, "seal memory file");
	*ret = sp_fd_steal(&fd);
	return SP_OK;
}

/*
 * To the end, whatever fstat() says: files of /proc have no size. By position:
 * the offset of a descriptor is shared with its sender.
 */
static enum sp_rc read_all(int fd, struct sp_buf *out)
{
	off_t at = 0;

	for (;;) {
		size_t want = sp_buf_free_space(out);
		uint8_t more;
		ssize_t n;

		if (want == 0) {
			n = TEMP_FAILURE_RETRY(pread(fd, &more, 1, at));
			return n < 0 ? SP_E_SYS : n > 0 ? SP_E_LIMIT : SP_OK;
		}
		want = want < READ_PIECE ? want : READ_PIECE;
		n = TEMP_FAILURE_RETRY(
			pread(fd, sp_buf_room(out, want), want, at));
		if (n <= 0)
			return n < 0 ? SP_E_SYS : SP_OK;
		sp_buf_commit(out, (size_t)n);
		at += n;
	}
}

/* #syscalls fcntl fstat pread64 */
enum sp_rc sp_memfd_read(int fd, struct sp_buf *out)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
		return SP_E_PROTO;
	return read_all(fd, out);
}

/* #syscalls openat fstat pread64 close */
enum sp_rc sp_file_read(const char *path, bool missing_ok, struct sp_buf *out,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum sp_rc rc;
	struct stat st;

	if (fd < 0 && errno == ENOENT && missing_ok)
		return SP_OK;
	if (fd < 0 || fstat(fd, &st) < 0)
		return sp_err_sys(err, path);
	if (!S_ISREG(st.st_mode)) {
		sp_err_set(err, "%s: not a regular file", path);
		return SP_E_PROTO;
	}
	rc = read_all(fd, out);
	if (rc == SP_E_LIMIT)
		sp_err_set(err, "%s: larger than %zu bytes", path, out->max);
	else if (rc < 0)
		return sp_err_sys(err, path);
	return rc;
}
