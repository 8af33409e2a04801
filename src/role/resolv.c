/* SPDX-License-Identifier: Apache-2.0 */
#include "role/resolv.h"

#include <arpa/inet.h>

#define KEYWORD "nameserver"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct sp_str take_line(struct sp_str *in)
{
	size_t n = 0;
	struct sp_str line;

	while (n < in->n && in->p[n] != '\n')
		n++;
	line = sp_str_take(in, n);
	if (in->n > 0)
		sp_str_take(in, 1);
	return line;
}

static void skip_blanks(struct sp_str *s)
{
	while (s->n > 0 && is_blank(s->p[0]))
		sp_str_take(s, 1);
}

static struct sp_str take_word(struct sp_str *s)
{
	size_t n = 0;

	skip_blanks(s);
	while (n < s->n && !is_blank(s->p[n]))
		n++;
	return sp_str_take(s, n);
}

/* Link-local servers ("fe80::1%eth0") are left out: no zone can be given on. */
static bool is_address(struct sp_str s)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t raw[16];

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET, text, raw) == 1 ||
	       inet_pton(AF_INET6, text, raw) == 1;
}

void sp_resolv_servers(struct sp_str text, struct sp_buf *out)
{
	unsigned n = 0;

	while (text.n > 0 && n < SP_RESOLV_SERVERS_MAX) {
		struct sp_str line = take_line(&text);
		struct sp_str addr;

		if (!sp_str_is(take_word(&line), KEYWORD))
			continue;
		addr = take_word(&line);
		if (!is_address(addr))
			continue;
		if (n++ > 0)
			sp_buf_byte(out, ',');
		sp_buf_add(out, addr);
	}
	if (n == 0)
		sp_buf_text(out, "127.0.0.1");
}
