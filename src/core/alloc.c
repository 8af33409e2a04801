/* SPDX-License-Identifier: Apache-2.0 */
#include "core/alloc.h"

void *sp_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL && n != 0 && size != 0)
		sp_panic("out of memory", __FILE__, __LINE__);
	return p;
}

void *sp_realloc(void *p, size_t size)
{
	void *q = realloc(p, size);

	if (q == NULL && size != 0)
		sp_panic("out of memory", __FILE__, __LINE__);
	return q;
}

char *sp_strdup(struct sp_str s)
{
	char *p = sp_alloc(s.n + 1, 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

void sp_free(void *p)
{
	free(p);
}

void sp_str_free(struct sp_str s)
{
	void *p;

	/* A span never owns, so its pointer is const; this one did. */
	memcpy(&p, &s.p, sizeof(p));
	free(p);
}
