/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/hostinfo.h - what /proc tells about the host's mounts and sockets.
 *
 * Role        Text in, paths out. No I/O: the texts are arguments.
 * Limits      SP_MOUNTS_MAX mount points; what is beyond is not seen.
 */
#ifndef SP_SANDBOX_HOSTINFO_H
#define SP_SANDBOX_HOSTINFO_H

#include "core/buf.h"
#include "core/err.h"
#include "sandbox/plan.h"

#define SP_MOUNTS_MAX 4096u

/*
 * Mount points of /proc/self/mountinfo, with octal escapes resolved, in texts
 * of the list's own: sp_words_free().
 */
void sp_mounts_read(struct sp_str in, struct sp_words *ret);

/*
 * Moves the lines of /proc/net/unix that name a path from in to out and drops
 * the others, of which a host with many sandboxes has thousands. What stays in
 * `in` is the beginning of a line.
 */
void sp_sockets_pick(struct sp_buf *in, struct sp_buf *out);

/* Runs fn for each path of /proc/net/unix below dir. */
SP_MUST enum sp_rc sp_sockets_below(struct sp_str net_unix, const char *dir,
                                    enum sp_rc (*fn)(void *ctx,
                                                     const char *path,
                                                     struct sp_err *err),
                                    void *ctx, struct sp_err *err);

#endif
