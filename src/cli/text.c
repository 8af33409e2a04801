/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include "json/utf8.h"

/* Control, format and bidirectional characters, and tags. */
static bool is_hidden(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{ 0x00, 0x1f },     { 0x7f, 0x9f },       { 0xad, 0xad },
		{ 0x061c, 0x061c }, { 0x180e, 0x180e },   { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f },   { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < SP_COUNT(hidden); i++)
		if (cp >= hidden[i].first && cp <= hidden[i].last)
			return true;
	return false;
}

void sp_text_visible(struct sp_buf *b, struct sp_str s)
{
	uint8_t utf8[4] = { 0 };
	uint32_t cp;

	while (s.n > 0) {
		/* What is not UTF-8 is the replacement character. */
		sp_utf8_next(&s, &cp);
		if (is_hidden(cp))
			sp_buf_printf(b, "\\u{%x}", cp);
		else
			sp_buf_add(b, (struct sp_str){ utf8,
			                               sp_utf8_put(cp, utf8) });
	}
}

void sp_text_bytes(struct sp_buf *b, uint64_t n)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)n;
	size_t u = 0;

	while (v >= 1000 && u + 1 < SP_COUNT(units)) {
		v /= 1000;
		u++;
	}
	sp_buf_printf(b, u == 0 ? "%.0f%s" : "%.1f%s", v, units[u]);
}

void sp_text_duration(struct sp_buf *b, uint64_t us)
{
	if (us < 1000)
		sp_buf_printf(b, "%lluus", (unsigned long long)us);
	else if (us < 1000000)
		sp_buf_printf(b, "%.1fms", (double)us / 1000);
	else if (us < 60000000)
		sp_buf_printf(b, "%.1fs", (double)us / 1000000);
	else
		sp_buf_printf(b, "%llum%02llus",
		              (unsigned long long)(us / 60000000),
		              (unsigned long long)(us / 1000000 % 60));
}

static size_t digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; s[n] >= '0' && s[n] <= '9'; n++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[n] - '0'), &v))
			return 0;
	*ret = v;
	return n;
}

bool sp_text_span(const char *s, uint64_t *ret_us)
{
	static const struct {
		char unit;
		uint64_t us;
	} units[] = {
		{ 's', UINT64_C(1000000) },
		{ 'm', UINT64_C(60000000) },
		{ 'h', UINT64_C(3600000000) },
		{ 'd', UINT64_C(86400000000) },
	};
	uint64_t v;
	size_t n = digits(s, &v);

	if (n == 0 || s[n] == '\0' || s[n + 1] != '\0')
		return false;
	for (size_t i = 0; i < SP_COUNT(units); i++)
		if (s[n] == units[i].unit)
			return !__builtin_mul_overflow(v, units[i].us, ret_us);
	return false;
}
