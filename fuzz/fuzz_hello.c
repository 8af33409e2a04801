/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties: what arrives in pieces gets the verdict of the whole, and a
 * hello means the same in records of any size.
 */
#include "core/buf.h"
#include "tls/hello.h"

static bool same(const struct sp_hello *a, const struct sp_hello *b)
{
	return a->has_sni == b->has_sni &&
	       (!a->has_sni || sp_host_eq(&a->sni, &b->sni)) &&
	       a->alpn_h2 == b->alpn_h2 && a->alpn_http11 == b->alpn_http11 &&
	       a->has_alpn == b->has_alpn && a->has_tls13 == b->has_tls13 &&
	       a->has_tls12 == b->has_tls12 && a->has_ecdsa == b->has_ecdsa &&
	       a->has_ech == b->has_ech;
}

/* The payloads of all records up to the end of the hello. */
static void join(struct sp_str in, struct sp_buf *out)
{
	size_t want = 4;

	while (sp_buf_len(out) < want) {
		size_t n = (size_t)in.p[3] << 8 | in.p[4];

		(void)sp_str_take(&in, 5);
		sp_buf_add(out, sp_str_take(&in, n));
		if (sp_buf_len(out) >= 4)
			want = 4 + ((size_t)out->p[2] << 8 | out->p[3]);
	}
}

static void cut(struct sp_str message, size_t size, struct sp_buf *out)
{
	while (message.n > 0) {
		struct sp_str f = sp_str_take(
			&message, message.n < size ? message.n : size);
		uint8_t head[] = { 22, 3, 3, (uint8_t)(f.n >> 8),
			           (uint8_t)f.n };

		sp_buf_add(out, (struct sp_str){ head, sizeof(head) });
		sp_buf_add(out, f);
	}
}

static void check_records(struct sp_str in, const struct sp_hello *whole,
                          size_t size)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf message;
	SP_CLEANUP(sp_buf_fini) struct sp_buf wire;
	struct sp_hello again;

	sp_buf_init(&message, SP_HELLO_MAX);
	sp_buf_init(&wire, 8 * SP_HELLO_MAX);
	join(in, &message);
	cut(sp_buf_str(&message), size, &wire);
	sp_assert(sp_buf_ok(&wire));
	if (sp_buf_len(&wire) > SP_HELLO_MAX)
		return;
	sp_assert(sp_hello_parse(sp_buf_str(&wire), &again) == SP_DONE);
	sp_assert(same(whole, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_hello whole, part;
	enum sp_rc rc, early = SP_OK;
	size_t step;

	if (size < 1)
		return 0;
	step = 1u + data[size - 1] % 61u;
	rc = sp_hello_parse((struct sp_str){ data, size }, &whole);
	for (size_t n = 0; n < size && early == SP_OK; n += step)
		early = sp_hello_parse((struct sp_str){ data, n }, &part);
	sp_assert(early == SP_OK || early == rc);
	if (rc != SP_DONE)
		return 0;
	sp_assert(early == SP_OK || same(&whole, &part));
	check_records((struct sp_str){ data, size }, &whole, step);
	return 0;
}
