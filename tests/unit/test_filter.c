/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters run here in a small interpreter of classic BPF, for both
 * architectures, over tables of calls: the kernel of the test host need not
 * know any of it.
 */
#include "test.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include "rng.h"
#include "sandbox/filter.h"

#define ALLOW  0
#define BROKEN -1

/* Runs to the end; the word it returns. Every path is checked to end. */
static uint32_t interpret(const struct sp_bpf *b, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (unsigned pc = 0; pc < b->n; pc++) {
		const struct sock_filter *i = &b->ins[pc];
		bool hit = false;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k % 4 == 0 && i->k < sizeof(*d));
			memcpy(&a, (const uint8_t *)d + i->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			hit = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			hit = a > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			hit = (a & i->k) != 0;
			break;
		default:
			fail_msg("instruction %u: code %#x", pc, i->code);
		}
		pc += hit ? i->jt : i->jf;
	}
	fail_msg("ran over the end");
	return 0;
}

static int verdict(uint32_t word)
{
	if (word == SECCOMP_RET_ALLOW)
		return ALLOW;
	if ((word & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		return (int)(word & SECCOMP_RET_DATA);
	return BROKEN;
}

static const uint32_t arches[] = {
	[SP_ARCH_X86_64] = AUDIT_ARCH_X86_64,
	[SP_ARCH_AARCH64] = AUDIT_ARCH_AARCH64,
};

static const struct call {
	const char *name;
	int nr[2]; /* x86-64, aarch64; -1: not there */
	uint64_t arg[4];
	int want, nested; /* the answer; with nested_userns */
} calls[] = {
	{ "read", { 0, 63 }, { 0 }, ALLOW, ALLOW },
	{ "execve", { 59, 221 }, { 0 }, ALLOW, ALLOW },
	{ "ptrace", { 101, 117 }, { 0 }, ALLOW, ALLOW },
	{ "io_uring_setup", { 425, 425 }, { 0 }, ENOSYS, ENOSYS },
	{ "mount", { 165, 40 }, { 0 }, EPERM, EPERM },
	{ "umount2", { 166, 39 }, { 0 }, EPERM, EPERM },
	{ "open_tree_attr", { 467, 467 }, { 0 }, EPERM, EPERM },
	{ "setns", { 308, 268 }, { 0 }, EPERM, EPERM },
	{ "keyctl", { 250, 219 }, { 0 }, EPERM, EPERM },
	{ "bpf", { 321, 280 }, { 0 }, EPERM, EPERM },
	{ "newest known", { 469, 469 }, { 0 }, ALLOW, ALLOW },
	{ "newer", { 470, 470 }, { 0 }, ENOSYS, ENOSYS },
	{ "x32 getpid", { 0x40000027, -1 }, { 0 }, ENOSYS, ENOSYS },
	{ "clone3", { 435, 435 }, { 0 }, ENOSYS, ALLOW },
	{ "clone thread", { 56, 220 }, { 0x3d0f00 }, ALLOW, ALLOW },
	{ "clone SIGCHLD", { 56, 220 }, { 17 }, ALLOW, ALLOW },
	{ "clone user", { 56, 220 }, { 0x10000011 }, EPERM, ALLOW },
	{ "clone net", { 56, 220 }, { 0x40000000 }, EPERM, ALLOW },
	{ "clone bit 0x80 is a signal", { 56, 220 }, { 0x80 }, ALLOW, ALLOW },
	{ "unshare files", { 272, 97 }, { 0x400 }, ALLOW, ALLOW },
	{ "unshare time", { 272, 97 }, { 0x80 }, EPERM, ALLOW },
	{ "unshare ns", { 272, 97 }, { 0x20000 }, EPERM, ALLOW },
	{ "ioctl TCGETS", { 16, 29 }, { 0, 0x5401 }, ALLOW, ALLOW },
	{ "ioctl TIOCSTI", { 16, 29 }, { 0, 0x5412 }, EPERM, EPERM },
	{ "ioctl TIOCLINUX", { 16, 29 }, { 0, 0x541c }, EPERM, EPERM },
	{ "socket unix", { 41, 198 }, { 1, 1 }, ALLOW, ALLOW },
	{ "socket tcp", { 41, 198 }, { 2, 0x80801, 6 }, ALLOW, ALLOW },
	{ "socket udp6", { 41, 198 }, { 10, 2, 0 }, ALLOW, ALLOW },
	{ "socket mptcp", { 41, 198 }, { 2, 1, 262 }, ALLOW, ALLOW },
	{ "socket raw", { 41, 198 }, { 2, 3, 1 }, EPERM, EPERM },
	{ "socket packet by type", { 41, 198 }, { 2, 10, 3 }, EPERM, EPERM },
	{ "socket dccp", { 41, 198 }, { 2, 6, 0 }, EPERM, EPERM },
	{ "socket ping",
	  { 41, 198 },
	  { 2, 2, 1 },
	  EPROTONOSUPPORT,
	  EPROTONOSUPPORT },
	{ "socket smc",
	  { 41, 198 },
	  { 2, 1, 256 },
	  EPROTONOSUPPORT,
	  EPROTONOSUPPORT },
	{ "socket vsock", { 41, 198 }, { 40, 1 }, EAFNOSUPPORT, EAFNOSUPPORT },
	{ "socket packet", { 41, 198 }, { 17, 2 }, EAFNOSUPPORT, EAFNOSUPPORT },
	{ "socket alg", { 41, 198 }, { 38, 5 }, EAFNOSUPPORT, EAFNOSUPPORT },
	{ "socket route", { 41, 198 }, { 16, 3, 0 }, ALLOW, ALLOW },
	{ "socket nft",
	  { 41, 198 },
	  { 16, 3, 12 },
	  EPROTONOSUPPORT,
	  EPROTONOSUPPORT },
	{ "chmod", { 90, -1 }, { 0, 01777 }, ALLOW, ALLOW },
	{ "chmod u+s", { 90, -1 }, { 0, 04755 }, EPERM, EPERM },
	{ "chmod g+s", { 90, -1 }, { 0, 02755 }, EPERM, EPERM },
	{ "fchmod", { 91, 52 }, { 0, 0644 }, ALLOW, ALLOW },
	{ "fchmod u+s", { 91, 52 }, { 0, 04000 }, EPERM, EPERM },
	{ "fchmodat", { 268, 53 }, { 0, 06000, 0755 }, ALLOW, ALLOW },
	{ "fchmodat u+s", { 268, 53 }, { 0, 0, 04755 }, EPERM, EPERM },
	{ "fchmodat2 g+s", { 452, 452 }, { 0, 0, 02755 }, EPERM, EPERM },
	{ "open", { 2, -1 }, { 0, 0, 07777 }, ALLOW, ALLOW },
	{ "open to make", { 2, -1 }, { 0, 0101, 0644 }, ALLOW, ALLOW },
	{ "open u+s", { 2, -1 }, { 0, 0101, 04644 }, EPERM, EPERM },
	{ "openat", { 257, 56 }, { 0, 0, 0, 07777 }, ALLOW, ALLOW },
	{ "openat to make", { 257, 56 }, { 0, 0, 0101, 0644 }, ALLOW, ALLOW },
	{ "openat u+s", { 257, 56 }, { 0, 0, 0100, 04644 }, EPERM, EPERM },
	{ "openat tmpfile g+s",
	  { 257, 56 },
	  { 0, 0, 020000000, 02644 },
	  EPERM,
	  EPERM },
	{ "openat2", { 437, 437 }, { 0 }, ENOSYS, ENOSYS },
	{ "creat", { 85, -1 }, { 0, 0600 }, ALLOW, ALLOW },
	{ "creat u+s", { 85, -1 }, { 0, 04600 }, EPERM, EPERM },
	{ "mknod", { 133, -1 }, { 0, 0100644 }, ALLOW, ALLOW },
	{ "mknod u+s", { 133, -1 }, { 0, 0104644 }, EPERM, EPERM },
	{ "mknodat", { 259, 33 }, { 0, 0, 010644 }, ALLOW, ALLOW },
	{ "mknodat u+s", { 259, 33 }, { 0, 0, 0104644 }, EPERM, EPERM },
	{ "ioctl TIOCSETD", { 16, 29 }, { 0, 0x5423 }, EPERM, EPERM },
	{ "socketpair unix", { 53, 199 }, { 1, 1 }, ALLOW, ALLOW },
	{ "socketpair tipc",
	  { 53, 199 },
	  { 30, 1 },
	  EAFNOSUPPORT,
	  EAFNOSUPPORT },
};

static struct seccomp_data data_of(const struct call *c, enum sp_arch arch)
{
	struct seccomp_data d = { .nr = c->nr[arch], .arch = arches[arch] };

	for (size_t i = 0; i < SP_COUNT(c->arg); i++)
		d.args[i] = c->arg[i];
	return d;
}

static void run_table(enum sp_arch arch, bool nested)
{
	const struct sp_filter_opts o = { .nested_userns = nested };
	struct sp_bpf b;

	assert_int_equal(sp_filter_build(&b, arch, &o), SP_OK);
	for (size_t i = 0; i < SP_COUNT(calls); i++) {
		struct seccomp_data d = data_of(&calls[i], arch);
		int want = nested ? calls[i].nested : calls[i].want;

		if (calls[i].nr[arch] < 0)
			continue;
		if (verdict(interpret(&b, &d)) != want)
			fail_msg("arch %d: %s", (int)arch, calls[i].name);
		/* The kernel ignores the high half of int arguments. */
		for (size_t k = 0; k < SP_COUNT(calls[i].arg); k++)
			d.args[k] |= UINT64_C(0xdead0001) << 32;
		if (verdict(interpret(&b, &d)) != want)
			fail_msg("arch %d: %s, high bits", (int)arch,
			         calls[i].name);
	}
}

static void test_calls(void **state)
{
	(void)state;
	for (unsigned arch = 0; arch < SP_COUNT(arches); arch++) {
		run_table((enum sp_arch)arch, false);
		run_table((enum sp_arch)arch, true);
	}
}

/* i386, arm, and each other's. */
static void test_foreign_architectures(void **state)
{
	static const uint32_t foreign[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0,
		                            UINT32_MAX };
	const struct sp_filter_opts o = { 0 };
	struct sp_bpf b;

	(void)state;
	for (unsigned arch = 0; arch < SP_COUNT(arches); arch++) {
		assert_int_equal(sp_filter_build(&b, (enum sp_arch)arch, &o),
		                 SP_OK);
		for (size_t i = 0; i < SP_COUNT(foreign); i++)
			for (int nr = 0; nr < 500; nr++) {
				struct seccomp_data d = { .nr = nr,
					                  .arch = foreign[i] };

				assert_int_equal(verdict(interpret(&b, &d)),
				                 ENOSYS);
			}
	}
}

/* Whatever comes, the program ends with a verdict that we know. */
static void test_every_path_ends(void **state)
{
	const struct sp_filter_opts o = { 0 };
	struct rng r = { 1 };
	struct sp_bpf b;

	(void)state;
	assert_int_equal(sp_filter_build(&b, SP_ARCH_X86_64, &o), SP_OK);
	for (int i = 0; i < 200000; i++) {
		struct seccomp_data d = {
			.nr = (int)rng_below(&r, 600),
			.arch = AUDIT_ARCH_X86_64,
			.args = { rng_below(&r, 64), rng_below(&r, 0x10000),
			          rng_below(&r, 300) },
		};

		assert_int_not_equal(verdict(interpret(&b, &d)), BROKEN);
	}
}

/* ---- the assembler ----------------------------------------------------- */

/* A jump over `gap` instructions. */
static enum sp_rc jump_over(unsigned gap)
{
	struct sp_bpf b;
	uint16_t far;

	sp_bpf_init(&b);
	far = sp_bpf_label(&b);
	sp_bpf_jump(&b, BPF_JEQ, 1, far, SP_BPF_NEXT);
	for (unsigned i = 0; i < gap; i++)
		sp_bpf_load(&b, 0);
	sp_bpf_here(&b, far);
	sp_bpf_ret(&b, 0);
	SP_TRY(sp_bpf_link(&b));
	assert_int_equal(b.ins[0].jt, gap);
	return SP_OK;
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(jump_over(0), SP_OK);
	assert_int_equal(jump_over(255), SP_OK);
	assert_int_equal(jump_over(256), SP_E_LIMIT);
}

static void test_length(void **state)
{
	(void)state;
	for (unsigned n = SP_BPF_MAX - 1; n <= SP_BPF_MAX + 1; n++) {
		struct sp_bpf b;

		sp_bpf_init(&b);
		for (unsigned i = 0; i < n; i++)
			sp_bpf_ret(&b, 0);
		assert_int_equal(sp_bpf_link(&b),
		                 n <= SP_BPF_MAX ? SP_OK : SP_E_LIMIT);
	}
}

static void test_labels(void **state)
{
	struct sp_bpf b;
	uint16_t label;

	(void)state;
	/* never placed */
	sp_bpf_init(&b);
	label = sp_bpf_label(&b);
	sp_bpf_jump(&b, BPF_JEQ, 1, label, SP_BPF_NEXT);
	sp_bpf_ret(&b, 0);
	assert_int_equal(sp_bpf_link(&b), SP_E_LIMIT);
	/* backwards */
	sp_bpf_init(&b);
	label = sp_bpf_label(&b);
	sp_bpf_here(&b, label);
	sp_bpf_jump(&b, BPF_JEQ, 1, label, SP_BPF_NEXT);
	sp_bpf_ret(&b, 0);
	assert_int_equal(sp_bpf_link(&b), SP_E_LIMIT);
	/* placed twice */
	sp_bpf_init(&b);
	label = sp_bpf_label(&b);
	sp_bpf_here(&b, label);
	sp_bpf_here(&b, label);
	sp_bpf_ret(&b, 0);
	assert_int_equal(sp_bpf_link(&b), SP_E_LIMIT);
	/* too many */
	sp_bpf_init(&b);
	for (unsigned i = 0; i <= SP_BPF_LABELS; i++)
		(void)sp_bpf_label(&b); /* only counted */
	sp_bpf_ret(&b, 0);
	assert_int_equal(sp_bpf_link(&b), SP_E_LIMIT);
}

static void test_must_end_with_return(void **state)
{
	struct sp_bpf b;

	(void)state;
	sp_bpf_init(&b);
	assert_int_equal(sp_bpf_link(&b), SP_E_LIMIT);
	sp_bpf_load(&b, 0);
	assert_int_equal(sp_bpf_link(&b), SP_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_foreign_architectures),
		cmocka_unit_test(test_every_path_ends),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_must_end_with_return),
	};

	return cmocka_run_group_tests_name("sandbox/filter", tests, NULL, NULL);
}
