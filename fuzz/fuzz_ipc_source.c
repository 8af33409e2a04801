/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy source from anybody: what is accepted must encode to the very same
 * bytes (one text, one reading), and neither a byte more nor one less may be
 * accepted.
 */
#include "core/alloc.h"
#include "role/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_source s, other;
	struct sp_buf b;

	if (sp_source_get((struct sp_str){ data, size }, &s) < 0)
		return 0;
	sp_buf_init(&b, SP_SOURCE_MAX);
	sp_assert(sp_source_put(&b, &s.src) == SP_OK);
	sp_assert(sp_str_eq(sp_buf_str(&b), (struct sp_str){ data, size }));
	sp_assert(sp_source_get((struct sp_str){ data, size - 1 }, &other) < 0);
	sp_buf_byte(&b, 0);
	sp_assert(sp_source_get(sp_buf_str(&b), &other) < 0);
	sp_buf_fini(&b);
	sp_source_fini(&s);
	return 0;
}
