/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/seal.h - a role's system calls as a seccomp program.
 *
 * Role        Rows of (number, what happens) become classic BPF: the rows are
 *             sorted and merged to ranges, and a binary search over the
 *             borders finds the range of a call. Pure: building installs
 *             nothing, so tests interpret the program instead of dying of it.
 * Limits      SP_SEAL_ROWS_MAX rows, SP_SEAL_INSN_MAX instructions.
 * Strictness  A call without a row kills the process, and so does a foreign
 *             architecture. Arguments that are int are compared in their low
 *             32 bits only: the kernel ignores the rest.
 */
#ifndef SP_ROLE_SEAL_H
#define SP_ROLE_SEAL_H

#include <linux/filter.h>

#include "core/base.h"

#define SP_SEAL_ROWS_MAX 256u
#define SP_SEAL_INSN_MAX 1400u

enum sp_seal_act {
	SP_SEAL_KILL, /* 0: what was forgotten */
	SP_SEAL_ALLOW,
	SP_SEAL_ENOENT, /* "no such file": for libraries that look for one */
	SP_SEAL_ENOTTY,
	SP_SEAL_EPERM,
	SP_SEAL_INET,   /* socket(): AF_INET or AF_INET6, stream or datagram */
	SP_SEAL_NOEXEC, /* mmap(), mprotect(): not with PROT_EXEC */
	SP_SEAL_SELF,   /* the first argument, a pid, must be 0 */
	SP_SEAL_FCNTL,  /* fcntl(): flags and duplicates, no owner, no signal */
	SP_SEAL_FSTAT,  /* newfstatat(): of a descriptor, else no such file */
};

struct sp_seal_row {
	uint32_t nr;
	enum sp_seal_act act;
};

struct sp_seal_list {
	const struct sp_seal_row *row; /* any order; of equal ones the first */
	size_t n;
};

/* SP_E_LIMIT when rows or instructions do not fit. */
SP_MUST enum sp_rc sp_seal_build(const struct sp_seal_list *list,
                                 struct sock_filter *out, size_t cap,
                                 size_t *ret_n);

#endif
