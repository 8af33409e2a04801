/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/pem.c - PEM (RFC 7468) in and out. The reader takes the strict form:
 * every line holds whole groups of four.
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

/* ---- base64 ---------------------------------------------------------- */

/* Value plus one; 0 is not a digit. */
/* clang-format off */
static const uint8_t values[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
	['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
	['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
	['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
	['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
	['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};
/* clang-format on */

/* Whole groups of four from the start; how many bytes of in were used. */
static size_t decode_groups(struct sp_str in, uint8_t *out, size_t *n)
{
	size_t i = 0;

	for (; i + 4 <= in.n; i += 4) {
		const uint8_t *p = in.p + i;
		unsigned a = values[p[0]], b = values[p[1]];
		unsigned c = values[p[2]], d = values[p[3]];
		uint32_t bits;

		if (a == 0 || b == 0 || c == 0 || d == 0)
			break;
		bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		out[(*n)++] = (uint8_t)(bits >> 16);
		out[(*n)++] = (uint8_t)(bits >> 8);
		out[(*n)++] = (uint8_t)bits;
	}
	return i;
}

/* The last group of a text, with its padding. False: not one. */
static bool decode_last(struct sp_str in, uint8_t *out, size_t *n)
{
	unsigned a, b, c;

	if (in.n != 4 || in.p[3] != '=')
		return false;
	a = values[in.p[0]];
	b = values[in.p[1]];
	c = in.p[2] == '=' ? 1 : values[in.p[2]];
	if (a == 0 || b == 0 || c == 0)
		return false;
	out[(*n)++] = (uint8_t)((a - 1) << 2 | (b - 1) >> 4);
	if (in.p[2] != '=')
		out[(*n)++] = (uint8_t)((b - 1) << 4 | (c - 1) >> 2);
	return true;
}

/* One line. *ret_last: it ended with padding. */
static bool decode_line(struct sp_str line, uint8_t *out, size_t *n,
                        bool *ret_last)
{
	(void)sp_str_take(&line, decode_groups(line, out, n)); /* done with */
	if (line.n == 0)
		return true;
	*ret_last = true;
	return decode_last(line, out, n);
}

/*
 * At most in.n bytes are written to out. Lines hold whole groups, as RFC 7468
 * has it (64 characters), and padding is in the last one only.
 */
static bool decode(struct sp_str in, uint8_t *out, size_t *ret_n)
{
	bool last = false;

	*ret_n = 0;
	while (in.n > 0) {
		const uint8_t *eol = memchr(in.p, '\n', in.n);
		size_t n = eol == NULL ? in.n : (size_t)(eol - in.p);
		struct sp_str line = sp_str_take(&in, n);

		if (eol != NULL)
			(void)sp_str_take(&in, 1); /* the line feed */
		while (line.n > 0 && (line.p[line.n - 1] == '\r' ||
		                      line.p[line.n - 1] == ' '))
			line.n--;
		if (line.n > 0 &&
		    (last || !decode_line(line, out, ret_n, &last)))
			return false;
	}
	return true;
}

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* At most LINE characters; returns how many. */
static size_t encode(struct sp_str s, uint8_t *out)
{
	size_t n = 0;

	sp_assert(s.n <= LINE / 4 * 3);
	while (s.n > 0) {
		struct sp_str g = sp_str_take(&s, s.n < 3 ? s.n : 3);
		uint32_t bits = (uint32_t)g.p[0] << 16;

		if (g.n > 1)
			bits |= (uint32_t)g.p[1] << 8;
		if (g.n > 2)
			bits |= g.p[2];
		out[n++] = (uint8_t)digits[bits >> 18];
		out[n++] = (uint8_t)digits[bits >> 12 & 63];
		out[n++] = g.n > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
		out[n++] = g.n > 2 ? (uint8_t)digits[bits & 63] : '=';
	}
	return n;
}

/* Lines of LINE characters; breaks: 1 ends each with a line feed. */
static void encode_lines(struct sp_str s, size_t breaks, struct sp_buf *out)
{
	uint8_t line[LINE + 1];

	while (s.n > 0) {
		size_t k = s.n < LINE / 4 * 3 ? s.n : LINE / 4 * 3;

		k = encode(sp_str_take(&s, k), line);
		line[k] = '\n';
		sp_buf_add(out, (struct sp_str){ line, k + breaks });
	}
}

void sp_base64(struct sp_str s, struct sp_buf *out)
{
	encode_lines(s, 0, out);
}

/* ---- PEM ------------------------------------------------------------- */

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
		encode_lines(der, 1, out);
		sp_buf_text(out, END_TEXT "CERTIFICATE" DASHES "\n");
	}
}
