/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/hostinfo.h"

#include <limits.h>

static bool take_line(struct sp_str *in, struct sp_str *ret)
{
	const uint8_t *eol;

	if (in->n == 0)
		return false;
	eol = memchr(in->p, '\n', in->n);
	*ret = sp_str_take(in, eol == NULL ? in->n : (size_t)(eol - in->p));
	if (eol != NULL)
		(void)sp_str_take(in, 1); /* the line feed */
	return true;
}

static bool take_field(struct sp_str *line, struct sp_str *ret)
{
	const uint8_t *end;

	while (line->n > 0 && line->p[0] == ' ')
		(void)sp_str_take(line, 1); /* a blank */
	if (line->n == 0)
		return false;
	end = memchr(line->p, ' ', line->n);
	*ret = sp_str_take(line,
	                   end == NULL ? line->n : (size_t)(end - line->p));
	return true;
}

static bool is_octal(uint8_t c)
{
	return c >= '0' && c <= '7';
}

/* \040 and the like. False: longer than a path. */
static bool unescape(struct sp_str s, char *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned c = s.p[i];

		if (n + 1 == cap)
			return false;
		if (c == '\\' && s.n - i > 3 && is_octal(s.p[i + 1]) &&
		    is_octal(s.p[i + 2]) && is_octal(s.p[i + 3])) {
			c = (unsigned)(s.p[i + 1] - '0') << 6 |
			    (unsigned)(s.p[i + 2] - '0') << 3 |
			    (unsigned)(s.p[i + 3] - '0');
			i += 3;
		}
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return true;
}

/* "36 35 98:0 /root /mount/point options ..." */
void sp_mounts_read(struct sp_str in, struct sp_words *ret)
{
	struct sp_str line;
	char path[PATH_MAX];

	while (ret->n < SP_MOUNTS_MAX && take_line(&in, &line)) {
		struct sp_str field = { 0 };
		bool ok = true;

		for (int i = 0; ok && i < 5; i++)
			ok = take_field(&line, &field);
		if (ok && unescape(field, path, sizeof(path)))
			sp_words_copy(ret, sp_str(path));
	}
}

void sp_sockets_pick(struct sp_buf *in, struct sp_buf *out)
{
	for (;;) {
		struct sp_str s = sp_buf_str(in);
		const uint8_t *eol = s.n == 0 ? NULL : memchr(s.p, '\n', s.n);

		if (eol == NULL)
			return;
		s.n = (size_t)(eol + 1 - s.p);
		if (memchr(s.p, '/', s.n) != NULL)
			sp_buf_add(out, s);
		sp_buf_consume(in, s.n);
	}
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* "0000...: 00000002 00000000 00010000 0001 01 12345 /path" */
enum sp_rc sp_sockets_below(struct sp_str in, const char *dir,
                            enum sp_rc (*fn)(void *ctx, const char *path,
                                             struct sp_err *err),
                            void *ctx, struct sp_err *err)
{
	struct sp_str line;
	char path[PATH_MAX];

	while (take_line(&in, &line)) {
		const uint8_t *at =
			line.n == 0 ? NULL : memchr(line.p, '/', line.n);
		size_t n = at == NULL ? 0 : line.n - (size_t)(at - line.p);

		if (at == NULL || n >= sizeof(path))
			continue;
		memcpy(path, at, n);
		path[n] = '\0';
		if (is_below(path, dir))
			SP_TRY(fn(ctx, path, err));
	}
	return SP_OK;
}
