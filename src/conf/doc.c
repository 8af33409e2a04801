/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/doc.c - the rows for people (mdoc) and for editors (JSON schema).
 */
#include "conf/keys.h"

#define LEVELS_MAX     SP_CONF_DEPTH_MAX
#define LINE_MAX_BYTES 78u

static const char *const kind_text[] = {
	[SP_KEY_TEXT] = "text",
	[SP_KEY_BOOL] = "true or false",
	[SP_KEY_WORD] = "one of",
	[SP_KEY_NUMBER] = "number",
	[SP_KEY_TEXTS] = "list of texts",
	[SP_KEY_PORTS] = "ports, or any",
	[SP_KEY_MAP] = "mapping",
	[SP_KEY_MAPS] = "list of mappings",
	[SP_KEY_PAIRS] = "mapping of texts",
};

/* '.' and '\'' at the start of a line begin requests, '\\' begins escapes. */
static void mdoc_word(struct sp_buf *out, const char *word, size_t n,
                      bool start)
{
	if (start && (*word == '.' || *word == '\''))
		sp_buf_text(out, "\\&");
	for (size_t i = 0; i < n; i++)
		if (word[i] == '\\')
			sp_buf_text(out, "\\e");
		else if (word[i] == '"')
			sp_buf_text(out, "\\(dq");
		else
			sp_buf_byte(out, (uint8_t)word[i]);
}

/* One line of input each sentence, and no more than LINE_MAX_BYTES. */
static void mdoc_text(struct sp_buf *out, const char *text)
{
	size_t column = 0;
	bool sentence = false;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		bool start = column == 0 || sentence ||
		             column + 1 + n > LINE_MAX_BYTES;

		if (column > 0)
			sp_buf_byte(out, start ? '\n' : ' ');
		column = start ? n : column + 1 + n;
		mdoc_word(out, text, n, start);
		sentence = n > 0 && text[n - 1] == '.';
		text += n + (text[n] == ' ');
	}
	sp_buf_byte(out, '\n');
}

/* A literal line, whatever its length. */
static void mdoc_example(struct sp_buf *out, const char *text)
{
	sp_buf_text(out, ".Pp\n.Dl ");
	mdoc_word(out, text, strlen(text), false);
	sp_buf_byte(out, '\n');
}

static void mdoc_row(const struct sp_key *k, struct sp_buf *out)
{
	sp_buf_printf(out, ".It Ic %s\n(", k->name);
	sp_buf_text(out, kind_text[k->kind]);
	if (k->kind == SP_KEY_WORD)
		sp_buf_printf(out, ": %s", k->words);
	if (k->required)
		sp_buf_text(out, "; required");
	sp_buf_text(out, ")\n");
	mdoc_text(out, k->text);
	if (k->def != NULL) {
		sp_buf_text(out, "Default:\n");
		mdoc_text(out, k->def);
	}
	if (k->example != NULL)
		mdoc_example(out, k->example);
}

static void mdoc_list(const struct sp_key *keys, size_t n, unsigned level,
                      struct sp_buf *out)
{
	sp_assert(level < LEVELS_MAX);
	sp_buf_text(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++) {
		mdoc_row(&keys[i], out);
		if (keys[i].sub != NULL)
			mdoc_list(keys[i].sub, keys[i].n_sub, level + 1, out);
	}
	sp_buf_text(out, ".El\n");
}

void sp_keys_mdoc(const struct sp_key *keys, size_t n, struct sp_buf *out)
{
	mdoc_list(keys, n, 0, out);
}

static void json_text(struct sp_buf *out, const char *text)
{
	sp_buf_byte(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			sp_buf_byte(out, '\\');
		sp_buf_byte(out, (uint8_t)*text);
	}
	sp_buf_byte(out, '"');
}

static void json_object(const struct sp_key *keys, size_t n, unsigned level,
                        struct sp_buf *out);

static void json_words(const char *words, struct sp_buf *out)
{
	const char *comma = "";

	sp_buf_text(out, "\"enum\":[");
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		sp_buf_printf(out, "%s\"%.*s\"", comma, (int)n, words);
		words += n + (words[n] == ' ');
		comma = ",";
	}
	sp_buf_byte(out, ']');
}

#define JSON_PORT "{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}"
#define JSON_STR  "{\"type\":\"string\",\"minLength\":1}"

static void json_kind(const struct sp_key *k, unsigned level,
                      struct sp_buf *out)
{
	switch (k->kind) {
	case SP_KEY_TEXT:
		sp_buf_text(out, "\"type\":\"string\"");
		return;
	case SP_KEY_BOOL:
		sp_buf_text(out, "\"type\":\"boolean\"");
		return;
	case SP_KEY_WORD:
		json_words(k->words, out);
		return;
	case SP_KEY_NUMBER:
		sp_buf_printf(out,
		              "\"type\":\"integer\",\"minimum\":0,"
		              "\"maximum\":%u",
		              k->max);
		return;
	case SP_KEY_TEXTS:
		sp_buf_printf(out,
		              "\"anyOf\":[" JSON_STR ",{\"type\":\"array\","
		              "\"maxItems\":%u,\"items\":" JSON_STR "}]",
		              k->max);
		return;
	case SP_KEY_PORTS:
		sp_buf_printf(out,
		              "\"anyOf\":[{\"const\":\"any\"}," JSON_PORT
		              ",{\"type\":\"array\",\"minItems\":1,"
		              "\"maxItems\":%u,\"items\":" JSON_PORT "}]",
		              k->max);
		return;
	case SP_KEY_MAP:
		json_object(k->sub, k->n_sub, level + 1, out);
		return;
	case SP_KEY_MAPS:
		sp_buf_printf(out,
		              "\"type\":\"array\",\"maxItems\":%u,"
		              "\"items\":{",
		              k->max);
		json_object(k->sub, k->n_sub, level + 1, out);
		sp_buf_byte(out, '}');
		return;
	case SP_KEY_PAIRS:
		sp_buf_text(out, "\"type\":\"object\","
		                 "\"additionalProperties\":" JSON_STR);
		return;
	}
}

static void json_required(const struct sp_key *keys, size_t n,
                          struct sp_buf *out)
{
	const char *comma = "";

	sp_buf_text(out, ",\"required\":[");
	for (size_t i = 0; i < n; i++) {
		if (!keys[i].required)
			continue;
		sp_buf_text(out, comma);
		json_text(out, keys[i].name);
		comma = ",";
	}
	sp_buf_byte(out, ']');
}

/* The members of an object's schema, without the braces. */
static void json_object(const struct sp_key *keys, size_t n, unsigned level,
                        struct sp_buf *out)
{
	sp_assert(level < LEVELS_MAX);
	sp_buf_text(out, "\"type\":\"object\",\"additionalProperties\":false,"
	                 "\"properties\":{");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			sp_buf_byte(out, ',');
		json_text(out, keys[i].name);
		sp_buf_text(out, ":{\"description\":");
		json_text(out, keys[i].text);
		sp_buf_byte(out, ',');
		json_kind(&keys[i], level, out);
		sp_buf_byte(out, '}');
	}
	sp_buf_byte(out, '}');
	json_required(keys, n, out);
}

void sp_keys_schema(const struct sp_key *keys, size_t n, const char *title,
                    struct sp_buf *out)
{
	sp_buf_text(out, "{\"$schema\":\"https://json-schema.org/draft/"
	                 "2020-12/schema\",\"title\":");
	json_text(out, title);
	sp_buf_byte(out, ',');
	json_object(keys, n, 0, out);
	sp_buf_text(out, "}\n");
}
