/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/tree.c - libyaml events, one at a time, into nodes. A stack of the
 * open mappings and lists replaces recursion, so hostile nesting costs an
 * error and no stack.
 */
#include "conf/tree.h"

#include <stdarg.h>

#include <yaml.h>

#include "core/alloc.h"

struct reader {
	yaml_parser_t yaml;
	struct sp_conf *conf;
	struct sp_err *err;
	struct sp_node *open[SP_CONF_DEPTH_MAX];
	unsigned depth;
	struct sp_str key; /* of the value that comes next, owned here */
	uint32_t key_line, key_column;
	bool has_key;
	bool done;
};

const struct sp_node *sp_node_get(const struct sp_node *map, const char *key)
{
	if (map == NULL || map->kind != SP_NODE_MAP)
		return NULL;
	for (const struct sp_node *n = map->first; n != NULL; n = n->next)
		if (sp_str_is(n->key, key))
			return n;
	return NULL;
}

static void place(const struct sp_conf *c, uint32_t line, uint32_t column,
                  struct sp_err *err)
{
	sp_err_wrap(err, "%s:%u:%u", c->file, line, column);
}

enum sp_rc sp_conf_bad(const struct sp_conf *c, const struct sp_node *at,
                       struct sp_err *err, const char *fmt, ...)
{
	char what[SP_ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	sp_err_set(err, "%s", what);
	place(c, at->line, at->column, err);
	return SP_E_PROTO;
}

enum sp_rc sp_conf_bad_key(const struct sp_conf *c, const struct sp_node *at,
                           struct sp_err *err, const char *fmt, ...)
{
	char what[SP_ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	sp_err_set(err, "%s", what);
	place(c, at->key_line, at->key_column, err);
	return SP_E_PROTO;
}

static enum sp_rc bad(struct reader *r, const yaml_event_t *ev,
                      const char *what)
{
	sp_err_set(r->err, "%s", what);
	place(r->conf, (uint32_t)ev->start_mark.line + 1,
	      (uint32_t)ev->start_mark.column + 1, r->err);
	return SP_E_PROTO;
}

#define STAR "quote what begins with '*' or '&': \"*.example.com\""

/* The message of libyaml for *.example.com does not help anybody. */
static enum sp_rc malformed(struct reader *r)
{
	const char *context = r->yaml.context, *what = r->yaml.problem;
	bool star = context != NULL && (strstr(context, "alias") != NULL ||
	                                strstr(context, "anchor") != NULL);

	if (what == NULL)
		what = "malformed YAML";
	sp_err_set(r->err, "%s", star ? STAR : what);
	place(r->conf, (uint32_t)r->yaml.problem_mark.line + 1,
	      (uint32_t)r->yaml.problem_mark.column + 1, r->err);
	return SP_E_PROTO;
}

/* A value of the container that is open, or the root. */
static enum sp_rc add_node(struct reader *r, const yaml_event_t *ev,
                           enum sp_node_kind kind, struct sp_node **ret)
{
	struct sp_node *up = r->depth > 0 ? r->open[r->depth - 1] : NULL, *n;

	if (r->conf->n == SP_CONF_NODES_MAX)
		return bad(r, ev, "too many values");
	if (up != NULL && up->kind == SP_NODE_MAP && !r->has_key)
		return bad(r, ev, "expected a key");
	n = SP_NEW(struct sp_node);
	n->kind = kind;
	n->line = (uint32_t)ev->start_mark.line + 1;
	n->column = (uint32_t)ev->start_mark.column + 1;
	n->all = r->conf->all;
	r->conf->all = n;
	r->conf->n++;
	n->key = r->key;
	n->key_line = r->key_line;
	n->key_column = r->key_column;
	r->key = (struct sp_str){ NULL, 0 };
	r->has_key = false;
	if (up == NULL) {
		r->conf->root = n;
	} else {
		*(up->last != NULL ? &up->last->next : &up->first) = n;
		up->last = n;
		up->n++;
	}
	*ret = n;
	return SP_OK;
}

static enum sp_rc on_key(struct reader *r, const yaml_event_t *ev)
{
	struct sp_node *map = r->open[r->depth - 1];
	struct sp_str key = { ev->data.scalar.value, ev->data.scalar.length };

	if (map->n == SP_CONF_KEYS_MAX)
		return bad(r, ev, "too many keys");
	for (const struct sp_node *n = map->first; n != NULL; n = n->next)
		if (sp_str_eq(n->key, key)) {
			sp_err_set(r->err, "key '%.*s' is here twice",
			           (int)(key.n < 64 ? key.n : 64),
			           (const char *)key.p);
			place(r->conf, (uint32_t)ev->start_mark.line + 1,
			      (uint32_t)ev->start_mark.column + 1, r->err);
			return SP_E_PROTO;
		}
	r->key = (struct sp_str){ (uint8_t *)sp_strdup(key), key.n };
	r->key_line = (uint32_t)ev->start_mark.line + 1;
	r->key_column = (uint32_t)ev->start_mark.column + 1;
	r->has_key = true;
	return SP_OK;
}

static enum sp_rc on_scalar(struct reader *r, const yaml_event_t *ev)
{
	struct sp_str text = { ev->data.scalar.value, ev->data.scalar.length };
	struct sp_node *n;

	if (ev->data.scalar.anchor != NULL || ev->data.scalar.tag != NULL)
		return bad(r, ev, "anchors and tags are not allowed");
	if (text.n > SP_CONF_SCALAR_MAX)
		return bad(r, ev, "value too long");
	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return bad(r, ev, "NUL in a value");
	if (r->depth == 0)
		return bad(r, ev, "expected a mapping such as 'mode: enforce'");
	if (r->open[r->depth - 1]->kind == SP_NODE_MAP && !r->has_key)
		return on_key(r, ev);
	SP_TRY(add_node(r, ev, SP_NODE_SCALAR, &n));
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = (struct sp_str){ (uint8_t *)sp_strdup(text), text.n };
	return SP_OK;
}

static enum sp_rc on_start(struct reader *r, const yaml_event_t *ev,
                           enum sp_node_kind kind, bool decorated)
{
	struct sp_node *n;

	if (decorated)
		return bad(r, ev, "anchors and tags are not allowed");
	if (r->depth == SP_CONF_DEPTH_MAX)
		return bad(r, ev, "nested too deeply");
	if (r->depth == 0 && kind != SP_NODE_MAP)
		return bad(r, ev, "expected a mapping such as 'mode: enforce'");
	SP_TRY(add_node(r, ev, kind, &n));
	r->open[r->depth++] = n;
	return SP_OK;
}

static enum sp_rc on_document(struct reader *r, const yaml_event_t *ev)
{
	if (r->conf->root != NULL)
		return bad(r, ev, "more than one document");
	if (ev->data.document_start.version_directive != NULL ||
	    ev->data.document_start.tag_directives.start !=
	            ev->data.document_start.tag_directives.end)
		return bad(r, ev, "directives are not allowed");
	return SP_OK;
}

static enum sp_rc on_event(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, ev, SP_NODE_MAP,
		                ev->data.mapping_start.anchor != NULL ||
		                        ev->data.mapping_start.tag != NULL);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, ev, SP_NODE_LIST,
		                ev->data.sequence_start.anchor != NULL ||
		                        ev->data.sequence_start.tag != NULL);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		sp_assert(r->depth > 0);
		r->depth--;
		return SP_OK;
	case YAML_DOCUMENT_START_EVENT:
		return on_document(r, ev);
	case YAML_STREAM_END_EVENT:
		r->done = true;
		return SP_OK;
	case YAML_ALIAS_EVENT:
		return bad(r, ev, STAR);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return SP_OK;
	}
	return SP_E_STATE;
}

static enum sp_rc read_all(struct reader *r)
{
	while (!r->done) {
		yaml_event_t ev;
		enum sp_rc rc;

		if (!yaml_parser_parse(&r->yaml, &ev))
			return malformed(r);
		rc = on_event(r, &ev);
		yaml_event_delete(&ev);
		SP_TRY(rc);
	}
	return SP_OK;
}

/* An empty file is an empty mapping. */
static void ensure_root(struct sp_conf *c)
{
	struct sp_node *n;

	if (c->root != NULL)
		return;
	n = SP_NEW(struct sp_node);
	n->kind = SP_NODE_MAP;
	n->line = n->column = 1;
	c->all = n;
	c->root = n;
}

void sp_conf_free(struct sp_conf *c)
{
	if (c == NULL)
		return;
	while (c->all != NULL) {
		struct sp_node *n = c->all;

		c->all = n->all;
		sp_str_free(n->key);
		sp_str_free(n->text);
		sp_free(n);
	}
	sp_free(c->file);
	sp_free(c);
}

enum sp_rc sp_conf_read(struct sp_str text, const char *file,
                        struct sp_conf **ret, struct sp_err *err)
{
	struct reader r = { .err = err };
	enum sp_rc rc;

	if (text.n > SP_CONF_TEXT_MAX) {
		sp_err_set(err, "%s: longer than %u bytes", file,
		           SP_CONF_TEXT_MAX);
		return SP_E_LIMIT;
	}
	if (!yaml_parser_initialize(&r.yaml))
		sp_panic("out of memory", __FILE__, __LINE__);
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&r.yaml, text.n > 0 ? text.p : (const uint8_t *)"", text.n);
	r.conf = SP_NEW(struct sp_conf);
	r.conf->file = sp_strdup(sp_str(file));
	rc = read_all(&r);
	yaml_parser_delete(&r.yaml);
	sp_str_free(r.key);
	if (rc < 0) {
		sp_conf_free(r.conf);
		return rc;
	}
	ensure_root(r.conf);
	*ret = r.conf;
	return SP_OK;
}
