/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/filter.h - what the program may not ask the kernel for.
 *
 * Role        One table of system calls with their numbers on each
 *             architecture and the answer they get; a few calls are looked
 *             into (socket, ioctl, clone). The program is built for either
 *             architecture, so tests run both.
 * Strictness  Compares the low 32 bits of int arguments only: the kernel
 *             ignores the rest, and a filter that looked at 64 bits would be
 *             bypassed by setting high ones. What is newer than this file is
 *             ENOSYS.
 */
#ifndef SP_SANDBOX_FILTER_H
#define SP_SANDBOX_FILTER_H

#include "core/err.h"
#include "sandbox/bpf.h"

enum sp_arch {
	SP_ARCH_X86_64,
	SP_ARCH_AARCH64,
};

struct sp_filter_opts {
	bool nested_userns; /* the program may make namespaces */
};

SP_MUST enum sp_rc sp_filter_build(struct sp_bpf *b, enum sp_arch arch,
                                   const struct sp_filter_opts *o);
/* For this process and its children, for good. no_new_privs must be set. */
SP_MUST enum sp_rc sp_filter_apply(const struct sp_filter_opts *o,
                                   struct sp_err *err);

#endif
