/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read is within the limits, and its places lie in the text; what is
 * not read leaves the output alone and explains itself with file and line.
 */
#include "conf/tree.h"

static size_t check(const struct sp_node *n, unsigned depth, uint32_t lines)
{
	size_t count = 1;
	uint32_t children = 0;

	sp_assert(depth <= SP_CONF_DEPTH_MAX + 1);
	sp_assert(n->line >= 1 && n->line <= lines && n->column >= 1);
	sp_assert(n->text.n <= SP_CONF_SCALAR_MAX);
	sp_assert(n->kind == SP_NODE_SCALAR || n->text.p == NULL);
	for (const struct sp_node *c = n->first; c != NULL; c = c->next) {
		children++;
		sp_assert((n->kind == SP_NODE_MAP) == (c->key.p != NULL));
		count += check(c, depth + 1, lines);
	}
	sp_assert(children == n->n);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_conf *c = NULL;
	struct sp_err err = { .text = "" };
	uint32_t lines = 2;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80;
	if (sp_conf_read((struct sp_str){ data, size }, "f", &c, &err) < 0) {
		sp_assert(c == NULL && strncmp(err.text, "f:", 2) == 0);
		return 0;
	}
	sp_assert(c->root->kind == SP_NODE_MAP);
	sp_assert(check(c->root, 1, lines) <= SP_CONF_NODES_MAX);
	sp_conf_free(c);
	return 0;
}
