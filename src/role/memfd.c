/* SPDX-License-Identifier: Apache-2.0 */
#include "role/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fd.h"

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

/* From the start, by position: the offset is shared with the sender. */
static enum sp_rc read_all(int fd, size_t size, struct sp_buf *out)
{
	uint8_t *p = sp_buf_room(out, size);
	size_t at = 0;

	if (p == NULL)
		return SP_E_LIMIT;
	while (at < size) {
		ssize_t n = TEMP_FAILURE_RETRY(
			pread(fd, p + at, size - at, (off_t)at));

		if (n < 0)
			return SP_E_SYS;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	sp_buf_commit(out, at);
	return SP_OK;
}

/* #syscalls fcntl fstat pread64 */
enum sp_rc sp_memfd_read(int fd, struct sp_buf *out)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
		return SP_E_PROTO;
	return read_all(fd, (size_t)st.st_size, out);
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
	rc = read_all(fd, (size_t)st.st_size, out);
	if (rc == SP_E_LIMIT)
		sp_err_set(err, "%s: larger than %zu bytes", path, out->max);
	else if (rc < 0)
		return sp_err_sys(err, path);
	return rc;
}
