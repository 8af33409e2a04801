/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logs_view.h"

#include "audit/words.h"
#include "cli/text.h"

#define SECOND_US UINT64_C(1000000)

uint64_t sp_view_num(const struct sp_json *j, const char *key)
{
	const struct sp_json_tok *t = sp_json_member(j, 0, key);

	return t != NULL && t->type == SP_JSON_INT && t->num > 0
	               ? (uint64_t)t->num
	               : 0;
}

bool sp_view_is(const struct sp_json *j, const char *key, const char *text)
{
	const struct sp_json_tok *t = sp_json_member(j, 0, key);

	return t != NULL && sp_json_text_is(t, text);
}

static bool flag(const struct sp_json *j, const char *key)
{
	const struct sp_json_tok *t = sp_json_member(j, 0, key);

	return t != NULL && t->type == SP_JSON_TRUE;
}

/* False, and nothing written, when there is no such text. */
static bool put_field(struct sp_buf *b, const struct sp_json *j,
                      const char *key, const char *before)
{
	const struct sp_json_tok *t = sp_json_member(j, 0, key);
	struct sp_buf text;

	if (t == NULL || t->type != SP_JSON_TEXT || t->raw.n == 0)
		return false;
	sp_buf_text(b, before);
	sp_buf_init(&text, t->raw.n);
	sp_json_text(t, &text);
	sp_text_visible(b, sp_buf_str(&text));
	sp_buf_fini(&text);
	return true;
}

static void put_time(struct sp_buf *b, uint64_t us)
{
	time_t s = (time_t)(us / SECOND_US);
	struct tm tm;
	char text[32];

	if (localtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof(text), "%F %T", &tm) == 0)
		snprintf(text, sizeof(text), "?");
	sp_buf_printf(b, "%s.%03u", text, (unsigned)(us % SECOND_US / 1000));
}

/* In a column, so that lines below each other can be compared. */
static void put_padded(struct sp_buf *b, size_t start, size_t width)
{
	while (sp_buf_len(b) - start < width)
		sp_buf_byte(b, ' ');
}

static void put_who(struct sp_buf *b, const struct sp_json *j)
{
	size_t start;

	sp_buf_byte(b, ' ');
	start = sp_buf_len(b);
	if (!put_field(b, j, "sbname", "") && !put_field(b, j, "sb", ""))
		sp_buf_byte(b, '-');
	put_padded(b, start, 12);
	sp_buf_byte(b, ' ');
	start = sp_buf_len(b);
	if (!put_field(b, j, "comm", ""))
		sp_buf_byte(b, '-');
	if (sp_view_num(j, "pid") > 0)
		sp_buf_printf(b, "[%llu]",
		              (unsigned long long)sp_view_num(j, "pid"));
	put_padded(b, start, 16);
}

static void put_verdict(struct sp_buf *b, const struct sp_view *v)
{
	static const struct {
		const char *word, *color;
	} looks[] = {
		{ "allow", "\033[32m" },
		{ "deny ", "\033[31m" },
		{ "watch", "\033[33m" }, /* a denial that was only observed */
	};
	bool denied = !sp_view_is(v->open, "verdict", "allow");
	size_t i = flag(v->open, "observed") ? 2 : denied ? 1 : 0;

	sp_buf_printf(b, " %s%s%s", v->color ? looks[i].color : "",
	              looks[i].word, v->color ? "\033[0m" : "");
}

static const char *qtype_name(uint64_t qtype)
{
	static const struct {
		uint64_t type;
		const char *name;
	} names[] = {
		{ 1, "A" },    { 2, "NS" },    { 5, "CNAME" },  { 6, "SOA" },
		{ 12, "PTR" }, { 15, "MX" },   { 16, "TXT" },   { 28, "AAAA" },
		{ 33, "SRV" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 255, "ANY" },
	};

	for (size_t i = 0; i < SP_COUNT(names); i++)
		if (names[i].type == qtype)
			return names[i].name;
	return "";
}

static void put_what(struct sp_buf *b, const struct sp_json *j)
{
	sp_buf_byte(b, ' ');
	if (!put_field(b, j, "method", "") && !put_field(b, j, "proto", ""))
		sp_buf_byte(b, '?');
	if (sp_view_is(j, "proto", "dns"))
		sp_buf_printf(b, " %s", qtype_name(sp_view_num(j, "qtype")));
	if (!put_field(b, j, "host", " ") && !put_field(b, j, "addr", " "))
		sp_buf_text(b, " -");
	if (sp_view_num(j, "port") > 0)
		sp_buf_printf(b, ":%llu",
		              (unsigned long long)sp_view_num(j, "port"));
	put_field(b, j, "path", " ");
	if (flag(j, "path_cut"))
		sp_buf_text(b, "...");
}

static void put_why(struct sp_buf *b, const struct sp_view *v)
{
	const struct sp_json *j = v->open;

	if (!sp_view_is(j, "reason", "allowed"))
		put_field(b, j, "reason", " ");
	else if (v->close != NULL && !sp_view_is(v->close, "reason", "allowed"))
		put_field(b, v->close, "reason", " ");
	if (put_field(b, j, "rule", " ("))
		sp_buf_byte(b, ')');
	if (!put_field(b, j, "detail", " - ") && v->close != NULL)
		put_field(b, v->close, "detail", " - ");
}

static void put_end(struct sp_buf *b, const struct sp_json *j)
{
	if (!sp_view_is(j, "outcome", "complete"))
		put_field(b, j, "outcome", " ");
	sp_buf_text(b, " up ");
	sp_text_bytes(b, sp_view_num(j, "up"));
	sp_buf_text(b, " down ");
	sp_text_bytes(b, sp_view_num(j, "down"));
	sp_buf_byte(b, ' ');
	sp_text_duration(b, sp_view_num(j, "us"));
}

void sp_view_put(struct sp_buf *b, const struct sp_view *v)
{
	uint64_t status = sp_view_num(v->open, "status");

	if (status == 0 && v->close != NULL)
		status = sp_view_num(v->close, "status");
	put_time(b, sp_view_num(v->open, "t"));
	put_who(b, v->open);
	put_verdict(b, v);
	put_what(b, v->open);
	if (status > 0)
		sp_buf_printf(b, " %llu", (unsigned long long)status);
	put_why(b, v);
	if (v->close != NULL)
		put_end(b, v->close);
	else if (!flag(v->open, "final"))
		sp_buf_text(b, " open");
	sp_buf_byte(b, '\n');
}
