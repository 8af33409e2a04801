/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/pem.c - PEM (RFC 7468) in and out. The reader takes the strict form,
 * with lines of any length.
 */
#include "trust/bundle.h"

#define BEGIN_TEXT "-----BEGIN "
#define END_TEXT   "-----END "
#define DASHES     "-----"
#define LINE       64u

void sp_bundle_init(struct sp_bundle *b)
{
	sp_buf_init(&b->der, SP_BUNDLE_BYTES);
	b->n = 0;
}

void sp_bundle_fini(struct sp_bundle *b)
{
	sp_buf_fini(&b->der);
	b->n = 0;
}

struct sp_str sp_bundle_cert(const struct sp_bundle *b, size_t i)
{
	return (struct sp_str){ b->der.p + b->der.head + b->cert[i].at,
		                b->cert[i].n };
}

/* ---- base64 -------------------------------------------------------------- */

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* At most in.n bytes are written to out. False: not clean base64. */
static bool decode(struct sp_str in, uint8_t *out, size_t *ret_n)
{
	uint32_t bits = 0;
	unsigned have = 0, pad = 0;
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int v;

		if (in.p[i] == '\n' || in.p[i] == '\r' || in.p[i] == ' ')
			continue;
		if (in.p[i] == '=') {
			pad++;
			continue;
		}
		v = value_of(in.p[i]);
		if (v < 0 || pad > 0)
			return false;
		bits = bits << 6 | (unsigned)v;
		if (++have < 4)
			continue;
		out[n++] = (uint8_t)(bits >> 16);
		out[n++] = (uint8_t)(bits >> 8);
		out[n++] = (uint8_t)bits;
		have = 0;
	}
	if (have == 1 || pad != (have == 0 ? 0 : 4 - have))
		return false;
	if (have == 3)
		out[n++] = (uint8_t)(bits >> 10);
	if (have >= 2)
		out[n++] = (uint8_t)(have == 3 ? bits >> 2 : bits >> 4);
	*ret_n = n;
	return true;
}

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_group(struct sp_str s, struct sp_buf *out)
{
	uint32_t bits = (uint32_t)s.p[0] << 16;

	if (s.n > 1)
		bits |= (uint32_t)s.p[1] << 8;
	if (s.n > 2)
		bits |= s.p[2];
	for (unsigned i = 0; i < 4; i++)
		sp_buf_byte(
			out,
			i > s.n ? '='
				: (uint8_t)digits[bits >> (18 - 6 * i) & 63]);
}

void sp_base64(struct sp_str s, struct sp_buf *out)
{
	while (s.n > 0)
		encode_group(sp_str_take(&s, s.n < 3 ? s.n : 3), out);
}

/* ---- PEM ----------------------------------------------------------------- */

/* Length of the DER element at the start, or 0. */
static size_t der_size(struct sp_str s)
{
	size_t n = 0, width;

	if (s.n < 2 || s.p[0] != 0x30)
		return 0;
	if (s.p[1] < 0x80)
		return 2u + s.p[1];
	width = s.p[1] & 0x7fu;
	if (width == 0 || width > 3 || s.n < 2 + width)
		return 0;
	for (size_t i = 0; i < width; i++)
		n = n << 8 | s.p[2 + i];
	return 2 + width + n;
}

static bool is_known(const struct sp_bundle *b, struct sp_str der)
{
	for (size_t i = 0; i < b->n; i++)
		if (sp_str_eq(sp_bundle_cert(b, i), der))
			return true;
	return false;
}

/* body is what stands between the two lines. */
static bool add_block(struct sp_bundle *b, struct sp_str body, bool trusted)
{
	uint8_t *room;
	struct sp_str der;
	size_t n, size;

	if (b->n == SP_BUNDLE_CERTS || sp_buf_free_space(&b->der) < body.n)
		return false;
	room = sp_buf_room(&b->der, body.n);
	if (room == NULL || !decode(body, room, &n))
		return false;
	size = der_size((struct sp_str){ room, n });
	if (size == 0 || size > n || (size < n && !trusted))
		return false;
	der = (struct sp_str){ room, size };
	if (is_known(b, der))
		return false;
	b->cert[b->n].at = (uint32_t)sp_buf_len(&b->der);
	b->cert[b->n].n = (uint32_t)size;
	b->n++;
	sp_buf_commit(&b->der, size);
	return true;
}

static const uint8_t *find(struct sp_str s, const char *text)
{
	return s.n == 0 ? NULL : memmem(s.p, s.n, text, strlen(text));
}

/* Cuts off everything before `at` and `skip` bytes more. */
static void skip_to(struct sp_str *s, const uint8_t *at, size_t skip)
{
	(void)sp_str_take(s, (size_t)(at - s->p) + skip); /* not wanted */
}

/* The label of the block that *in begins with; *in moves behind the line. */
static bool take_label(struct sp_str *in, struct sp_str *ret)
{
	const uint8_t *end = find(*in, DASHES);

	if (end == NULL)
		return false;
	*ret = (struct sp_str){ in->p, (size_t)(end - in->p) };
	skip_to(in, end, strlen(DASHES));
	return true;
}

size_t sp_bundle_add_pem(struct sp_bundle *b, struct sp_str pem)
{
	const uint8_t *at;
	size_t added = 0;

	while ((at = find(pem, BEGIN_TEXT)) != NULL) {
		struct sp_str label, body;
		bool trusted;

		skip_to(&pem, at, strlen(BEGIN_TEXT));
		if (!take_label(&pem, &label))
			break;
		at = find(pem, END_TEXT);
		if (at == NULL)
			break;
		body = (struct sp_str){ pem.p, (size_t)(at - pem.p) };
		skip_to(&pem, at, strlen(END_TEXT));
		trusted = sp_str_is(label, "TRUSTED CERTIFICATE");
		if ((trusted || sp_str_is(label, "CERTIFICATE")) &&
		    add_block(b, body, trusted))
			added++;
	}
	return added;
}

void sp_bundle_pem(const struct sp_bundle *b, struct sp_buf *out)
{
	for (size_t i = 0; i < b->n; i++) {
		struct sp_str der = sp_bundle_cert(b, i);

		sp_buf_text(out, BEGIN_TEXT "CERTIFICATE" DASHES "\n");
		while (der.n > 0) {
			size_t n = LINE / 4 * 3;

			sp_base64(sp_str_take(&der, der.n < n ? der.n : n),
			          out);
			sp_buf_byte(out, '\n');
		}
		sp_buf_text(out, END_TEXT "CERTIFICATE" DASHES "\n");
	}
}
