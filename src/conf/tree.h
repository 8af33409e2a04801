/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/tree.h - strict YAML to a small tree of values with their places.
 *
 * Role        Turns the text of a configuration file into nodes. Sans-IO: the
 *             caller has read the file. What the keys mean is conf/keys.h.
 * Ownership   struct sp_conf owns all nodes and texts.
 * Limits      SP_CONF_TEXT_MAX bytes, SP_CONF_NODES_MAX nodes, nesting of
 *             SP_CONF_DEPTH_MAX, SP_CONF_KEYS_MAX keys in one mapping,
 *             SP_CONF_SCALAR_MAX bytes per value.
 * Strictness  One document of mappings, lists and scalars. Anchors, aliases,
 *             tags, directives, complex and duplicate keys are errors. Nothing
 *             is guessed from the spelling: kinds come from the key table.
 * Failure     *ret is written only on success; err says
 *             "file:line:column: what is wrong".
 */
#ifndef SP_CONF_TREE_H
#define SP_CONF_TREE_H

#include "core/err.h"

#define SP_CONF_TEXT_MAX   (1u << 20)
#define SP_CONF_NODES_MAX  65536u
#define SP_CONF_DEPTH_MAX  8u
#define SP_CONF_KEYS_MAX   4096u
#define SP_CONF_SCALAR_MAX 4096u

enum sp_node_kind {
	SP_NODE_SCALAR,
	SP_NODE_LIST,
	SP_NODE_MAP,
};

struct sp_node {
	enum sp_node_kind kind;
	bool plain;            /* a scalar without quotes */
	uint32_t line, column; /* from 1, of the value */
	uint32_t key_line, key_column;
	uint32_t n;         /* children */
	struct sp_str key;  /* in a mapping */
	struct sp_str text; /* of a scalar; a NUL follows */
	struct sp_node *first, *last, *next;
	struct sp_node *all; /* every node of the document, for freeing */
};

struct sp_conf {
	char *file; /* for messages */
	struct sp_node *all;
	const struct sp_node *root; /* always a mapping */
	size_t n;
};

SP_MUST enum sp_rc sp_conf_read(struct sp_str text, const char *file,
                                struct sp_conf **ret, struct sp_err *err);
void sp_conf_free(struct sp_conf *c);

/* The value of a key, or NULL. */
const struct sp_node *sp_node_get(const struct sp_node *map, const char *key);

/* "file:line:column: fmt", the place of the value; always SP_E_PROTO. */
enum sp_rc sp_conf_bad(const struct sp_conf *c, const struct sp_node *at,
                       struct sp_err *err, const char *fmt, ...)
	SP_PRINTF(4, 5);
/* The same at the key. */
enum sp_rc sp_conf_bad_key(const struct sp_conf *c, const struct sp_node *at,
                           struct sp_err *err, const char *fmt, ...)
	SP_PRINTF(4, 5);

#endif
