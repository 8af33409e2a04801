/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pack.h"

#include "ipc/wire.h"

static void put_u32(struct sp_buf *b, size_t v)
{
	if (v > UINT32_MAX)
		b->bad = true;
	for (size_t i = 4; i-- > 0;)
		sp_buf_byte(b, (uint8_t)(v >> (8 * i)));
}

void sp_pack_add(struct sp_buf *b, enum sp_pack_kind kind, const char *path,
                 struct sp_str data)
{
	size_t n = strlen(path) + 1;

	sp_buf_byte(b, (uint8_t)kind);
	put_u32(b, n);
	sp_buf_add(b, (struct sp_str){ (const uint8_t *)path, n });
	put_u32(b, data.n);
	sp_buf_add(b, data);
}

static enum sp_rc get_bytes(struct sp_str *in, struct sp_str *ret)
{
	uint32_t n;

	SP_TRY(sp_get_u32(in, &n));
	if (n > in->n)
		return SP_E_PROTO;
	*ret = sp_str_take(in, n);
	return SP_OK;
}

enum sp_rc sp_pack_next(struct sp_str *in, struct sp_pack_item *ret)
{
	struct sp_str path;

	if (in->n == 0)
		return SP_DONE;
	SP_TRY(sp_get_u8(in, &ret->kind));
	SP_TRY(get_bytes(in, &path));
	SP_TRY(get_bytes(in, &ret->data));
	if (ret->kind >= SP_PACK_KINDS || path.n == 0 ||
	    memchr(path.p, '\0', path.n) != path.p + path.n - 1)
		return SP_E_PROTO;
	ret->path = (const char *)path.p;
	return SP_OK;
}
