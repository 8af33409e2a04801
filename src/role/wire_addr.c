/* SPDX-License-Identifier: Apache-2.0 */
#include "role/wire_addr.h"

static bool size_of(uint8_t family, size_t *ret)
{
	*ret = family == 4 ? 4 : family == 6 ? 16 : 0;
	return family == 0 || family == 4 || family == 6;
}

void sp_put_addr(struct sp_wire *w, const struct sp_addr *a)
{
	size_t n;

	if (!size_of(a->family, &n))
		w->bad = true;
	sp_put_u8(w, a->family);
	for (size_t i = 0; i < n; i++)
		sp_put_u8(w, a->b[i]);
}

enum sp_rc sp_get_addr(struct sp_str *in, struct sp_addr *ret)
{
	struct sp_addr a = { .family = 0 };
	struct sp_str raw;
	size_t n;

	SP_TRY(sp_get_u8(in, &a.family));
	if (!size_of(a.family, &n) || in->n < n)
		return SP_E_PROTO;
	raw = sp_str_take(in, n);
	if (n > 0)
		memcpy(a.b, raw.p, n);
	*ret = a;
	return SP_OK;
}
