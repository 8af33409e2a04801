/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/hosts.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The text up to the line end; *text moves behind it. */
static struct sp_str take_line(struct sp_str *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	size_t n = end != NULL ? (size_t)(end - text->p) : text->n;
	struct sp_str line = sp_str_take(text, n);

	if (text->n > 0)
		sp_str_take(text, 1);
	return line;
}

/* The next word, or an empty one at the end or before a comment. */
static struct sp_str take_word(struct sp_str *line)
{
	size_t n = 0;

	while (line->n > 0 && is_blank(line->p[0]))
		sp_str_take(line, 1);
	while (n < line->n && !is_blank(line->p[n]) && line->p[n] != '#')
		n++;
	return sp_str_take(line, n);
}

static bool line_names(struct sp_str line, const struct sp_host *name)
{
	struct sp_str word = take_word(&line);

	while (word.n > 0) {
		if (word.p[word.n - 1] == '.')
			word.n--;
		if (sp_str_is_nocase(word, name->text))
			return true;
		word = take_word(&line);
	}
	return false;
}

size_t sp_hosts_find(struct sp_str text, const struct sp_host *name,
                     struct sp_addr *ret, size_t max)
{
	size_t n = 0;

	while (text.n > 0 && n < max) {
		struct sp_str line = take_line(&text);
		struct sp_str addr = take_word(&line);

		if (addr.n > 0 && line_names(line, name) &&
		    sp_addr_parse(addr, &ret[n]) == SP_OK)
			n++;
	}
	return n;
}
