/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/env.h - the environment of the program.
 *
 * Role        An allow-list of the user's variables, what the user named, and
 *             variables that make programs trust us. Everything else stays
 *             outside: agents' sockets, tokens, inherited proxies.
 * Ownership   Texts belong to the struct; sp_env_fini() releases them.
 * Invariant   Each name occurs once.
 */
#ifndef SP_TRUST_ENV_H
#define SP_TRUST_ENV_H

#include "sandbox/plan.h"

struct sp_env {
	struct sp_words vars;    /* NAME=VALUE */
	struct sp_words bundles; /* files named by variables we replace */
};

struct sp_env_facts {
	const char *const *outer;     /* the user's, ends with NULL */
	const struct sp_words *asked; /* NAME, or NAME=VALUE */
	const char *home, *user, *cwd, *tier;
	uint32_t uid;
	bool bundle; /* the host has one: variables that replace make sense */
};

void sp_env_build(struct sp_env *e, const struct sp_env_facts *f);
void sp_env_fini(struct sp_env *e);

/* The value of NAME in a list, or NULL. */
const char *sp_env_get(const char *const *list, const char *name);

#endif
