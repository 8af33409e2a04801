/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form is canonical: parsing it again changes nothing, it holds
 * no byte a name may not hold, and a name never spells an address.
 */
#include "name/host.h"

static void check(const struct sp_host *h)
{
	struct sp_host again;
	struct sp_addr a;

	sp_assert(h->n > 0 && h->n == strlen(h->text));
	sp_assert(sp_host_parse(sp_host_str(h), &again) == SP_OK);
	sp_assert(sp_host_eq(h, &again) && h->kind == again.kind);
	sp_assert(sp_addr_eq(&h->addr, &again.addr));
	for (size_t i = 0; i < h->n; i++)
		sp_assert(h->text[i] > ' ' && h->text[i] < 0x7f &&
		          !(h->text[i] >= 'A' && h->text[i] <= 'Z'));
	if (h->kind == SP_HOST_NAME) {
		sp_assert(h->n <= SP_HOST_MAX);
		/* "foo.09..": see finish_name() */
		sp_assert(h->text[h->n - 1] != '.' || h->text[h->n - 2] == '.');
		sp_assert(sp_addr_parse(sp_host_str(h), &a) == SP_E_PROTO);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_str in = { data, size };
	struct sp_host h, whole;
	uint16_t port;

	if (sp_host_parse(in, &h) == SP_OK)
		check(&h);
	if (sp_authority_parse(in, &h, &port) == SP_OK) {
		check(&h);
		if (port == 0)
			sp_assert(sp_host_parse(in, &whole) == SP_OK &&
			          sp_host_eq(&h, &whole));
	}
	return 0;
}
