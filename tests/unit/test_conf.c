/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "conf/keys.h"

/* clang-format off */
static const struct sp_key inner[] = {
	{ .name = "name", .kind = SP_KEY_TEXT, .required = true, .text = "Name." },
	{ .name = "on", .kind = SP_KEY_BOOL, .text = "Switch." },
};
static const struct sp_key keys[] = {
	{ .name = "mode", .kind = SP_KEY_WORD, .words = "enforce observe", .text = "Mode." },
	{ .name = "count", .kind = SP_KEY_NUMBER, .max = 9, .text = "Count." },
	{ .name = "hosts", .kind = SP_KEY_TEXTS, .max = 3, .text = "Hosts.", .example = "hosts: [a]" },
	{ .name = "ports", .kind = SP_KEY_PORTS, .max = 2, .text = "Ports." },
	{ .name = "one", .kind = SP_KEY_MAP, .sub = inner, .n_sub = SP_COUNT(inner), .text = "One." },
	{ .name = "many", .kind = SP_KEY_MAPS, .max = 2, .sub = inner, .n_sub = SP_COUNT(inner), .text = "Many." },
	{ .name = "pairs", .kind = SP_KEY_PAIRS, .max = 2, .text = "Pairs." },
};

static const char *const good[] = {
	"", "# only a comment\n", "{}", "mode: enforce", "mode: \"observe\"",
	"count: 9", "hosts: a", "hosts: []", "hosts: [a, \"*.b\", 'c']",
	"ports: any", "ports: 1", "ports: [1, 65535]",
	"one: { name: x, on: true }", "many:\n  - name: x\n  - name: y\n    on: false\n",
	"pairs: { \"a:1\": \"b:2\" }", "---\nmode: enforce\n...\n",
};

/* text, the error; "f:line:column: " comes first */
static const struct { const char *yaml, *error; } bad[] = {
	{ "mod: enforce", "f:1:1: unknown key 'mod', did you mean 'mode'?" },
	{ "mode: enforce\nxyzzy: 1", "f:2:1: unknown key 'xyzzy'" },
	{ "mode: on", "f:1:7: mode: expected one of: enforce observe, not 'on'" },
	{ "mode: [a]", "f:1:7: mode: expected one value" },
	{ "mode:", "f:1:6: mode: expected one of: enforce observe" },
	{ "count: 10", "f:1:8: count: expected a number, not '10'" },
	{ "count: \"1\"", "f:1:8: count: expected a number, not '1'" },
	{ "count: 01", "f:1:8: count: expected a number, not '01'" },
	{ "hosts: {a: b}", "f:1:8: hosts: expected a list of texts ([] for none)" },
	{ "hosts: [[a]]", "f:1:9: hosts: expected a list of texts ([] for none)" },
	{ "hosts: [a, b, c, d]", "f:1:8: hosts: more than 3 entries" },
	{ "ports: 0", "f:1:8: ports: expected ports (1 to 65535) or 'any', not '0'" },
	{ "ports: []", "f:1:8: ports: expected ports (1 to 65535) or 'any'" },
	{ "ports: [65536]", "f:1:9: ports: expected ports (1 to 65535) or 'any', not '65536'" },
	{ "ports: [1, 2, 3]", "f:1:8: ports: more than 2 entries" },
	{ "one: { on: yes, name: x }", "f:1:12: on: expected true or false, not 'yes'" },
	{ "one: { on: \"true\", name: x }", "f:1:12: on: expected true or false, not 'true'" },
	{ "one: {}", "f:1:6: 'name' is missing" },
	{ "one: x", "f:1:6: one: expected a mapping, not 'x'" },
	{ "many: { name: x }", "f:1:7: many: expected a list of mappings" },
	{ "many: [x]", "f:1:8: many: expected a mapping, not 'x'" },
	{ "pairs: { a: [b] }", "f:1:13: pairs: expected a text" },
	{ "mode: enforce\nmode: observe", "f:2:1: key 'mode' is here twice" },
	{ "hosts: [*.example.com]", "f:1:10: quote what begins with '*' or '&': \"*.example.com\"" },
	{ "mode: &x enforce", "f:1:7: anchors and tags are not allowed" },
	{ "hosts: &x [a]", "f:1:8: anchors and tags are not allowed" },
	{ "one: !t { name: x }", "f:1:6: anchors and tags are not allowed" },
	{ "mode: !!str enforce", "f:1:7: anchors and tags are not allowed" },
	{ "hosts: [*x]", "f:1:9: quote what begins with '*' or '&': \"*.example.com\"" },
	{ "%YAML 1.1\n---\nmode: enforce", "f:1:1: directives are not allowed" },
	{ "mode: enforce\n---\nmode: enforce", "f:2:1: more than one document" },
	{ "? [a]\n: b", "f:1:3: expected a key" },
	{ "- a", "f:1:1: expected a mapping such as 'mode: enforce'" },
	{ "a", "f:1:1: expected a mapping such as 'mode: enforce'" },
	{ "pairs: {a: [[[[[[[[]]]]]]]]}", "f:1:18: nested too deeply" },
	{ "mode: \"a\\0b\"", "f:1:7: NUL in a value" },
};
/* clang-format on */

static enum sp_rc load(struct sp_str text, struct sp_conf **ret,
                       struct sp_err *err)
{
	struct sp_conf *c;
	enum sp_rc rc = sp_conf_read(text, "f", &c, err);

	if (rc < 0)
		return rc;
	rc = sp_keys_check(c, c->root, keys, SP_COUNT(keys), err);
	if (rc == SP_OK && ret != NULL)
		*ret = c;
	else
		sp_conf_free(c);
	return rc;
}

static void test_what_is_accepted(void **state)
{
	struct sp_err err = { .text = "" };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(good); i++)
		if (load(sp_str(good[i]), NULL, &err) < 0)
			fail_msg("%s: %s", good[i], err.text);
}

static void test_errors_name_the_place(void **state)
{
	struct sp_err err;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(bad); i++) {
		assert_true(load(sp_str(bad[i].yaml), NULL, &err) < 0);
		assert_string_equal(err.text, bad[i].error);
	}
}

static void test_values(void **state)
{
	const struct sp_node *n;
	struct sp_conf *c;
	struct sp_err err;

	(void)state;
	assert_int_equal(
		load(sp_str("one:\n  name: \"x y\"\n  on: true\n"), &c, &err),
		SP_OK);
	n = sp_node_get(c->root, "one");
	assert_true(sp_str_is(sp_node_get(n, "name")->text, "x y"));
	assert_false(sp_node_get(n, "name")->plain);
	assert_int_equal(sp_node_get(n, "name")->line, 2);
	assert_int_equal(sp_node_get(n, "name")->column, 9);
	assert_true(sp_node_bool(sp_node_get(n, "on"), false));
	assert_true(sp_node_bool(sp_node_get(n, "off"), true));
	assert_null(sp_node_get(n, "off"));
	assert_null(sp_node_get(NULL, "off"));
	sp_conf_free(c);
}

/* One below, at and above each maximum of the reader. */
static void test_limits(void **state)
{
	static uint8_t text[SP_CONF_TEXT_MAX + 2];
	struct sp_conf *c;
	struct sp_err err;

	(void)state;
	memset(text, ' ', sizeof(text));
	for (size_t n = SP_CONF_TEXT_MAX - 1; n <= SP_CONF_TEXT_MAX + 1; n++)
		assert_int_equal(load((struct sp_str){ text, n }, NULL, &err),
		                 n <= SP_CONF_TEXT_MAX ? SP_OK : SP_E_LIMIT);
	for (size_t n = SP_CONF_SCALAR_MAX - 1; n <= SP_CONF_SCALAR_MAX + 1;
	     n++) {
		memcpy(text, "hosts: ", 7);
		memset(text + 7, 'x', n);
		assert_int_equal(
			load((struct sp_str){ text, n + 7 }, NULL, &err),
			n <= SP_CONF_SCALAR_MAX ? SP_OK : SP_E_PROTO);
	}
	for (size_t n = SP_CONF_NODES_MAX - 1; n <= SP_CONF_NODES_MAX + 1;
	     n++) {
		/* two nodes more: the mapping and the list */
		memcpy(text, "x: [", 4);
		for (size_t i = 0; i + 2 < n; i++)
			memcpy(text + 4 + 2 * i, "x,", 2);
		text[4 + 2 * (n - 2)] = ']';
		if (sp_conf_read((struct sp_str){ text, 5 + 2 * (n - 2) }, "f",
		                 &c, &err) == SP_OK) {
			assert_true(n <= SP_CONF_NODES_MAX);
			sp_conf_free(c);
		} else {
			assert_true(n > SP_CONF_NODES_MAX);
		}
	}
}

static void test_keys_of_one_mapping(void **state)
{
	static char text[16 * SP_CONF_KEYS_MAX];
	struct sp_conf *c;
	struct sp_err err;

	(void)state;
	for (unsigned n = SP_CONF_KEYS_MAX - 1; n <= SP_CONF_KEYS_MAX + 1;
	     n++) {
		size_t at = 0;

		for (unsigned i = 0; i < n; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			                       "k%u: 1\n", i);
		if (sp_conf_read((struct sp_str){ (uint8_t *)text, at }, "f",
		                 &c, &err) == SP_OK) {
			assert_true(n <= SP_CONF_KEYS_MAX);
			sp_conf_free(c);
		} else {
			assert_true(n > SP_CONF_KEYS_MAX);
		}
	}
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(sp_text_distance(sp_str("mode"), sp_str("mode")), 0);
	assert_int_equal(sp_text_distance(sp_str("moed"), sp_str("mode")), 2);
	assert_int_equal(sp_text_distance(sp_str(""), sp_str("mode")), 4);
	assert_int_equal(sp_text_distance(sp_str("kitten"), sp_str("sitting")),
	                 3);
}

static void test_documents_are_generated(void **state)
{
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, 1 << 16);
	sp_keys_mdoc(keys, SP_COUNT(keys), &b);
	sp_buf_byte(&b, '\0');
	for (size_t i = 0; i < SP_COUNT(keys); i++) {
		char row[64];

		snprintf(row, sizeof(row), ".It Ic %s\n", keys[i].name);
		assert_non_null(strstr((const char *)sp_buf_str(&b).p, row));
	}
	sp_buf_reset(&b);
	sp_keys_schema(keys, 1, "t", &b);
	assert_true(sp_str_is(
		sp_buf_str(&b),
		"{\"$schema\":\"https://json-schema.org/draft/2020-12/"
		"schema\",\"title\":\"t\",\"type\":\"object\","
		"\"additionalProperties\":false,\"properties\":{\"mode\":{"
		"\"description\":\"Mode.\",\"enum\":[\"enforce\",\"observe\"]"
		"}},\"required\":[]}\n"));
	sp_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_accepted),
		cmocka_unit_test(test_errors_name_the_place),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_keys_of_one_mapping),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_documents_are_generated),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
