/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/probe.h - what this kernel allows, found out by doing it.
 *
 * Role        Each probe does one step of a sandbox in namespaces of its own,
 *             in a child that ends afterwards. Nothing stays.
 * Limits      SP_PROBE_MS for one probe.
 */
#ifndef SP_SANDBOX_PROBE_H
#define SP_SANDBOX_PROBE_H

#include "core/err.h"

#define SP_PROBE_MS 5000

/* id, name, needed for tier A, what it is for or what is lost without it */
#define SP_PROBE_LIST(X)                                                       \
	X(NAMESPACES, "namespaces", true, "everything rests on them")          \
	X(ADDRESSES, "addresses", true, "configure lo inside")                 \
	X(TPROXY, "tproxy", false, "captures every port, no conntrack")        \
	X(REDIRECT, "redirect", false, "captures every port")                  \
	X(LISTEN, "listeners", true, "receive what is captured")               \
	X(OVERLAY, "overlay", false,                                           \
	  "else sockets of the host are masked by list")                       \
	X(MOUNTS, "mounts", true, "mount_setattr and move_mount, Linux 5.12")  \
	X(PROC, "proc", false, "else the host's processes are visible")        \
	X(TERMINAL, "devpts", true, "terminals of the sandbox's own")          \
	X(NESTED, "second user namespace", true, "takes the cage's keys away") \
	X(SECCOMP, "seccomp", true, "closes the kernel's side doors")          \
	X(IDMAP, "id-mapped mounts", false,                                    \
	  "as root: a project that belongs to root")

enum sp_probe {
#define X(id, name, needed, why) SP_PROBE_##id,
	SP_PROBE_LIST(X)
#undef X
};

#define SP_PROBES SP_LIST_COUNT(SP_PROBE_LIST)

struct sp_probe_row {
	const char *name;
	bool needed;
	const char *why;
};
extern const struct sp_probe_row sp_probe_rows[SP_PROBES];

/* SP_OK, or < 0 and what happened. SP_DONE: does not apply here. */
SP_MUST enum sp_rc sp_probe_run(enum sp_probe which, struct sp_err *err);

#endif
