/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fd.h"
#include "sandbox/filter.h"
#include "sandbox/mnt.h"
#include "sandbox/net.h"
#include "sandbox/ns.h"

const struct sp_probe_row sp_probe_rows[SP_PROBES] = {
#define X(id, name, needed, why) [SP_PROBE_##id] = { (name), (needed), (why) },
	SP_PROBE_LIST(X)
#undef X
};

/* Kernel ids of a probe that root starts: never 0. */
#define PROBE_ID 61184u

typedef enum sp_rc probe_fn(struct sp_err *err);

/* ---- what a probe does, inside --------------------------------------------
 */

static enum sp_rc do_nothing(struct sp_err *err)
{
	(void)err;
	return SP_OK;
}

static enum sp_rc do_capture(enum sp_capture how, struct sp_err *err)
{
	struct sp_listeners l = { 0 };

	SP_TRY(sp_net_up(err));
	SP_TRY(sp_net_rules(how, err));
	SP_TRY(sp_listeners_open(how, NULL, 0, &l, err));
	sp_listeners_close(&l);
	return SP_OK;
}

static enum sp_rc do_tproxy(struct sp_err *err)
{
	return do_capture(SP_CAPTURE_TPROXY, err);
}

static enum sp_rc do_redirect(struct sp_err *err)
{
	return do_capture(SP_CAPTURE_REDIRECT, err);
}

static enum sp_rc do_listen(struct sp_err *err)
{
	static const uint16_t port[] = { 80, 443 };
	struct sp_listeners l = { 0 };

	SP_TRY(sp_net_up(err));
	SP_TRY(sp_listeners_open(SP_CAPTURE_PORTS, port, SP_COUNT(port), &l,
	                         err));
	sp_listeners_close(&l);
	return SP_OK;
}

/* A tmpfs with a directory to mount upon. */
static enum sp_rc make_place(int *ret, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int base = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return sp_err_sys(err, "make mounts private");
	if (mount("tmpfs", "/tmp", "tmpfs", 0, "size=1m") < 0)
		return sp_err_sys(err, "tmpfs");
	base = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return sp_err_sys(err, "/tmp");
	return sp_make_path(base, "at", true, ret, err);
}

static enum sp_rc do_overlay(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(make_place(&at, err));
	if (mkdir("/tmp/none", 0755) < 0)
		return sp_err_sys(err, "mkdir");
	return sp_mnt_new("overlay", at, MS_RDONLY, "lowerdir=/usr:/tmp/none",
	                  err);
}

static enum sp_rc do_mounts(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;
	SP_CLEANUP(sp_fd_close) int src = -1;

	SP_TRY(make_place(&at, err));
	src = open("/usr", O_PATH | O_CLOEXEC);
	if (src < 0)
		return sp_err_sys(err, "/usr");
	return sp_mnt_bind(src, at, SP_MNT_RO, 0, err);
}

static enum sp_rc do_proc(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(make_place(&at, err));
	return sp_mnt_new("proc", at, 0, NULL, err);
}

static enum sp_rc do_terminal(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int at = -1;

	SP_TRY(make_place(&at, err));
	return sp_mnt_new("devpts", at, 0, "newinstance,ptmxmode=0666", err);
}

static enum sp_rc do_nested(struct sp_err *err)
{
	const struct sp_ids ids = { 1000, 1000 };

	SP_TRY(sp_ns_limit_nesting(err));
	return sp_ns_give_up(ids, err);
}

static enum sp_rc do_seccomp(struct sp_err *err)
{
	const struct sp_filter_opts o = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sp_err_sys(err, "no_new_privs");
	return sp_filter_apply(&o, err);
}

/* On the file system of the current directory, from outside. */
static enum sp_rc do_idmap(struct sp_err *err)
{
	const struct sp_ids owner = { 0, 0 }, ids = { PROBE_ID, PROBE_ID };
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP };
	SP_CLEANUP(sp_fd_close) int userns = -1;
	SP_CLEANUP(sp_fd_close) int tree = -1;
	SP_CLEANUP(sp_fd_close) int dir = open(".", O_PATH | O_CLOEXEC);

	if (dir < 0)
		return sp_err_sys(err, "current directory");
	SP_TRY(sp_ns_idmap(owner, ids, &userns, err));
	SP_TRY(sp_mnt_clone(dir, false, &tree, err));
	a.userns_fd = (unsigned)userns;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
		return sp_err_sys(err, "file system of this directory");
	return SP_OK;
}

/* ---- a child in namespaces --------------------------------------------------
 */

static probe_fn *const inside[SP_PROBES] = {
	[SP_PROBE_NAMESPACES] = do_nothing, [SP_PROBE_ADDRESSES] = sp_net_up,
	[SP_PROBE_TPROXY] = do_tproxy,      [SP_PROBE_REDIRECT] = do_redirect,
	[SP_PROBE_LISTEN] = do_listen,      [SP_PROBE_OVERLAY] = do_overlay,
	[SP_PROBE_MOUNTS] = do_mounts,      [SP_PROBE_PROC] = do_proc,
	[SP_PROBE_TERMINAL] = do_terminal,  [SP_PROBE_NESTED] = do_nested,
	[SP_PROBE_SECCOMP] = do_seccomp,
};

struct channel {
	int go[2];  /* a byte: the ids are mapped */
	int out[2]; /* the text of a failure, or a single NUL */
};

static enum sp_rc take_identity(const struct channel *c, struct sp_err *err)
{
	char byte;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return sp_err_sys(err, "PR_SET_PDEATHSIG");
	if (TEMP_FAILURE_RETRY(read(c->go[0], &byte, 1)) != 1) {
		sp_err_set(err, "ids were not mapped");
		return SP_E_STATE;
	}
	return byte == 'r' ? sp_ns_become_root(err) : SP_OK;
}

static _Noreturn void child(const struct channel *c, probe_fn *fn)
{
	struct sp_err err = { 0 };
	enum sp_rc rc;

	close(c->go[1]);
	rc = take_identity(c, &err);
	if (rc == SP_OK)
		rc = fn(&err);
	if (rc == SP_OK)
		err.text[0] = '\0';
	/* A parent that is gone does not want to know. */
	(void)!write(c->out[1], err.text, strlen(err.text) + 1);
	_exit(0);
}

/* From outside, which works for root and, with one's own ids, for users. */
static enum sp_rc map_it(const struct channel *c, pid_t pid, struct sp_err *err)
{
	const struct sp_ids root = { 0, 0 };
	bool is_root = geteuid() == 0;
	const struct sp_ids ids = {
		is_root ? PROBE_ID : geteuid(),
		is_root ? PROBE_ID : getegid(),
	};

	SP_TRY(sp_ns_map(pid, root, ids, err));
	if (write(c->go[1], is_root ? "r" : "u", 1) != 1)
		return sp_err_sys(err, "probe");
	return SP_OK;
}

static enum sp_rc collect(const struct channel *c, struct sp_err *err)
{
	struct pollfd p = { .fd = c->out[0], .events = POLLIN };
	struct sp_err said = { 0 };

	if (poll(&p, 1, SP_PROBE_MS) <= 0) {
		sp_err_set(err, "no answer in %d s", SP_PROBE_MS / 1000);
		return SP_E_STATE;
	}
	if (TEMP_FAILURE_RETRY(
		    read(c->out[0], said.text, sizeof(said.text) - 1)) < 1) {
		sp_err_set(err, "the probe died");
		return SP_E_STATE;
	}
	if (said.text[0] == '\0')
		return SP_OK;
	*err = said;
	return SP_E_SYS;
}

static enum sp_rc in_namespaces(struct channel *c, probe_fn *fn,
                                struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int pidfd = -1;
	pid_t pid = sp_ns_clone(&pidfd);
	enum sp_rc rc;

	if (pid < 0)
		return sp_err_sys(err, "clone3");
	if (pid == 0)
		child(c, fn);
	sp_fd_close(&c->out[1]);
	rc = map_it(c, pid, err);
	if (rc == SP_OK)
		rc = collect(c, err);
	if (kill(pid, SIGKILL) < 0 ||
	    TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0)) < 0)
		return sp_err_sys(err, "end the probe");
	return rc;
}

enum sp_rc sp_probe_run(enum sp_probe which, struct sp_err *err)
{
	struct channel c = { { -1, -1 }, { -1, -1 } };
	enum sp_rc rc;

	if (which == SP_PROBE_IDMAP)
		return geteuid() == 0 ? do_idmap(err) : SP_DONE;
	if (pipe2(c.go, O_CLOEXEC) < 0 || pipe2(c.out, O_CLOEXEC) < 0)
		rc = sp_err_sys(err, "pipe");
	else
		rc = in_namespaces(&c, inside[which], err);
	for (int i = 0; i < 2; i++) {
		sp_fd_close(&c.go[i]);
		sp_fd_close(&c.out[i]);
	}
	return rc;
}
