/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/seal.c - see seal.h.
 *
 *	load arch; not ours: kill
 *	load number
 *	        >= border in the middle? -> right half : left half
 *	        ...
 *	        leaf: what happens in this range
 *
 * Ranges between rows are ranges too: they kill. Jumps over a half use JA,
 * whose offset is 32 bits; the offsets of conditional jumps (8 bits) stay
 * within a leaf.
 */
#include "role/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no list of system calls for this architecture"
#endif

#define DATA_NR      offsetof(struct seccomp_data, nr)
#define DATA_ARCH    offsetof(struct seccomp_data, arch)
#define DATA_ARG(i)  (offsetof(struct seccomp_data, args) + 8u * (i))
#define SOCKET_FLAGS ((uint32_t)SOCK_NONBLOCK | (uint32_t)SOCK_CLOEXEC)

struct range {
	uint32_t from;
	enum sp_seal_act act;
};

struct prog {
	struct sock_filter *out;
	size_t n, cap;
	bool bad;
};

static void emit(struct prog *p, uint16_t code, uint32_t k, uint8_t jt,
                 uint8_t jf)
{
	if (p->n == p->cap) {
		p->bad = true;
		return;
	}
	p->out[p->n++] = (struct sock_filter){ code, jt, jf, k };
}

static void emit_load(struct prog *p, size_t at)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0);
}

static void emit_ret(struct prog *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

static void emit_errno(struct prog *p, int e)
{
	emit_ret(p, SECCOMP_RET_ERRNO | (uint32_t)e);
}

static void emit_inet(struct prog *p)
{
	emit_load(p, DATA_ARG(0u));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
	emit_errno(p, EAFNOSUPPORT);
	emit_load(p, DATA_ARG(1u));
	emit(p, BPF_ALU | BPF_AND | BPF_K, ~SOCKET_FLAGS, 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 2, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 1, 0);
	emit_errno(p, EPERM);
	emit_ret(p, SECCOMP_RET_ALLOW);
}

static void emit_noexec(struct prog *p)
{
	emit_load(p, DATA_ARG(2u));
	emit(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	emit_errno(p, EPERM);
	emit_ret(p, SECCOMP_RET_ALLOW);
}

/*
 * glibc makes fstat() of it. A path besides AT_EMPTY_PATH cannot be seen from
 * here: whoever tries learns that a file exists, and not what is in it.
 */
static void emit_fstat(struct prog *p)
{
	emit_load(p, DATA_ARG(3u));
	emit(p, BPF_JMP | BPF_JSET | BPF_K, AT_EMPTY_PATH, 1, 0);
	emit_errno(p, ENOENT);
	emit_ret(p, SECCOMP_RET_ALLOW);
}

static void emit_self(struct prog *p)
{
	emit_load(p, DATA_ARG(0u));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	emit_errno(p, EPERM);
	emit_ret(p, SECCOMP_RET_ALLOW);
}

/* F_SETOWN and F_SETSIG send any signal to any process of the same uid. */
static void emit_fcntl(struct prog *p)
{
	static const uint32_t allowed[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL,
		                            F_DUPFD_CLOEXEC };
	const uint8_t n = SP_COUNT(allowed);

	emit_load(p, DATA_ARG(1u));
	for (uint8_t i = 0; i < n; i++)
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, allowed[i], (uint8_t)(n - i),
		     0);
	emit_errno(p, EPERM);
	emit_ret(p, SECCOMP_RET_ALLOW);
}

static void emit_leaf(struct prog *p, enum sp_seal_act act)
{
	switch (act) {
	case SP_SEAL_KILL:
		emit_ret(p, SECCOMP_RET_KILL_PROCESS);
		break;
	case SP_SEAL_ALLOW:
		emit_ret(p, SECCOMP_RET_ALLOW);
		break;
	case SP_SEAL_ENOENT:
		emit_errno(p, ENOENT);
		break;
	case SP_SEAL_ENOTTY:
		emit_errno(p, ENOTTY);
		break;
	case SP_SEAL_EPERM:
		emit_errno(p, EPERM);
		break;
	case SP_SEAL_INET:
		emit_inet(p);
		break;
	case SP_SEAL_SELF:
		emit_self(p);
		break;
	case SP_SEAL_FCNTL:
		emit_fcntl(p);
		break;
	case SP_SEAL_FSTAT:
		emit_fstat(p);
		break;
	case SP_SEAL_NOEXEC:
		emit_noexec(p);
		break;
	}
}

/* Depth is the logarithm of the number of ranges: at most ten. */
static void emit_search(struct prog *p, const struct range *r, size_t n)
{
	size_t mid = n / 2, ja;

	if (n == 1) {
		emit_leaf(p, r->act);
		return;
	}
	emit(p, BPF_JMP | BPF_JGE | BPF_K, r[mid].from, 0, 1);
	ja = p->n;
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_search(p, r, mid);
	if (p->bad)
		return;
	p->out[ja].k = (uint32_t)(p->n - ja - 1);
	emit_search(p, r + mid, n - mid);
}

/* Insertion sort: stable, so that the first of equal rows wins. */
static size_t sort_rows(const struct sp_seal_list *list,
                        struct sp_seal_row *out)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		size_t at = n;

		while (at > 0 && out[at - 1].nr > list->row[i].nr)
			at--;
		if (at > 0 && out[at - 1].nr == list->row[i].nr)
			continue;
		memmove(out + at + 1, out + at, (n - at) * sizeof(*out));
		out[at] = list->row[i];
		n++;
	}
	return n;
}

static void add_range(struct range *r, size_t *n, uint32_t from,
                      enum sp_seal_act act)
{
	if (*n > 0 && r[*n - 1].act == act)
		return;
	r[(*n)++] = (struct range){ from, act };
}

/* At most two ranges a row, and one before the first. */
static size_t to_ranges(const struct sp_seal_row *row, size_t n,
                        struct range *r)
{
	uint32_t next = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (row[i].nr > next || i == 0)
			add_range(r, &count, next, SP_SEAL_KILL);
		if (count > 0 && r[count - 1].from == row[i].nr)
			count--; /* the very first row is call 0 */
		add_range(r, &count, row[i].nr, row[i].act);
		next = row[i].nr + 1;
	}
	add_range(r, &count, next, SP_SEAL_KILL);
	return count;
}

enum sp_rc sp_seal_build(const struct sp_seal_list *list,
                         struct sock_filter *out, size_t cap, size_t *ret_n)
{
	struct sp_seal_row row[SP_SEAL_ROWS_MAX + 1];
	struct range range[2 * SP_SEAL_ROWS_MAX + 2];
	struct prog p = { .out = out, .cap = cap };
	size_t n;

	if (list->n > SP_SEAL_ROWS_MAX)
		return SP_E_LIMIT;
	n = to_ranges(row, sort_rows(list, row), range);
	emit_load(&p, DATA_ARCH);
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	emit_ret(&p, SECCOMP_RET_KILL_PROCESS);
	emit_load(&p, DATA_NR);
	emit_search(&p, range, n);
	if (p.bad)
		return SP_E_LIMIT;
	*ret_n = p.n;
	return SP_OK;
}
