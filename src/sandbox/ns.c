/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/fd.h"

#define NEW_ALL                                                                \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |           \
	 CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)
#define CAPS_MAX 64

/* #syscalls clone3 */
/* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes to it */
static pid_t clone3_flags(uint64_t flags, int *ret_pidfd)
{
	struct clone_args a = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

pid_t sp_ns_clone(int *ret_pidfd)
{
	return clone3_flags(NEW_ALL, ret_pidfd);
}

/* Maps want to be written in one piece. */
static enum sp_rc write_file(const char *path, const char *text,
                             struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		return sp_err_sys(err, path);
	return SP_OK;
}

static enum sp_rc write_proc(pid_t pid, const char *name, const char *text,
                             struct sp_err *err)
{
	char path[64];

	if (pid == 0)
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	else
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return write_file(path, text, err);
}

enum sp_rc sp_ns_map(pid_t pid, struct sp_ids in, struct sp_ids out,
                     struct sp_err *err)
{
	char text[64];

	/* Must come before gid_map: groups are not ours to drop. */
	SP_TRY(write_proc(pid, "setgroups", "deny", err));
	snprintf(text, sizeof(text), "%u %u 1\n", in.uid, out.uid);
	SP_TRY(write_proc(pid, "uid_map", text, err));
	snprintf(text, sizeof(text), "%u %u 1\n", in.gid, out.gid);
	return write_proc(pid, "gid_map", text, err);
}

/* A change of identity makes a process undumpable, and /proc/self with it. */
enum sp_rc sp_ns_become_root(struct sp_err *err)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return sp_err_sys(err, "become root of the namespace");
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return sp_err_sys(err, "dumpable");
	return SP_OK;
}

enum sp_rc sp_ns_limit_nesting(struct sp_err *err)
{
	return write_file("/proc/sys/user/max_user_namespaces", "1", err);
}

static enum sp_rc drop_capabilities(struct sp_err *err)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const struct __user_cap_data_struct none[2] = { { 0 } };

	for (int c = 0; c < CAPS_MAX; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				break; /* beyond the last one */
			return sp_err_sys(err, "drop capability");
		}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &h, none) < 0)
		return sp_err_sys(err, "drop capabilities");
	return SP_OK;
}

enum sp_rc sp_ns_give_up(struct sp_ids ids, struct sp_err *err)
{
	const struct sp_ids root = { 0, 0 };

	if (unshare(CLONE_NEWUSER) < 0)
		return sp_err_sys(err, "second user namespace");
	SP_TRY(sp_ns_map(0, ids, root, err));
	SP_TRY(drop_capabilities(err));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sp_err_sys(err, "no_new_privs");
	/* Nobody inside may read init's memory. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return sp_err_sys(err, "dumpable");
	return SP_OK;
}

/* The child does nothing but hold the namespace until we have it. */
static enum sp_rc take_userns(pid_t pid, struct sp_ids owner, struct sp_ids ids,
                              int *ret_fd, struct sp_err *err)
{
	char path[64];

	SP_TRY(sp_ns_map(pid, owner, ids, err));
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? sp_err_sys(err, path) : SP_OK;
}

enum sp_rc sp_ns_idmap(struct sp_ids owner, struct sp_ids ids, int *ret_fd,
                       struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int pidfd = -1;
	enum sp_rc rc;
	pid_t pid = clone3_flags(CLONE_NEWUSER, &pidfd);

	if (pid < 0)
		return sp_err_sys(err, "clone");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	rc = take_userns(pid, owner, ids, ret_fd, err);
	if (kill(pid, SIGKILL) < 0 ||
	    TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0)) < 0)
		return sp_err_sys(err, "end the helper");
	return rc;
}

/*
 * RLIMIT_DATA, not RLIMIT_AS: runtimes reserve far more addresses than they
 * ever write to, and since 4.7 it counts private writable mappings.
 */
enum sp_rc sp_limits_apply(const struct sp_limits *l, struct sp_err *err)
{
	const struct {
		__rlimit_resource_t what;
		uint64_t value;
		const char *name;
	} rows[] = {
		{ RLIMIT_DATA, l->memory, "memory limit" },
		{ RLIMIT_CPU, l->cpu_s, "cpu time limit" },
		{ RLIMIT_NPROC, l->pids, "process limit" },
		{ RLIMIT_NOFILE, l->files, "open files limit" },
		{ RLIMIT_FSIZE, l->fsize, "file size limit" },
	};

	/* 1, not 0: it also keeps a crash from the host's core_pattern pipe. */
	const struct rlimit core = { 1, 1 };

	if (setrlimit(RLIMIT_CORE, &core) < 0)
		return sp_err_sys(err, "core file limit");
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		const struct rlimit r = { rows[i].value, rows[i].value };

		if (rows[i].value != 0 && setrlimit(rows[i].what, &r) < 0)
			return sp_err_sys(err, rows[i].name);
	}
	return SP_OK;
}
