/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/h1_line.c - one field line, character by character rules.
 *
 * Strictness  Name of token characters, directly followed by the colon; value
 *             of anything but control bytes (tab is fine), surrounding blanks
 *             taken off; CR LF. A line that begins with a blank is a folded
 *             line (RFC 9112, 5.2) and refused.
 */
#include "http/h1_int.h"

/* clang-format off */
#define A SP_H1_AUTHORITY
#define C SP_H1_CTL
#define D SP_H1_DIGIT
#define G SP_H1_TARGET
#define T SP_H1_TCHAR
#define CTL16 C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C
#define LETTER (A | G | T)
#define LETTERS_13 LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, \
	LETTER, LETTER, LETTER, LETTER, LETTER, LETTER
#define NUMBER (A | D | G | T)

/* Bytes from 0x80 up are in no class. */
const uint8_t sp_h1_class[256] = {
	C, C, C, C, C, C, C, C, C, 0, C, C, C, C, C, C,
	CTL16,
	/* space ! " # $ % & ' ( ) * + , - . / */
	0, A | G | T, G, T, A | G | T, A | G | T, A | G | T, A | G | T,
	A | G, A | G, A | G | T, A | G | T, A | G, A | G | T, A | G | T, G,
	/* 0 to 9 : ; < = > ? @ */
	NUMBER, NUMBER, NUMBER, NUMBER, NUMBER,
	NUMBER, NUMBER, NUMBER, NUMBER, NUMBER,
	A | G, A | G, G, A | G, G, G, G,
	LETTERS_13, LETTERS_13,
	/* [ \ ] ^ _ ` */
	A | G, G, A | G, G | T, A | G | T, G | T,
	LETTERS_13, LETTERS_13,
	/* { | } ~ DEL */
	G, G | T, G, A | G | T, C,
};
#undef A
#undef C
#undef D
#undef G
#undef T
/* clang-format on */

enum sp_rc sp_h1_fail(const struct sp_h1_cursor *c, enum sp_reason reason,
                      const char *rule, size_t offset)
{
	bool limit = reason == SP_REASON_HEAD_TOO_LARGE ||
	             reason == SP_REASON_URI_TOO_LONG;

	*c->why = (struct sp_h1_error){
		.reason = c->response ? SP_REASON_UPSTREAM_PROTOCOL : reason,
		.rule = rule,
		.offset = offset,
	};
	return limit ? SP_E_LIMIT : SP_E_PROTO;
}

enum sp_rc sp_h1_line_end(const struct sp_h1_cursor *c, size_t at)
{
	const uint8_t *p = c->text.p;
	const char *rule = "control-byte";

	if (p[at] == '\r' && p[at + 1] == '\n')
		return SP_OK;
	if (p[at] == '\r')
		rule = "bare-cr";
	else if (p[at] == '\n')
		rule = "bare-lf";
	return sp_h1_fail(c, SP_REASON_BAD_REQUEST, rule, at);
}

/* Why the name that began at the cursor does not end in a colon at "at". */
static enum sp_rc bad_name(const struct sp_h1_cursor *c, size_t at)
{
	const char *rule = "field-name";

	if (at == c->at && (c->text.p[at] == ' ' || c->text.p[at] == '\t'))
		rule = "folded-line";
	else if (at == c->at && c->text.p[at] == ':')
		rule = "empty-name";
	else if (c->text.p[at] == ' ' || c->text.p[at] == '\t')
		rule = "space-before-colon";
	else if (c->text.p[at] == '\r')
		rule = "no-colon";
	return sp_h1_fail(c, SP_REASON_BAD_REQUEST, rule, at);
}

enum sp_rc sp_h1_line(struct sp_h1_cursor *c, struct sp_h1_field *ret)
{
	const uint8_t *p = c->text.p;
	size_t colon = c->at, end;

	while (sp_h1_is(p[colon], SP_H1_TCHAR))
		colon++;
	if (p[colon] != ':' || colon == c->at)
		return bad_name(c, colon);
	end = sp_h1_find_ctl(p, colon + 1, c->text.n);
	SP_TRY(sp_h1_line_end(c, end));
	if (end - c->at > SP_H1_FIELD_MAX)
		return sp_h1_fail(c, SP_REASON_HEAD_TOO_LARGE, "field-size",
		                  c->at);
	ret->name = (struct sp_str){ p + c->at, colon - c->at };
	ret->value =
		sp_h1_trim((struct sp_str){ p + colon + 1, end - colon - 1 });
	c->at = end + 2;
	return SP_OK;
}

bool sp_h1_next_element(struct sp_str *list, struct sp_str *ret)
{
	while (list->n > 0) {
		const uint8_t *comma = memchr(list->p, ',', list->n);
		size_t n = comma != NULL ? (size_t)(comma - list->p) : list->n;

		*ret = sp_h1_trim(sp_str_take(list, n));
		if (comma != NULL)
			(void)sp_str_take(list, 1); /* the comma */
		if (ret->n > 0)
			return true;
	}
	return false;
}
