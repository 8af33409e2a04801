/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes, encodes to the very same bytes: there is one form only. */
#include "sandbox/pack.h"
#include "sandbox/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_str in = { data, size };
	struct sp_pack_item it;
	struct sp_plan p;
	struct sp_buf out;

	if (sp_plan_decode(in, &p) == SP_OK) {
		sp_buf_init(&out, SP_PLAN_MAX);
		sp_assert(sp_plan_encode(&p, &out) == SP_OK);
		sp_assert(sp_str_eq(sp_buf_str(&out), in));
		sp_buf_fini(&out);
	}
	sp_plan_fini(&p);
	while (sp_pack_next(&in, &it) == SP_OK)
		sp_assert(strlen(it.path) < size);
	return 0;
}
