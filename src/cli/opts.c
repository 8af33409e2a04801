/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opts.h"

#define WORD_MAX     32u
#define DISTANCE_MAX 3u

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits between two short words; long ones are far apart. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(b);

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t up = row[j];

			row[j] = least(least(row[j], row[j - 1]) + 1,
			               diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[n];
}

const char *sp_suggest(const char *text, const struct sp_opt *rows, size_t n)
{
	const char *best = NULL;
	size_t best_d = DISTANCE_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(text, rows[i].name);

		if (rows[i].text != NULL && d < best_d) {
			best = rows[i].name;
			best_d = d;
		}
	}
	return best;
}

struct unit {
	char letter;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{ 'K', UINT64_C(1) << 10 },
	{ 'M', UINT64_C(1) << 20 },
	{ 'G', UINT64_C(1) << 30 },
};
static const struct unit time_units[] = {
	{ 's', 1 },
	{ 'm', 60 },
	{ 'h', 3600 },
};

/* Digits and perhaps one letter. */
static enum sp_rc read_number(const char *s, const struct unit *u, size_t n,
                              uint64_t *ret)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9')
		return SP_E_PROTO;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return SP_E_LIMIT;
	for (size_t i = 0; *s != '\0' && i < n; i++)
		if (*s == u[i].letter) {
			if (__builtin_mul_overflow(v, u[i].factor, &v))
				return SP_E_LIMIT;
			s++;
			break;
		}
	if (*s != '\0' || v == 0)
		return SP_E_PROTO;
	*ret = v;
	return SP_OK;
}

static void *member(void *out, const struct sp_opt *o)
{
	return (char *)out + o->at;
}

static enum sp_rc set_number(const struct sp_opt *o, void *out,
                             const char *value, struct sp_err *err)
{
	static const struct {
		const struct unit *u;
		size_t n;
		const char *want;
	} rows[] = {
		[SP_OPT_COUNT] = { NULL, 0, "a number such as 100" },
		[SP_OPT_BYTES] = { byte_units, SP_COUNT(byte_units),
		                   "a size such as 512M or 2G" },
		[SP_OPT_TIME] = { time_units, SP_COUNT(time_units),
		                  "a time such as 30s or 5m" },
	};
	uint64_t *to = member(out, o);

	if (read_number(value, rows[o->kind].u, rows[o->kind].n, to) == SP_OK)
		return SP_OK;
	sp_err_set(err, "--%s wants %s, not '%s'", o->name, rows[o->kind].want,
	           value);
	return SP_E_PROTO;
}

static enum sp_rc set_value(const struct sp_opt *o, void *out,
                            const char *value, struct sp_err *err)
{
	switch (o->kind) {
	case SP_OPT_FLAG:
		*(bool *)member(out, o) = true;
		return SP_OK;
	case SP_OPT_TEXT:
		*(const char **)member(out, o) = value;
		return SP_OK;
	case SP_OPT_LIST:
		sp_words_add(member(out, o), value);
		return SP_OK;
	case SP_OPT_COUNT:
	case SP_OPT_BYTES:
	case SP_OPT_TIME:
		return set_number(o, out, value, err);
	}
	return SP_E_STATE;
}

/* Text behind the dashes: name or name=value. */
static const struct sp_opt *find(const struct sp_opt *rows, size_t n,
                                 const char *text, const char **ret_value)
{
	size_t len = strcspn(text, "=");

	*ret_value = text[len] == '=' ? text + len + 1 : NULL;
	for (size_t i = 0; i < n; i++)
		if (strlen(rows[i].name) == len &&
		    memcmp(rows[i].name, text, len) == 0)
			return &rows[i];
	return NULL;
}

static const struct sp_opt *find_letter(const struct sp_opt *rows, size_t n,
                                        const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].letter != '\0' && rows[i].letter == text[0] &&
		    text[1] == '\0')
			return &rows[i];
	return NULL;
}

static enum sp_rc unknown(const struct sp_opt *rows, size_t n, const char *arg,
                          struct sp_err *err)
{
	const char *best = sp_suggest(arg + strspn(arg, "-"), rows, n);

	if (best != NULL)
		sp_err_set(err, "unknown option %s: did you mean --%s?", arg,
		           best);
	else
		sp_err_set(err, "unknown option %s: see --help", arg);
	return SP_E_PROTO;
}

enum sp_rc sp_opts_parse(const struct sp_opt *rows, size_t n, int argc,
                         char **argv, void *out, int *ret_rest,
                         struct sp_err *err)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		const char *arg = argv[i], *value = NULL;
		const struct sp_opt *o;

		if (strcmp(arg, "--") == 0) {
			i++;
			break;
		}
		o = arg[1] == '-' ? find(rows, n, arg + 2, &value)
		                  : find_letter(rows, n, arg + 1);
		if (o == NULL)
			return unknown(rows, n, arg, err);
		if (o->kind == SP_OPT_FLAG && value != NULL) {
			sp_err_set(err, "--%s takes no value", o->name);
			return SP_E_PROTO;
		}
		if (o->kind != SP_OPT_FLAG && value == NULL)
			value = ++i < argc ? argv[i] : NULL;
		if (o->kind != SP_OPT_FLAG && value == NULL) {
			sp_err_set(err, "--%s wants %s", o->name, o->arg);
			return SP_E_PROTO;
		}
		SP_TRY(set_value(o, out, value, err));
	}
	*ret_rest = i;
	return SP_OK;
}

void sp_opts_help(const struct sp_opt *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char left[64], letter[8] = "    ";

		if (rows[i].text == NULL)
			continue;
		if (rows[i].letter != '\0')
			snprintf(letter, sizeof(letter), "-%c, ",
			         rows[i].letter);
		snprintf(left, sizeof(left), "  %s--%s%s%s", letter,
		         rows[i].name, rows[i].arg != NULL ? " " : "",
		         rows[i].arg != NULL ? rows[i].arg : "");
		printf("%-28s %s\n", left, rows[i].text);
	}
}
