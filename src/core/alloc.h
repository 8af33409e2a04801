/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/alloc.h - the only door to malloc.
 *
 * Failure     A fixed-size allocation that fails aborts the role: one tenant,
 *             restarted in milliseconds, denied meanwhile. Sizes that came
 *             from outside go through sp_buf, which has a budget.
 * Ownership   The caller; sp_free(NULL) is harmless.
 */
#ifndef SP_CORE_ALLOC_H
#define SP_CORE_ALLOC_H

#include "core/base.h"

/* Zeroed memory, never NULL. n * size is checked for overflow. */
SP_MUST void *sp_alloc(size_t n, size_t size);
/* As realloc(); what lies behind the old size is not zeroed. */
SP_MUST void *sp_realloc(void *p, size_t size);
/* A copy of a span with a NUL behind it (which .n does not count). */
SP_MUST char *sp_strdup(struct sp_str s);
void sp_free(void *p);
/* Releases the copy that sp_strdup() made; its pointer may be in a span. */
void sp_str_free(struct sp_str s);

#define SP_NEW(type) ((type *)sp_alloc(1, sizeof(type)))

#endif
