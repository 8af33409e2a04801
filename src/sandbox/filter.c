/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The newest system call that was reviewed: file_setattr, 6.17. */
#define NEWEST 469

/* NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET */
#define NS_FLAGS 0x7e020000u
/* In clone() these bits are part of the exit signal, in unshare() NEWTIME. */
#define NS_TIME 0x80u

#define NONE (-1) /* this architecture does not have it */

struct row {
	int nr[2]; /* x86-64, aarch64 */
	int err;
};

/*
 * clang-format off
 *	x86-64 aarch64  answer
 */
static const struct row refused[] = {
	/* io_uring: attack surface (its connect would be captured) */
	{ { 425, 425 }, ENOSYS }, /* io_uring_setup */
	{ { 426, 426 }, ENOSYS }, /* io_uring_enter */
	{ { 427, 427 }, ENOSYS }, /* io_uring_register */
	/* mounts, old and new interface */
	{ { 165, 40 }, EPERM },  /* mount */
	{ { 166, 39 }, EPERM },  /* umount2 */
	{ { 155, 41 }, EPERM },  /* pivot_root */
	{ { 428, 428 }, EPERM }, /* open_tree */
	{ { 429, 429 }, EPERM }, /* move_mount */
	{ { 430, 430 }, EPERM }, /* fsopen */
	{ { 431, 431 }, EPERM }, /* fsconfig */
	{ { 432, 432 }, EPERM }, /* fsmount */
	{ { 433, 433 }, EPERM }, /* fspick */
	{ { 442, 442 }, EPERM }, /* mount_setattr */
	{ { 467, 467 }, EPERM }, /* open_tree_attr */
	{ { 308, 268 }, EPERM }, /* setns */
	/* modes behind a pointer: libc and others fall back to openat */
	{ { 437, 437 }, ENOSYS }, /* openat2 */
	/* the session keyring is inherited from outside */
	{ { 250, 219 }, EPERM }, /* keyctl */
	{ { 248, 217 }, EPERM }, /* add_key */
	{ { 249, 218 }, EPERM }, /* request_key */
	/* kernel interfaces with a history */
	{ { 321, 280 }, EPERM }, /* bpf */
	{ { 298, 241 }, EPERM }, /* perf_event_open */
	{ { 323, 282 }, EPERM }, /* userfaultfd */
	{ { 304, 265 }, EPERM }, /* open_by_handle_at */
	{ { 278, 75 }, EPERM },  /* vmsplice */
	/* the machine itself */
	{ { 246, 104 }, EPERM },  /* kexec_load */
	{ { 320, 294 }, EPERM },  /* kexec_file_load */
	{ { 175, 105 }, EPERM },  /* init_module */
	{ { 313, 273 }, EPERM },  /* finit_module */
	{ { 176, 106 }, EPERM },  /* delete_module */
	{ { 163, 89 }, EPERM },   /* acct */
	{ { 167, 224 }, EPERM },  /* swapon */
	{ { 168, 225 }, EPERM },  /* swapoff */
	{ { 169, 142 }, EPERM },  /* reboot */
	{ { 103, 116 }, EPERM },  /* syslog */
	{ { 179, 60 }, EPERM },   /* quotactl */
	{ { 443, 443 }, EPERM },  /* quotactl_fd */
	{ { 172, NONE }, EPERM }, /* iopl */
	{ { 173, NONE }, EPERM }, /* ioperm */
};

static const uint32_t audit_arch[] = {
	[SP_ARCH_X86_64] = AUDIT_ARCH_X86_64,
	[SP_ARCH_AARCH64] = AUDIT_ARCH_AARCH64,
};

/* Calls that are looked into. */
static const struct {
	int clone, clone3, unshare, ioctl, socket, socketpair;
} looked_into[] = {
	[SP_ARCH_X86_64] = { 56, 435, 272, 16, 41, 53 },
	[SP_ARCH_AARCH64] = { 220, 435, 97, 29, 198, 199 },
};

/* Calls that give a file its mode; with `flags`, only if they make one. */
static const struct {
	int nr[2];
	uint32_t mode, flags; /* which argument; 0: none */
} modes[] = {
	{ { 90, NONE }, 1, 0 },  /* chmod */
	{ { 91, 52 }, 1, 0 },    /* fchmod */
	{ { 268, 53 }, 2, 0 },   /* fchmodat */
	{ { 452, 452 }, 2, 0 },  /* fchmodat2 */
	{ { 2, NONE }, 2, 1 },   /* open */
	{ { 257, 56 }, 3, 2 },   /* openat */
	{ { 85, NONE }, 1, 0 },  /* creat */
	{ { 133, NONE }, 1, 0 }, /* mknod */
	{ { 259, 33 }, 2, 0 },   /* mknodat */
};
/* clang-format on */

#define SET_ID  06000u     /* S_ISUID, S_ISGID */
#define CREATES 020000100u /* O_CREAT, the bit of O_TMPFILE */

#define OFFSET(field) ((uint32_t)offsetof(struct seccomp_data, field))

/* Both architectures are little endian: the low half comes first. */
static void load_arg(struct sp_bpf *b, uint32_t i)
{
	sp_bpf_load(b, OFFSET(args) + 8 * i);
}

static void ret_errno(struct sp_bpf *b, int err)
{
	sp_bpf_ret(b, SECCOMP_RET_ERRNO | (uint32_t)err);
}

static void ret_allow(struct sp_bpf *b)
{
	sp_bpf_ret(b, SECCOMP_RET_ALLOW);
}

/* If the loaded word is k, answer err. */
static void refuse(struct sp_bpf *b, uint32_t k, int err)
{
	uint16_t next = sp_bpf_label(b);

	sp_bpf_jump(b, BPF_JEQ, k, SP_BPF_NEXT, next);
	ret_errno(b, err);
	sp_bpf_here(b, next);
}

/* Foreign second tables of system calls: 32-bit ABIs, x32, newer kernels. */
static void check_abi(struct sp_bpf *b, enum sp_arch arch)
{
	uint16_t native = sp_bpf_label(b), known = sp_bpf_label(b);

	sp_bpf_load(b, OFFSET(arch));
	sp_bpf_jump(b, BPF_JEQ, audit_arch[arch], native, SP_BPF_NEXT);
	ret_errno(b, ENOSYS);
	sp_bpf_here(b, native);
	sp_bpf_load(b, OFFSET(nr));
	/* x32 numbers have bit 30 set: they are above as well. */
	sp_bpf_jump(b, BPF_JGT, NEWEST, SP_BPF_NEXT, known);
	ret_errno(b, ENOSYS);
	sp_bpf_here(b, known);
}

/* ioctl: TIOCSTI and TIOCLINUX type into the user's terminal; TIOCSETD loads
 * line disciplines, which have a history. */
static void check_ioctl(struct sp_bpf *b, uint32_t nr)
{
	uint16_t next = sp_bpf_label(b);

	sp_bpf_jump(b, BPF_JEQ, nr, SP_BPF_NEXT, next);
	load_arg(b, 1);
	refuse(b, 0x5412, EPERM);
	refuse(b, 0x541c, EPERM);
	refuse(b, 0x5423, EPERM);
	ret_allow(b);
	sp_bpf_here(b, next);
}

/* Answer err unless the loaded word is one of v. */
static void require(struct sp_bpf *b, const uint32_t *v, size_t n, int err)
{
	uint16_t good = sp_bpf_label(b);

	for (size_t i = 0; i < n; i++)
		sp_bpf_jump(b, BPF_JEQ, v[i], good, SP_BPF_NEXT);
	ret_errno(b, err);
	sp_bpf_here(b, good);
}

/*
 * Families are listed because AF_VSOCK, above all, is not confined by a
 * network namespace: it leads to the hypervisor. Types are listed, not raw
 * ones refused, because AF_INET with SOCK_PACKET becomes a packet socket.
 * Protocols are listed because SMC and SCTP hide behind SOCK_STREAM.
 */
static void check_socket(struct sp_bpf *b, uint32_t nr)
{
	static const uint32_t types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const uint32_t protocols[] = { 0, 6 /* TCP */, 17 /* UDP */,
		                              262 /* MPTCP */ };
	static const uint32_t netlink[] = { NETLINK_ROUTE };
	uint16_t next = sp_bpf_label(b), inet = sp_bpf_label(b);
	uint16_t unix_ok = sp_bpf_label(b), route = sp_bpf_label(b);

	sp_bpf_jump(b, BPF_JEQ, nr, SP_BPF_NEXT, next);
	load_arg(b, 0);
	sp_bpf_jump(b, BPF_JEQ, AF_UNIX, unix_ok, SP_BPF_NEXT);
	sp_bpf_jump(b, BPF_JEQ, AF_INET, inet, SP_BPF_NEXT);
	sp_bpf_jump(b, BPF_JEQ, AF_INET6, inet, SP_BPF_NEXT);
	sp_bpf_jump(b, BPF_JEQ, AF_NETLINK, route, SP_BPF_NEXT);
	ret_errno(b, EAFNOSUPPORT);
	sp_bpf_here(b, route);
	load_arg(b, 2);
	require(b, netlink, SP_COUNT(netlink), EPROTONOSUPPORT);
	ret_allow(b);
	sp_bpf_here(b, inet);
	load_arg(b, 1);
	sp_bpf_and(b, 0xf); /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
	require(b, types, SP_COUNT(types), EPERM);
	load_arg(b, 2);
	require(b, protocols, SP_COUNT(protocols), EPROTONOSUPPORT);
	sp_bpf_here(b, unix_ok);
	ret_allow(b);
	sp_bpf_here(b, next);
}

/* TIPC has pairs too. */
static void check_socketpair(struct sp_bpf *b, uint32_t nr)
{
	static const uint32_t families[] = { AF_UNIX };
	uint16_t next = sp_bpf_label(b);

	sp_bpf_jump(b, BPF_JEQ, nr, SP_BPF_NEXT, next);
	load_arg(b, 0);
	require(b, families, SP_COUNT(families), EAFNOSUPPORT);
	ret_allow(b);
	sp_bpf_here(b, next);
}

static void check_flags(struct sp_bpf *b, uint32_t nr, uint32_t flags)
{
	uint16_t next = sp_bpf_label(b), good = sp_bpf_label(b);

	sp_bpf_jump(b, BPF_JEQ, nr, SP_BPF_NEXT, next);
	load_arg(b, 0);
	sp_bpf_jump(b, BPF_JSET, flags, SP_BPF_NEXT, good);
	ret_errno(b, EPERM);
	sp_bpf_here(b, good);
	ret_allow(b);
	sp_bpf_here(b, next);
}

/*
 * The files of a project belong to its owner outside, and no mount option of
 * ours holds there: a set-user-id file made inside would be a program of that
 * user for everybody else; of root, when root owns the project.
 */
static void check_mode(struct sp_bpf *b, uint32_t nr, uint32_t mode,
                       uint32_t flags)
{
	uint16_t next = sp_bpf_label(b), good = sp_bpf_label(b);

	sp_bpf_jump(b, BPF_JEQ, nr, SP_BPF_NEXT, next);
	if (flags != 0) {
		load_arg(b, flags);
		sp_bpf_jump(b, BPF_JSET, CREATES, SP_BPF_NEXT, good);
	}
	load_arg(b, mode);
	sp_bpf_jump(b, BPF_JSET, SET_ID, SP_BPF_NEXT, good);
	ret_errno(b, EPERM);
	sp_bpf_here(b, good);
	ret_allow(b);
	sp_bpf_here(b, next);
}

enum sp_rc sp_filter_build(struct sp_bpf *b, enum sp_arch arch,
                           const struct sp_filter_opts *o)
{
	sp_bpf_init(b);
	check_abi(b, arch);
	for (size_t i = 0; i < SP_COUNT(refused); i++)
		if (refused[i].nr[arch] != NONE)
			refuse(b, (uint32_t)refused[i].nr[arch],
			       refused[i].err);
	check_ioctl(b, (uint32_t)looked_into[arch].ioctl);
	check_socket(b, (uint32_t)looked_into[arch].socket);
	check_socketpair(b, (uint32_t)looked_into[arch].socketpair);
	for (size_t i = 0; i < SP_COUNT(modes); i++)
		if (modes[i].nr[arch] != NONE)
			check_mode(b, (uint32_t)modes[i].nr[arch],
			           modes[i].mode, modes[i].flags);
	if (!o->nested_userns) {
		/* Its flags are behind a pointer. ENOSYS, not EPERM: libc
		 * falls back to clone, whose flags we can see. */
		refuse(b, (uint32_t)looked_into[arch].clone3, ENOSYS);
		check_flags(b, (uint32_t)looked_into[arch].clone, NS_FLAGS);
		check_flags(b, (uint32_t)looked_into[arch].unshare,
		            NS_FLAGS | NS_TIME);
	}
	ret_allow(b);
	return sp_bpf_link(b);
}

#if defined(__x86_64__)
#define NATIVE SP_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE SP_ARCH_AARCH64
#else
#error "add the system call numbers of this architecture"
#endif

/* #syscalls seccomp */
enum sp_rc sp_filter_apply(const struct sp_filter_opts *o, struct sp_err *err)
{
	struct sp_bpf b;
	struct sock_fprog p = { .filter = b.ins };

	if (sp_filter_build(&b, NATIVE, o) < 0) {
		sp_err_set(err, "seccomp filter does not assemble");
		return SP_E_LIMIT;
	}
	p.len = b.n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) < 0)
		return sp_err_sys(err, "seccomp");
	return SP_OK;
}
