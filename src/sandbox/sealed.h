/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/sealed.h - bytes handed from one role to the next.
 *
 * Contract    What is handed over is sealed: the receiver may map it without
 *             fear that it changes or shrinks while being read.
 */
#ifndef SP_SANDBOX_SEALED_H
#define SP_SANDBOX_SEALED_H

#include "core/err.h"

SP_MUST enum sp_rc sp_write_all(int fd, struct sp_str s);

/* A sealed memfd with these bytes. */
SP_MUST enum sp_rc sp_sealed_make(const char *name, struct sp_str bytes,
                                  int *ret, struct sp_err *err);
/* Its bytes, mapped until sp_sealed_unmap() or the end of the process. */
SP_MUST enum sp_rc sp_sealed_map(int fd, uint64_t max, struct sp_str *ret,
                                 struct sp_err *err);
void sp_sealed_unmap(struct sp_str *s);

#endif
