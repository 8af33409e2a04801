/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs are interpreted, not installed: a filter that is wrong would
 * kill the test instead of failing it.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "rng.h"
#include "role/role.h"
#include "role/seal.h"

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define KILL   SECCOMP_RET_KILL_PROCESS
#define ALLOW  SECCOMP_RET_ALLOW
#define ERR(e) (SECCOMP_RET_ERRNO | (uint32_t)(e))

struct prog {
	struct sock_filter insn[SP_SEAL_INSN_MAX];
	size_t n;
};

static uint32_t load(const struct seccomp_data *d, uint32_t at)
{
	uint32_t v;

	assert_true(at % 4 == 0 && at + 4 <= sizeof(*d));
	memcpy(&v, (const uint8_t *)d + at, 4);
	return v;
}

/* The instructions that seal.c uses, as the kernel runs them. */
static uint32_t run(const struct prog *p, const struct seccomp_data *d)
{
	uint32_t acc = 0;

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *f = &p->insn[pc];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			acc = load(d, f->k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= f->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = acc == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = acc >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (acc & f->k) != 0;
			break;
		default:
			fail_msg("instruction %#x", f->code);
		}
		pc += yes ? f->jt : f->jf;
	}
	fail_msg("fell off the end");
	return 0;
}

static uint32_t call4(const struct prog *p, uint32_t nr, uint64_t a0,
                      uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct seccomp_data d = {
		.nr = (int)nr,
		.arch = ARCH,
		.args = { a0, a1, a2, a3 },
	};

	return run(p, &d);
}

static uint32_t call(const struct prog *p, uint32_t nr, uint64_t a0,
                     uint64_t a1, uint64_t a2)
{
	return call4(p, nr, a0, a1, a2, 0);
}

static void build(struct prog *p, const struct sp_seal_list *list)
{
	assert_int_equal(sp_seal_build(list, p->insn, SP_COUNT(p->insn), &p->n),
	                 SP_OK);
	assert_true(p->n <= SP_COUNT(p->insn));
}

static const struct {
	const char *name;
	uint32_t nr;
	uint64_t a0, a1, a2;
	uint32_t want;
} proxy_cases[] = {
	{ "read", __NR_read, 0, 0, 0, ALLOW },
	{ "execve", __NR_execve, 0, 0, 0, KILL },
	{ "execveat", __NR_execveat, 0, 0, 0, KILL },
	{ "clone", __NR_clone, 0, 0, 0, KILL },
	{ "ptrace", __NR_ptrace, 0, 0, 0, KILL },
	{ "openat", __NR_openat, 0, 0, 0, ERR(ENOENT) },
	{ "stat", __NR_newfstatat, 0, 0, 0, ERR(ENOENT) },
	{ "memfd_create", __NR_memfd_create, 0, 0, 0, KILL },
	{ "io_uring_setup", __NR_io_uring_setup, 0, 0, 0, KILL },
	{ "socketpair", __NR_socketpair, AF_UNIX, SOCK_STREAM, 0, KILL },
	{ "listen", __NR_listen, 0, 0, 0, KILL },
	{ "pidfd_getfd", __NR_pidfd_getfd, 0, 0, 0, KILL },
	{ "ioctl", __NR_ioctl, 0, 0, 0, ERR(ENOTTY) },
#ifndef __SANITIZE_ADDRESS__
	/* Other processes of the same uid: signals, limits, by any road. */
	{ "kill", __NR_kill, 1234, 9, 0, KILL },
	{ "tgkill", __NR_tgkill, 1234, 1234, 9, ERR(EPERM) },
	{ "rt_sigqueueinfo", __NR_rt_sigqueueinfo, 1234, 9, 0, KILL },
#endif
	{ "pidfd_send_signal", __NR_pidfd_send_signal, 3, 9, 0, KILL },
	{ "own limits", __NR_prlimit64, 0, 7, 0, ALLOW },
	{ "limits of others", __NR_prlimit64, 1234, 7, 0, ERR(EPERM) },
	{ "limits, high bits", __NR_prlimit64, 0xdead00000000u, 7, 0, ALLOW },
	{ "get flags", __NR_fcntl, 3, F_GETFL, 0, ALLOW },
	{ "set flags", __NR_fcntl, 3, F_SETFL, O_NONBLOCK, ALLOW },
	{ "duplicate", __NR_fcntl, 3, F_DUPFD_CLOEXEC, 0, ALLOW },
	{ "owner", __NR_fcntl, 3, F_SETOWN, 1234, ERR(EPERM) },
	{ "owner, high bits", __NR_fcntl, 3, 0xdead00000000u | F_SETOWN, 1234,
	  ERR(EPERM) },
	{ "owner, extended", __NR_fcntl, 3, F_SETOWN_EX, 0, ERR(EPERM) },
	{ "signal", __NR_fcntl, 3, F_SETSIG, 9, ERR(EPERM) },
	{ "lease", __NR_fcntl, 3, F_SETLEASE, F_RDLCK, ERR(EPERM) },
	{ "highest", UINT32_MAX, 0, 0, 0, KILL },
	{ "foreign table", 0x40000000u | __NR_read, 0, 0, 0, KILL },
	{ "tcp", __NR_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, ALLOW },
	{ "udp6", __NR_socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0, ALLOW },
	{ "high bits do not count", __NR_socket, 0xdead00000000u | AF_INET,
	  0xdead00000000u | SOCK_STREAM, 0, ALLOW },
	{ "unix", __NR_socket, AF_UNIX, SOCK_STREAM, 0, ERR(EAFNOSUPPORT) },
	{ "netlink", __NR_socket, AF_NETLINK, SOCK_DGRAM, 0,
	  ERR(EAFNOSUPPORT) },
	{ "vsock", __NR_socket, AF_VSOCK, SOCK_STREAM, 0, ERR(EAFNOSUPPORT) },
	{ "packet", __NR_socket, AF_PACKET, SOCK_DGRAM, 0, ERR(EAFNOSUPPORT) },
	{ "raw", __NR_socket, AF_INET, SOCK_RAW, 0, ERR(EPERM) },
	{ "old packet", __NR_socket, AF_INET, SOCK_PACKET, 0, ERR(EPERM) },
	{ "unknown flag", __NR_socket, AF_INET, SOCK_STREAM | 0x10000, 0,
	  ERR(EPERM) },
#ifndef __SANITIZE_ADDRESS__
	{ "mmap", __NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, ALLOW },
	{ "mmap exec", __NR_mmap, 0, 4096, PROT_READ | PROT_EXEC, ERR(EPERM) },
	{ "mprotect exec", __NR_mprotect, 0, 4096, PROT_EXEC, ERR(EPERM) },
#endif
};

static void test_what_a_proxy_may_do(void **state)
{
	static struct prog p;

	(void)state;
	build(&p, &sp_seal_proxy);
	for (size_t i = 0; i < SP_COUNT(proxy_cases); i++) {
		uint32_t got = call(&p, proxy_cases[i].nr, proxy_cases[i].a0,
		                    proxy_cases[i].a1, proxy_cases[i].a2);

		/* Sanitizers need more; see seal_lists.c. */
#ifdef __SANITIZE_ADDRESS__
		if (got == ALLOW)
			continue;
#endif
		if (got != proxy_cases[i].want)
			fail_msg("%s: %#x", proxy_cases[i].name, got);
	}
	/* fstat() as glibc does it */
	assert_int_equal(call4(&p, __NR_newfstatat, 0, 0, 0, AT_EMPTY_PATH),
	                 ALLOW);
}

/* The proxy runs under both filters: the keeper's must hold all of it. */
static void test_keeper_holds_what_proxies_need(void **state)
{
	static struct prog keeper, proxy;

	(void)state;
	build(&keeper, &sp_seal_keeper);
	build(&proxy, &sp_seal_proxy);
	for (uint32_t nr = 0; nr < 600; nr++)
		if (call(&proxy, nr, AF_INET, SOCK_STREAM, 0) == ALLOW &&
		    call(&keeper, nr, AF_INET, SOCK_STREAM, 0) != ALLOW)
			fail_msg("call %u", nr);
	assert_int_equal(call(&keeper, __NR_execve, 0, 0, 0), KILL);
	assert_int_equal(call(&keeper, __NR_execveat, 0, 0, 0), ALLOW);
	assert_int_equal(call(&keeper, __NR_mount, 0, 0, 0), KILL);
	assert_int_equal(call(&keeper, __NR_socket, AF_UNIX, SOCK_STREAM, 0),
	                 ERR(EAFNOSUPPORT));
}

static void test_foreign_architecture_is_killed(void **state)
{
	struct seccomp_data d = { .nr = __NR_read, .arch = AUDIT_ARCH_I386 };
	static struct prog p;

	(void)state;
	build(&p, &sp_seal_proxy);
	assert_int_equal(run(&p, &d), KILL);
}

/* Random tables against a look-up in the table itself. */
static void test_search_agrees_with_the_table(void **state)
{
	struct rng r = { 42 };

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct sp_seal_row row[64];
		struct sp_seal_list list = { row, rng_below(&r, 65) };
		uint32_t space = 1 + rng_below(&r, 200);
		static struct prog p;

		for (size_t i = 0; i < list.n; i++)
			row[i] = (struct sp_seal_row){
				rng_below(&r, space),
				(enum sp_seal_act)rng_below(&r, 5)
			};
		build(&p, &list);
		for (uint32_t nr = 0; nr < space + 3; nr++) {
			static const uint32_t results[] = { KILL, ALLOW,
				                            ERR(ENOENT),
				                            ERR(ENOTTY),
				                            ERR(EPERM) };
			uint32_t want = KILL;

			for (size_t i = list.n; i-- > 0;)
				if (row[i].nr == nr)
					want = results[row[i].act];
			if (call(&p, nr, 0, 0, 0) != want)
				fail_msg("round %u: call %u", round, nr);
		}
	}
}

static void test_limits(void **state)
{
	static struct sp_seal_row row[SP_SEAL_ROWS_MAX + 1];
	struct sp_seal_list list = { row, SP_SEAL_ROWS_MAX };
	static struct prog p;
	size_t n = 99;

	(void)state;
	/* The worst: no two rows merge, each the longest but one. */
	for (uint32_t i = 0; i < SP_COUNT(row); i++)
		row[i] = (struct sp_seal_row){ 2 * i + 1, SP_SEAL_ALLOW };
	assert_int_equal(sp_seal_build(&list, p.insn, SP_COUNT(p.insn), &n),
	                 SP_E_LIMIT);
	list.n = 200;
	build(&p, &list);
	assert_int_equal(call(&p, 399, 0, 0, 0), ALLOW);
	assert_int_equal(call(&p, 400, 0, 0, 0), KILL);
	list.n = SP_SEAL_ROWS_MAX + 1;
	assert_int_equal(sp_seal_build(&list, p.insn, SP_COUNT(p.insn), &n),
	                 SP_E_LIMIT);
	/* Every shorter room is refused, none is overrun. */
	list.n = 3;
	build(&p, &list);
	for (size_t cap = 0; cap < p.n; cap++) {
		struct sock_filter small[64];

		memset(small, 0xee, sizeof(small));
		assert_int_equal(sp_seal_build(&list, small, cap, &n),
		                 SP_E_LIMIT);
		assert_int_equal(small[cap].code, 0xeeee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_proxy_may_do),
		cmocka_unit_test(test_keeper_holds_what_proxies_need),
		cmocka_unit_test(test_foreign_architecture_is_killed),
		cmocka_unit_test(test_search_agrees_with_the_table),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("role/seal", tests, NULL, NULL);
}
