/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/spawn.c - from one image to the next.
 *
 * Everything between fork and exec is async-signal-safe. The image is opened
 * by descriptor, so that a role is the version its parent is, also while a
 * package upgrade replaces the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/fd.h"
#include "role/role.h"

#define TITLE "sallyport: "

/* What the new image is told. All of it lives on the caller's stack. */
struct image {
	int self;
	char title[32], flag[32];
};

static void image_close(struct image *im)
{
	sp_fd_close(&im->self);
}

/* #syscalls openat */
static enum sp_rc image_open(struct image *im, const char *name,
                             struct sp_err *err)
{
	if (sp_role_find(name) == NULL) {
		sp_err_set(err, "no role %s", name);
		return SP_E_STATE;
	}
	snprintf(im->title, sizeof(im->title), TITLE "%s", name);
	snprintf(im->flag, sizeof(im->flag), SP_ROLE_FLAG "%s", name);
	im->self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (im->self < 0)
		return sp_err_sys(err, "open own image");
	return SP_OK;
}

/*
 * Sources may sit on the very numbers they are to be moved to: the image would
 * be overwritten, and dup2() of a descriptor onto itself leaves O_CLOEXEC set.
 * So everything moves above the target range first.
 */
/* #syscalls fcntl dup2 close_range */
static bool place_fds(int *self, int channel, const int *fd, size_t n)
{
	int above = SP_ROLE_CHANNEL + 1 + (int)n;
	int moved[SP_ROLE_FDS_MAX + 1];

	*self = fcntl(*self, F_DUPFD_CLOEXEC, above);
	moved[0] = fcntl(channel, F_DUPFD_CLOEXEC, above);
	for (size_t i = 0; i < n; i++)
		moved[i + 1] = fcntl(fd[i], F_DUPFD_CLOEXEC, above);
	if (*self < 0)
		return false;
	for (size_t i = 0; i <= n; i++)
		if (moved[i] < 0 ||
		    dup2(moved[i], SP_ROLE_CHANNEL + (int)i) < 0)
			return false;
	return close_range((unsigned)above, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

/*
 * From root to an identity that owns nothing. The bounding set goes first,
 * while we still may; changing the uid clears the rest. prctl() refuses the
 * first number that is not a capability of this kernel.
 */
/* #syscalls setgroups setresgid setresuid prctl */
static bool drop_to(const struct sp_identity *as)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return false;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return false;
	return setgroups(0, NULL) == 0 &&
	       setresgid(as->gid, as->gid, as->gid) == 0 &&
	       setresuid(as->uid, as->uid, as->uid) == 0;
}

/* A blocked signal stays blocked across exec, an ignored one ignored. */
/* #syscalls rt_sigprocmask rt_sigaction execveat exit_group */
static void become(struct image *im, int channel, const int *fd, size_t n)
{
	char *argv[] = { im->title, im->flag, NULL };
	char *envp[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	if (!place_fds(&im->self, channel, fd, n) ||
	    signal(SIGPIPE, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return;
	syscall(SYS_execveat, im->self, "", argv, envp, AT_EMPTY_PATH);
}

static _Noreturn void child(struct image *im, int sock,
                            const struct sp_identity *as)
{
	if (as == NULL || !as->change || drop_to(as))
		become(im, sock, NULL, 0);
	_exit(EX_OSERR);
}

/* #syscalls socketpair clone pidfd_open close */
enum sp_rc sp_role_spawn(const char *name, const struct sp_identity *as,
                         struct sp_child *ret, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int ours = -1, theirs = -1;
	SP_CLEANUP(image_close) struct image im = { .self = -1 };
	int sv[2], pidfd;
	pid_t pid;

	SP_TRY(image_open(&im, name, err));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return sp_err_sys(err, "socketpair");
	ours = sv[0];
	theirs = sv[1];
	pid = fork();
	if (pid < 0)
		return sp_err_sys(err, "fork");
	if (pid == 0)
		child(&im, theirs, as);
	/* Nobody else reaps, so the number cannot have been used again. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	sp_assert(pidfd >= 0);
	*ret = (struct sp_child){
		.pid = pid,
		.sock = sp_fd_steal(&ours),
		.pidfd = pidfd,
	};
	return SP_OK;
}

void sp_child_close(struct sp_child *c)
{
	sp_fd_close(&c->sock);
	sp_fd_close(&c->pidfd);
	c->pid = 0;
}

enum sp_rc sp_role_exec(const char *name, int channel, const int *fd, size_t n,
                        struct sp_err *err)
{
	struct image im;

	if (n > SP_ROLE_FDS_MAX) {
		sp_err_set(err, "%zu descriptors for a role", n);
		return SP_E_LIMIT;
	}
	SP_TRY(image_open(&im, name, err));
	become(&im, channel, fd, n);
	return sp_err_sys(err, "execute own image");
}
