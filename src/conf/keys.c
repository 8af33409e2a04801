/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/keys.h"

#define WORD_MAX     64u
#define DISTANCE_MAX 3u /* further away is another word, not a slip */

/* One row of the usual table is enough. */
unsigned sp_text_distance(struct sp_str a, struct sp_str b)
{
	unsigned row[WORD_MAX + 1];

	if (a.n > WORD_MAX || b.n > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 0; i < a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < b.n; j++) {
			unsigned best = diagonal + (a.p[i] != b.p[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[b.n];
}

static const struct sp_key *find(const struct sp_key *keys, size_t n,
                                 struct sp_str name)
{
	for (size_t i = 0; i < n; i++)
		if (sp_str_is(name, keys[i].name))
			return &keys[i];
	return NULL;
}

static const struct sp_key *nearest(const struct sp_key *keys, size_t n,
                                    struct sp_str name)
{
	const struct sp_key *best = NULL;
	unsigned least = DISTANCE_MAX + 1;

	for (size_t i = 0; i < n; i++) {
		unsigned d = sp_text_distance(name, sp_str(keys[i].name));

		if (d < least && d < name.n) {
			least = d;
			best = &keys[i];
		}
	}
	return best;
}

/* Key, as much of it as a message holds. */
#define KEY(s) (int)((s).n < 64 ? (s).n : 64), (const char *)(s).p

static enum sp_rc unknown(const struct sp_conf *c, const struct sp_node *at,
                          const struct sp_key *keys, size_t n,
                          struct sp_err *err)
{
	const struct sp_key *k = nearest(keys, n, at->key);

	if (k != NULL)
		return sp_conf_bad_key(c, at, err,
		                       "unknown key '%.*s', did you mean '%s'?",
		                       KEY(at->key), k->name);
	return sp_conf_bad_key(c, at, err, "unknown key '%.*s'", KEY(at->key));
}

enum sp_rc sp_text_number(struct sp_str text, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (text.n == 0 || text.n > 10 || (text.n > 1 && text.p[0] == '0'))
		return SP_E_PROTO;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return SP_E_PROTO;
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (v > max)
		return SP_E_LIMIT;
	*ret = (uint32_t)v;
	return SP_OK;
}

bool sp_node_bool(const struct sp_node *n, bool def)
{
	return n == NULL ? def : sp_str_is(n->text, "true");
}

static bool is_word(const char *words, struct sp_str s)
{
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		if (sp_str_eq(s, (struct sp_str){ (const uint8_t *)words, n }))
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

static bool is_port(const struct sp_node *v)
{
	uint32_t port;

	return v->kind == SP_NODE_SCALAR && v->plain &&
	       sp_text_number(v->text, 65535, &port) == SP_OK && port > 0;
}

/* Why a value is not what its row wants; NULL if it is. */
static const char *scalar_problem(const struct sp_key *k,
                                  const struct sp_node *v)
{
	uint32_t number;

	if (v->kind != SP_NODE_SCALAR)
		return "one value";
	if (k->kind == SP_KEY_BOOL)
		return v->plain && (sp_str_is(v->text, "true") ||
		                    sp_str_is(v->text, "false"))
		               ? NULL
		               : "true or false";
	if (k->kind == SP_KEY_WORD)
		return is_word(k->words, v->text) ? NULL : k->words;
	if (k->kind == SP_KEY_NUMBER)
		return v->plain && sp_text_number(v->text, k->max, &number) ==
		                               SP_OK
		               ? NULL
		               : "a number";
	return v->plain && v->text.n == 0 ? "a text" : NULL;
}

static enum sp_rc wanted(const struct sp_conf *c, const struct sp_key *k,
                         const struct sp_node *v, const char *what,
                         struct sp_err *err)
{
	const char *prefix = what == k->words ? "one of: " : "";

	if (v->kind == SP_NODE_SCALAR && v->text.n > 0)
		return sp_conf_bad(c, v, err, "%s: expected %s%s, not '%.*s'",
		                   k->name, prefix, what, KEY(v->text));
	return sp_conf_bad(c, v, err, "%s: expected %s%s", k->name, prefix,
	                   what);
}

static enum sp_rc check_scalar(const struct sp_conf *c, const struct sp_key *k,
                               const struct sp_node *v, struct sp_err *err)
{
	const char *problem = scalar_problem(k, v);

	return problem != NULL ? wanted(c, k, v, problem, err) : SP_OK;
}

static enum sp_rc check_count(const struct sp_conf *c, const struct sp_key *k,
                              const struct sp_node *v, struct sp_err *err)
{
	if (v->n <= k->max)
		return SP_OK;
	sp_conf_bad(c, v, err, "%s: more than %u entries", k->name, k->max);
	return SP_E_LIMIT;
}

static enum sp_rc check_texts(const struct sp_conf *c, const struct sp_key *k,
                              const struct sp_node *v, struct sp_err *err)
{
	static const char *const what = "a list of texts ([] for none)";

	if (v->kind == SP_NODE_MAP ||
	    (v->kind == SP_NODE_SCALAR && v->text.n == 0 && v->plain))
		return wanted(c, k, v, what, err);
	SP_TRY(check_count(c, k, v, err));
	for (const struct sp_node *e = v->first; e != NULL; e = e->next)
		if (e->kind != SP_NODE_SCALAR || (e->plain && e->text.n == 0))
			return wanted(c, k, e, what, err);
	return SP_OK;
}

static enum sp_rc check_ports(const struct sp_conf *c, const struct sp_key *k,
                              const struct sp_node *v, struct sp_err *err)
{
	static const char *const what = "ports (1 to 65535) or 'any'";

	if (v->kind == SP_NODE_SCALAR)
		return is_port(v) || sp_str_is(v->text, "any")
		               ? SP_OK
		               : wanted(c, k, v, what, err);
	if (v->kind != SP_NODE_LIST || v->n == 0)
		return wanted(c, k, v, what, err);
	SP_TRY(check_count(c, k, v, err));
	for (const struct sp_node *e = v->first; e != NULL; e = e->next)
		if (!is_port(e))
			return wanted(c, k, e, what, err);
	return SP_OK;
}

static enum sp_rc check_map(const struct sp_conf *c, const struct sp_key *k,
                            const struct sp_node *v, struct sp_err *err)
{
	if (v->kind != SP_NODE_MAP)
		return wanted(c, k, v, "a mapping", err);
	return sp_keys_check(c, v, k->sub, k->n_sub, err);
}

static enum sp_rc check_maps(const struct sp_conf *c, const struct sp_key *k,
                             const struct sp_node *v, struct sp_err *err)
{
	if (v->kind != SP_NODE_LIST)
		return wanted(c, k, v, "a list of mappings", err);
	SP_TRY(check_count(c, k, v, err));
	for (const struct sp_node *e = v->first; e != NULL; e = e->next)
		SP_TRY(check_map(c, k, e, err));
	return SP_OK;
}

static enum sp_rc check_pairs(const struct sp_conf *c, const struct sp_key *k,
                              const struct sp_node *v, struct sp_err *err)
{
	if (v->kind != SP_NODE_MAP)
		return wanted(c, k, v, "a mapping", err);
	SP_TRY(check_count(c, k, v, err));
	for (const struct sp_node *e = v->first; e != NULL; e = e->next)
		if (e->kind != SP_NODE_SCALAR || e->text.n == 0)
			return wanted(c, k, e, "a text", err);
	return SP_OK;
}

static enum sp_rc check_value(const struct sp_conf *c, const struct sp_key *k,
                              const struct sp_node *v, struct sp_err *err)
{
	switch (k->kind) {
	case SP_KEY_TEXT:
	case SP_KEY_BOOL:
	case SP_KEY_WORD:
	case SP_KEY_NUMBER:
		return check_scalar(c, k, v, err);
	case SP_KEY_TEXTS:
		return check_texts(c, k, v, err);
	case SP_KEY_PORTS:
		return check_ports(c, k, v, err);
	case SP_KEY_MAP:
		return check_map(c, k, v, err);
	case SP_KEY_MAPS:
		return check_maps(c, k, v, err);
	case SP_KEY_PAIRS:
		return check_pairs(c, k, v, err);
	}
	return SP_E_STATE;
}

/* Depth of the recursion: that of the tables, below SP_CONF_DEPTH_MAX. */
enum sp_rc sp_keys_check(const struct sp_conf *c, const struct sp_node *map,
                         const struct sp_key *keys, size_t n,
                         struct sp_err *err)
{
	for (const struct sp_node *v = map->first; v != NULL; v = v->next) {
		const struct sp_key *k = find(keys, n, v->key);

		if (k == NULL)
			return unknown(c, v, keys, n, err);
		SP_TRY(check_value(c, k, v, err));
	}
	for (size_t i = 0; i < n; i++)
		if (keys[i].required && sp_node_get(map, keys[i].name) == NULL)
			return sp_conf_bad(c, map, err, "'%s' is missing",
			                   keys[i].name);
	return SP_OK;
}
