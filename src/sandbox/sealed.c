/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/fd.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum sp_rc sp_write_all(int fd, struct sp_str s)
{
	while (s.n > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(write(fd, s.p, s.n));

		if (n <= 0)
			return SP_E_SYS;
		(void)sp_str_take(&s, (size_t)n); /* what was written */
	}
	return SP_OK;
}

/* #syscalls memfd_create fcntl */
enum sp_rc sp_sealed_make(const char *name, struct sp_str bytes, int *ret,
                          struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || sp_write_all(fd, bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return sp_err_sys(err, "memfd");
	*ret = sp_fd_steal(&fd);
	return SP_OK;
}

/* #syscalls munmap */
void sp_sealed_unmap(struct sp_str *s)
{
	union {
		const uint8_t *in;
		void *out;
	} u = { .in = s->p };

	if (s->p != NULL)
		munmap(u.out, s->n); /* cannot fail for what was mapped */
	*s = (struct sp_str){ 0 };
}

/* #syscalls mmap fstat */
enum sp_rc sp_sealed_map(int fd, uint64_t max, struct sp_str *ret,
                         struct sp_err *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (seals < 0 || fstat(fd, &st) < 0)
		return sp_err_sys(err, "memfd");
	if ((seals & SEALS) != SEALS || st.st_size < 0 ||
	    (uint64_t)st.st_size > max) {
		sp_err_set(err, "memfd is not sealed or too long");
		return SP_E_PROTO;
	}
	if (st.st_size == 0) {
		*ret = (struct sp_str){ 0 };
		return SP_OK;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return sp_err_sys(err, "map memfd");
	*ret = (struct sp_str){ p, (size_t)st.st_size };
	return SP_OK;
}
