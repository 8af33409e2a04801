/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/keys.h - key tables: what a file may say.
 *
 * Role        One row per key. The check of a file, the manual page and the
 *             JSON schema come from the row; none of them is edited by hand.
 * Limits      Every list and number has a maximum.
 * Failure     As conf/tree.h; an unknown key comes with the nearest known one.
 */
#ifndef SP_CONF_KEYS_H
#define SP_CONF_KEYS_H

#include "conf/tree.h"
#include "core/buf.h"

enum sp_key_kind {
	SP_KEY_TEXT,
	SP_KEY_BOOL,   /* true, false */
	SP_KEY_WORD,   /* one of .words, separated by blanks */
	SP_KEY_NUMBER, /* up to .max */
	SP_KEY_TEXTS,  /* a list of texts; one text is a list of one */
	SP_KEY_PORTS,  /* "any", a port, or a list of ports */
	SP_KEY_MAP,    /* a mapping with the keys of .sub */
	SP_KEY_MAPS,   /* a list of such mappings */
	SP_KEY_PAIRS,  /* a mapping of free keys to texts */
};

struct sp_key {
	const char *name;
	enum sp_key_kind kind;
	bool required;
	uint32_t max; /* of a number; of the entries of a list or mapping */
	const char *words;
	const struct sp_key *sub;
	size_t n_sub;
	const char *def;     /* for people: what holds if the key is absent */
	const char *example; /* a line of YAML, or NULL */
	const char *text;    /* sentences */
};

/*
 * Check a mapping against a table, all the way down. After SP_OK the kinds of
 * all nodes are what the table says.
 */
SP_MUST enum sp_rc sp_keys_check(const struct sp_conf *c,
                                 const struct sp_node *map,
                                 const struct sp_key *keys, size_t n,
                                 struct sp_err *err);

/* After a successful check. */
bool sp_node_bool(const struct sp_node *n, bool def);
SP_MUST enum sp_rc sp_text_number(struct sp_str text, uint32_t max,
                                  uint32_t *ret);
/* Edit distance, for suggestions; texts above 64 bytes are far apart. */
unsigned sp_text_distance(struct sp_str a, struct sp_str b);

/* The rows as an mdoc list, and as a JSON schema. */
void sp_keys_mdoc(const struct sp_key *keys, size_t n, struct sp_buf *out);
void sp_keys_schema(const struct sp_key *keys, size_t n, const char *title,
                    struct sp_buf *out);

#endif
