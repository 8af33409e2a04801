/* SPDX-License-Identifier: Apache-2.0 */
/* What was taken from a text is taken again, unchanged, from what we write. */
#include "trust/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_bundle a, b;
	struct sp_buf out;
	size_t n;

	sp_bundle_init(&a);
	sp_bundle_init(&b);
	sp_buf_init(&out, 2 * SP_BUNDLE_BYTES);
	n = sp_bundle_add_pem(&a, (struct sp_str){ data, size });
	sp_assert(n == a.n);
	sp_bundle_pem(&a, &out);
	sp_assert(sp_buf_ok(&out));
	sp_assert(sp_bundle_add_pem(&b, sp_buf_str(&out)) == n);
	for (size_t i = 0; i < n; i++)
		sp_assert(sp_str_eq(sp_bundle_cert(&a, i),
		                    sp_bundle_cert(&b, i)));
	sp_bundle_fini(&a);
	sp_bundle_fini(&b);
	sp_buf_fini(&out);
	return 0;
}
