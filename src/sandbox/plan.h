/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/plan.h - what `sallyport run` decided, for the launcher.
 *
 * Role        The CLI reads arguments and the user's environment, writes a
 *             plan and executes itself as launcher, with neither. The plan is
 *             all that survives; launcher and init only carry it out.
 * Ownership   A decoded plan points into the bytes it was read from; its
 *             lists are its own, sp_plan_fini() releases them.
 * Limits      SP_PLAN_MAX bytes, SP_PLAN_LIST_MAX entries of one list.
 * Strictness  Every text ends with its only NUL; bytes behind the last field
 *             are an error. Decoding and encoding again gives the same bytes.
 */
#ifndef SP_SANDBOX_PLAN_H
#define SP_SANDBOX_PLAN_H

#include "core/buf.h"
#include "core/err.h"

#define SP_PLAN_MAX      SP_MIB(8)
#define SP_PLAN_LIST_MAX 16384u

/* clang-format off */
#define SP_PLAN_NUMBERS(X)                                                     \
	X(uid)     /* kernel and inner ids of the program */                   \
	X(gid)                                                                 \
	X(root)    /* started by root: identity is to be changed */            \
	X(capture) /* enum sp_capture, with AUTO */                            \
	X(disable) /* sp_disable bits: test switches */                        \
	X(nested)  /* user namespaces inside are allowed */                    \
	X(quiet)                                                               \
	X(umask)                                                               \
	X(tty)     /* bit n: descriptor n is a terminal */                     \
	X(memory)  /* struct sp_limits */                                      \
	X(cpu_s)                                                               \
	X(pids)                                                                \
	X(files)                                                               \
	X(fsize)

#define SP_PLAN_TEXTS(X)                                                       \
	X(project) /* absolute, canonical; the writable directory */           \
	X(cwd)     /* where the program starts */                              \
	X(home)    /* absolute; empty inside */                                \
	X(user)    /* name of the uid inside */                                \
	X(policy)  /* absolute path of the policy file, or empty */

#define SP_PLAN_LISTS(X)                                                       \
	X(argv)                                                                \
	X(env)     /* complete environment of the program */                   \
	X(ro)      /* further paths, absolute and canonical */                 \
	X(rw)                                                                  \
	X(hide)    /* directories of ours: empty inside, if they are there */  \
	X(bundles) /* files with further certificates to be trusted */         \
	X(allow)   /* --allow and --deny, to be sent with a new policy */      \
	X(deny)
/* clang-format on */

enum sp_disable {
	SP_DISABLE_LANDLOCK = 1 << 0,
	SP_DISABLE_SECCOMP = 1 << 1,
	SP_DISABLE_OVERLAY = 1 << 2,
	SP_DISABLE_NFT = 1 << 3,
};

struct sp_words {
	const char **v; /* n texts and a NULL */
	size_t n;
};

struct sp_plan {
#define X(name) uint64_t name;
	SP_PLAN_NUMBERS(X)
#undef X
#define X(name) const char *name;
	SP_PLAN_TEXTS(X)
#undef X
#define X(name) struct sp_words name;
	SP_PLAN_LISTS(X)
#undef X
};

void sp_plan_fini(struct sp_plan *p);
/* Adds to a list of a plan that is being made. Ignores what is too much:
 * sp_plan_encode() finds out. */
void sp_words_add(struct sp_words *t, const char *text);
/* A copy, for lists that are released by sp_words_free(). */
void sp_words_copy(struct sp_words *t, struct sp_str text);
/* The list alone; with its texts. */
void sp_words_fini(struct sp_words *t);
void sp_words_free(struct sp_words *t);

/* SP_E_LIMIT: longer than out may become, or a list is too long. */
SP_MUST enum sp_rc sp_plan_encode(const struct sp_plan *p, struct sp_buf *out);
/* On failure *ret is empty. */
SP_MUST enum sp_rc sp_plan_decode(struct sp_str in, struct sp_plan *ret);

#endif
