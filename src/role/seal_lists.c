/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/seal_lists.c - which system calls each role may make.
 *
 * The "#syscalls" comments beside the code say who needs what; calls that
 * libraries make are marked here. Adding a row is a change of the threat model
 * and belongs into the changelog.
 *
 * The keeper's filter is inherited by the proxies it starts, so its list holds
 * the proxy's as well; a proxy then adds its own, narrower one.
 */
#include <sys/syscall.h>

#include "role/role.h"
#include "role/seal.h"

#define A(name)                                                                \
	{                                                                      \
		__NR_##name, SP_SEAL_ALLOW                                     \
	}
#define R(name, act)                                                           \
	{                                                                      \
		__NR_##name, SP_SEAL_##act                                     \
	}

/* clang-format off */

/* Memory, time, endings: allocator, libc, OpenSSL. */
#define COMMON \
	A(brk), A(munmap), A(mremap), A(madvise), A(mlock), A(munlock), \
	A(futex), A(getrandom), A(clock_gettime), A(gettimeofday), \
	A(restart_syscall), A(rt_sigreturn), A(rt_sigprocmask), \
	A(rt_sigaction), A(sigaltstack), A(exit), A(exit_group), \
	A(getpid), A(gettid), A(tgkill), A(getuid), A(geteuid), A(getgid), \
	A(getegid), A(sysinfo), A(uname), A(getrusage), A(sched_yield), \
	A(membarrier), A(prlimit64), A(sched_getaffinity)

/* The loop and descriptors. */
#define LOOP \
	A(epoll_create1), A(epoll_ctl), A(epoll_pwait), A(read), A(write), \
	A(readv), A(writev), A(close), A(fcntl), A(fstat), A(ppoll), \
	A(pipe2), A(splice), A(lseek), A(pread64), A(eventfd2), \
	A(recvmsg), A(sendmsg), A(recvfrom), A(sendto), A(recvmmsg), \
	A(sendmmsg), A(shutdown), A(getsockopt), A(setsockopt), \
	A(getsockname), A(getpeername), A(accept4), A(connect), A(bind), \
	R(socket, INET)

#ifdef __x86_64__ /* calls that newer architectures never had */
#define LOOP_OLD \
	A(epoll_wait), A(poll), A(time)
#define LOOK_OLD \
	R(open, ENOENT), R(stat, ENOENT), R(lstat, ENOENT), \
	R(access, ENOENT), R(readlink, ENOENT)
#define FILES_OLD \
	A(open), A(stat), A(lstat), A(access), A(readlink), A(mkdir), \
	A(unlink), A(rename), A(dup2), A(fork), A(vfork)
#else
#define LOOP_OLD  R(ioctl, ENOTTY)
#define LOOK_OLD  R(faccessat, ENOENT)
#define FILES_OLD A(faccessat)
#endif

/*
 * LeakSanitizer stops its process from a clone of it; AddressSanitizer reads
 * /proc/self/maps and maps its shadow.
 */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZER \
	A(mmap), A(mprotect), A(openat), A(readlinkat), A(clone), A(ptrace), \
	A(wait4), A(prctl), A(getppid), A(process_vm_readv), A(kill), \
	A(getdents64), A(newfstatat), A(ioctl), A(personality), \
	A(set_robust_list), A(rseq), A(sched_setaffinity), A(tgkill),
#ifdef __x86_64__
#define SANITIZER_OLD A(open), A(readlink), A(stat), A(arch_prctl),
#else
#define SANITIZER_OLD
#endif
#else
#define SANITIZER
#define SANITIZER_OLD
#endif

/*
 * No file, no program, no process; c-ares and OpenSSL may look for files. All
 * proxies of a keeper have one uid, without root that of the user: nothing may
 * reach other processes by it. abort() ends also where it cannot raise().
 */
static const struct sp_seal_row proxy_rows[] = {
	SANITIZER SANITIZER_OLD
	R(tgkill, EPERM), R(prlimit64, SELF), R(fcntl, FCNTL),
	COMMON, LOOP, LOOP_OLD, LOOK_OLD,
	R(mmap, NOEXEC), R(mprotect, NOEXEC),
	R(openat, ENOENT), R(newfstatat, FSTAT), R(statx, ENOENT),
	R(readlinkat, ENOENT), R(faccessat2, ENOENT),
	R(ioctl, ENOTTY), R(prctl, EPERM),
};

/*
 * Files of the log, roots, /proc for attribution; starting proxies (which the
 * dynamic linker does under this filter).
 */
static const struct sp_seal_row keeper_rows[] = {
	SANITIZER SANITIZER_OLD
	FILES_OLD,
	A(openat), A(newfstatat), A(statx), A(readlinkat), A(faccessat2),
	A(getdents64), A(mkdirat), A(unlinkat), A(renameat2), A(ftruncate),
	A(fallocate), A(fsync), A(fdatasync), A(pwrite64), A(flock),
	A(fchmod), A(umask), A(fstatfs), A(statfs), A(memfd_create),
	A(signalfd4), A(pidfd_open), A(pidfd_send_signal), A(waitid),
	A(wait4), A(socketpair), A(clone), A(execveat), A(dup3),
	A(close_range), A(setgroups), A(setresgid), A(setresuid), A(prctl),
	A(seccomp), A(mmap), A(mprotect), A(set_tid_address),
	A(set_robust_list), A(rseq), A(getppid), A(listen),
#ifdef __x86_64__
	A(arch_prctl), A(getdents),
#endif
	R(ioctl, ENOTTY),
	COMMON, LOOP, LOOP_OLD,
};
/* clang-format on */

const struct sp_seal_list sp_seal_proxy = { proxy_rows, SP_COUNT(proxy_rows) };
const struct sp_seal_list sp_seal_keeper = { keeper_rows,
	                                     SP_COUNT(keeper_rows) };
