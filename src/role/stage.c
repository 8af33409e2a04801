/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/stage.c - the steps every role takes before it does its work.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/chan.h"
#include "ipc/ops.h"
#include "ipc/wire.h"
#include "role/role.h"
#include "role/seal.h"

/* LeakSanitizer attaches to its own process and needs it dumpable. */
#if defined(__SANITIZE_ADDRESS__)
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

/*
 * Whoever died before we asked for the signal sends none. The channel tells who
 * made it: that is our parent, or it is gone. (Its end of the channel may live
 * on in another process: waiting for end of file is not enough.)
 */
/* #syscalls prctl getsockopt getppid */
static enum sp_rc die_with_parent(void)
{
	struct ucred maker;
	socklen_t n = sizeof(maker);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getsockopt(SP_ROLE_CHANNEL, SOL_SOCKET, SO_PEERCRED, &maker, &n) <
	            0)
		return SP_E_SYS;
	return maker.pid == getppid() ? SP_OK : SP_E_STATE;
}

/*
 * execveat() of a descriptor leaves a number as the command name, so the role
 * names itself.
 */
/* #syscalls prctl umask fcntl close_range */
enum sp_rc sp_stage_early(const char *name, size_t n_fds, bool pdeath)
{
	unsigned above = SP_ROLE_CHANNEL + 1u + (unsigned)n_fds;

	if (prctl(PR_SET_NAME, name) < 0 ||
	    prctl(PR_SET_DUMPABLE, DUMPABLE) < 0)
		return SP_E_SYS;
	if (pdeath)
		SP_TRY(die_with_parent());
	umask(077);
	for (unsigned fd = SP_ROLE_CHANNEL; fd < above; fd++)
		if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
			return SP_E_SYS;
	if (close_range(above, ~0u, 0) < 0)
		return SP_E_SYS;
	return SP_OK;
}

enum sp_rc sp_stage_hello(unsigned bit)
{
	uint8_t buf[8];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&w, SP_IPC_VERSION);
	sp_put_u8(&w, (uint8_t)bit);
	sp_assert(!w.bad);
	return sp_chan_send(SP_ROLE_CHANNEL, SP_IPC_HELLO,
	                    (struct sp_str){ buf, w.n }, NULL, 0);
}

static enum sp_rc install(const struct sp_seal_list *list, struct sp_err *err)
{
	struct sock_filter insn[SP_SEAL_INSN_MAX];
	struct sock_fprog prog = { .filter = insn };
	size_t n = 0;

	if (sp_seal_build(list, insn, SP_COUNT(insn), &n) < 0) {
		sp_err_set(err, "list of system calls does not fit");
		return SP_E_LIMIT;
	}
	prog.len = (unsigned short)n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return sp_err_sys(err, "seccomp");
	return SP_OK;
}

/* #syscalls prlimit64 prctl seccomp */
enum sp_rc sp_stage_seal(const struct sp_seal_list *list, struct sp_err *err)
{
	const struct rlimit no_core = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return sp_err_sys(err, "RLIMIT_CORE");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sp_err_sys(err, "no_new_privs");
	return list == NULL ? SP_OK : install(list, err);
}
