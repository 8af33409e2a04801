/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/memfd.h - bytes that travel between roles as sealed memory.
 *
 * Strictness  What comes from outside must be a memfd that nobody can change
 *             or shorten any more: reading it can then neither block nor give
 *             two answers.
 */
#ifndef SP_ROLE_MEMFD_H
#define SP_ROLE_MEMFD_H

#include "core/buf.h"
#include "core/err.h"

/* name appears in /proc only. *ret is the caller's to close. */
SP_MUST enum sp_rc sp_memfd_make(const char *name, struct sp_str text, int *ret,
                                 struct sp_err *err);
/* Appends the whole content; SP_E_LIMIT when it does not fit out's maximum,
 * SP_E_PROTO when fd is something else or not sealed. */
SP_MUST enum sp_rc sp_memfd_read(int fd, struct sp_buf *out);
/* A regular file by path, the same way. missing_ok: SP_OK and nothing. */
SP_MUST enum sp_rc sp_file_read(const char *path, bool missing_ok,
                                struct sp_buf *out, struct sp_err *err);

#endif
