/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was taken apart can be put together: scheme, host, port, path and query
 * as one plain URL parse to the same parts. Spans lie inside the input.
 */
#include "core/buf.h"
#include "name/url.h"

static void check_span(struct sp_str s, const uint8_t *data, size_t size)
{
	if (s.n == 0 || sp_str_is(s, "/"))
		return;
	sp_assert(s.p >= data && s.p + s.n <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_url u, v;
	struct sp_buf b;

	if (sp_url_parse((struct sp_str){ data, size }, &u) < 0)
		return 0;
	check_span(u.path, data, size);
	check_span(u.query, data, size);
	if (u.scheme == SP_SCHEME_OTHER)
		return 0;
	sp_assert(u.port != 0 && u.host.kind != SP_HOST_NONE);
	if (u.irregular)
		return 0;
	sp_assert(u.path.p[0] == '/');
	sp_buf_init(&b, 2 * SP_URL_MAX);
	sp_buf_printf(&b, "%s://%s:%u", sp_scheme_name(u.scheme), u.host.text,
	              (unsigned)u.port);
	sp_buf_add(&b, u.path);
	sp_buf_byte(&b, '?');
	sp_buf_add(&b, u.query);
	sp_buf_byte(&b, '#');
	if (sp_buf_len(&b) <= SP_URL_MAX) {
		sp_assert(sp_url_parse(sp_buf_str(&b), &v) == SP_OK);
		sp_assert(sp_host_eq(&u.host, &v.host) && u.port == v.port);
		sp_assert(u.scheme == v.scheme && !v.irregular);
		sp_assert(sp_str_eq(u.path, v.path));
		sp_assert(sp_str_eq(u.query, v.query));
	}
	sp_buf_fini(&b);
	return 0;
}
