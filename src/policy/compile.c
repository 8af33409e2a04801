/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/compile.c - text and options to a snapshot. Runs in the keeper and
 * in the command line tool, never in the proxy.
 */
#include "conf/tree.h"
#include "core/alloc.h"
#include "policy/keys.h"
#include "policy/path.h"
#include "policy/policy_int.h"

struct compiler {
	struct sp_policy *p;
	struct sp_conf *conf;
	struct sp_err *err;
};

#define QUOTE(s) (int)((s).n < 100 ? (s).n : 100), (const char *)(s).p

static enum sp_rc add_pattern(struct compiler *c, struct sp_patset *set,
                              const struct sp_node *at, struct sp_str text,
                              const struct sp_pat_use *use)
{
	const char *problem;
	struct sp_pat p;

	if (sp_pat_parse(text, use, &p, &problem) < 0)
		return sp_conf_bad(c->conf, at, c->err, "'%.*s': expected %s",
		                   QUOTE(text), problem);
	p.line = at->line;
	if (sp_patset_add(set, &p) == SP_OK)
		return SP_OK;
	sp_pat_fini(&p);
	sp_conf_bad(c->conf, at, c->err, "more than %u entries", SP_PATSET_MAX);
	return SP_E_LIMIT;
}

/* One text or a list of texts. */
static const struct sp_node *first_text(const struct sp_node *n)
{
	if (n == NULL || n->kind == SP_NODE_SCALAR)
		return n;
	return n->first;
}

static const struct sp_node *next_text(const struct sp_node *list,
                                       const struct sp_node *n)
{
	return list->kind == SP_NODE_SCALAR ? NULL : n->next;
}

static enum sp_rc add_patterns(struct compiler *c, struct sp_patset *set,
                               const struct sp_node *list,
                               const struct sp_pat_use *use)
{
	for (const struct sp_node *n = first_text(list); n != NULL;
	     n = next_text(list, n))
		SP_TRY(add_pattern(c, set, n, n->text, use));
	return SP_OK;
}

static void read_ports(const struct sp_node *list, struct sp_ports *ret)
{
	*ret = (struct sp_ports){ 0 };
	if (list->kind == SP_NODE_SCALAR && sp_str_is(list->text, "any")) {
		ret->any = true;
		return;
	}
	for (const struct sp_node *n = first_text(list); n != NULL;
	     n = next_text(list, n)) {
		uint32_t port;

		if (sp_text_number(n->text, 65535, &port) == SP_OK &&
		    ret->n < SP_PORTS_MAX)
			ret->port[ret->n++] = (uint16_t)port;
	}
}

static bool node_is(const struct sp_node *n, const char *word)
{
	return n != NULL && sp_str_is(n->text, word);
}

/* RFC 9110, 9.1: a token; lower case is nearly always a mistake. */
static enum sp_rc add_method(struct compiler *c, struct sp_texts *t,
                             const struct sp_node *n)
{
	bool ok = n->text.n <= SP_METHOD_MAX;

	for (size_t i = 0; i < n->text.n; i++) {
		uint8_t m = n->text.p[i];

		ok = ok && ((m >= 'A' && m <= 'Z') || m == '-' || m == '_' ||
		            (m >= '0' && m <= '9'));
	}
	if (!ok)
		return sp_conf_bad(c->conf, n, c->err,
		                   "'%.*s': expected a method such as GET",
		                   QUOTE(n->text));
	sp_texts_add(t, n->text);
	return SP_OK;
}

/* "**" stands alone in a segment, or it would promise what it does not do. */
static bool has_bad_star(struct sp_str s)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		bool two = s.p[i] == '*' && s.p[i + 1] == '*';
		bool alone = i > 0 && s.p[i - 1] == '/' &&
		             (i + 2 == s.n || s.p[i + 2] == '/');

		if (two && !alone)
			return true;
	}
	return false;
}

static enum sp_rc add_path(struct compiler *c, struct sp_texts *t,
                           const struct sp_node *n)
{
	uint8_t path[SP_PATH_MAX];
	struct sp_str s = { path, 0 };
	const char *problem = NULL;

	if (n->text.n == 0 || n->text.p[0] != '/')
		problem = "a path that begins with '/'";
	else if (n->text.n > SP_PATH_PAT_MAX)
		problem = "a shorter path";
	else if (memchr(n->text.p, '?', n->text.n) != NULL ||
	         memchr(n->text.p, '#', n->text.n) != NULL)
		problem = "a path without query and fragment";
	else if (has_bad_star(n->text))
		problem = "'**' as a whole segment, as in /p/**";
	else if (sp_path_canon(n->text, path, &s.n) < 0)
		problem = "a path without dot segments";
	if (problem != NULL)
		return sp_conf_bad(c->conf, n, c->err, "'%.*s': expected %s",
		                   QUOTE(n->text), problem);
	sp_texts_add(t, s);
	return SP_OK;
}

static enum sp_rc add_texts(struct compiler *c, struct sp_texts *t,
                            const struct sp_node *list,
                            enum sp_rc (*add)(struct compiler *,
                                              struct sp_texts *,
                                              const struct sp_node *))
{
	if (list != NULL && list->kind == SP_NODE_LIST && list->n == 0)
		return sp_conf_bad(c->conf, list, c->err,
		                   "an empty list matches nothing; leave the "
		                   "key out to match everything");
	for (const struct sp_node *n = first_text(list); n != NULL;
	     n = next_text(list, n))
		SP_TRY(add(c, t, n));
	return SP_OK;
}

static void read_rule_tls(struct sp_rule *r, const struct sp_node *tls)
{
	r->has_tls = tls != NULL;
	r->tls = node_is(tls, "splice") ? SP_TLS_SPLICE
	         : node_is(tls, "deny") ? SP_TLS_DENY
	                                : SP_TLS_INTERCEPT;
}

static enum sp_rc read_rule(struct compiler *c, struct sp_rule *r,
                            const struct sp_node *n)
{
	const struct sp_node *ports = sp_node_get(n, "ports");
	struct sp_pat_use use = { .strict = c->p->strict };

	r->line = n->line;
	r->action = node_is(sp_node_get(n, "action"), "allow")
	                    ? SP_VERDICT_ALLOW
	                    : SP_VERDICT_DENY;
	use.bounded = r->action == SP_VERDICT_ALLOW;
	SP_TRY(add_patterns(c, &r->hosts, sp_node_get(n, "host"), &use));
	SP_TRY(add_patterns(c, &r->hosts, sp_node_get(n, "hosts"), &use));
	if (r->hosts.n == 0)
		return sp_conf_bad(c->conf, n, c->err, "'host' is missing");
	if (ports != NULL)
		read_ports(ports, &r->ports);
	else if (r->action == SP_VERDICT_ALLOW)
		r->ports = c->p->ports;
	else
		r->ports.any = true;
	SP_TRY(add_texts(c, &r->methods, sp_node_get(n, "methods"),
	                 add_method));
	SP_TRY(add_texts(c, &r->paths, sp_node_get(n, "paths"), add_path));
	read_rule_tls(r, sp_node_get(n, "tls"));
	if (r->has_tls && r->tls == SP_TLS_SPLICE &&
	    (r->methods.n > 0 || r->paths.n > 0))
		return sp_conf_bad(c->conf, n, c->err,
		                   "tls: splice hides methods and paths; "
		                   "remove one of them");
	return SP_OK;
}

static enum sp_rc read_rules(struct compiler *c, const struct sp_node *list)
{
	if (list == NULL || list->n == 0)
		return SP_OK;
	c->p->rule = sp_alloc(list->n, sizeof(*c->p->rule));
	for (const struct sp_node *n = list->first; n != NULL; n = n->next)
		SP_TRY(read_rule(c, &c->p->rule[c->p->n_rules++], n));
	return SP_OK;
}

static enum sp_rc read_resolve(struct compiler *c, const struct sp_node *map)
{
	const struct sp_pat_use use = { 0 };

	if (map == NULL || map->n == 0)
		return SP_OK;
	c->p->pinned = sp_alloc(map->n, sizeof(*c->p->pinned));
	for (const struct sp_node *n = map->first; n != NULL; n = n->next) {
		struct sp_pinned *pin = &c->p->pinned[c->p->resolve.n];
		struct sp_host h;
		struct sp_addr a;

		SP_TRY(add_pattern(c, &c->p->resolve, n, n->key, &use));
		if (c->p->resolve.pat[c->p->resolve.n - 1].kind != SP_PAT_EXACT)
			return sp_conf_bad_key(
				c->conf, n, c->err,
				"'%.*s': expected HOST or HOST:PORT",
				QUOTE(n->key));
		if (sp_addr_parse(n->text, &a) == SP_OK) {
			pin->addr = a;
		} else if (sp_authority_parse(n->text, &h, &pin->port) == 0 &&
		           h.kind != SP_HOST_NAME) {
			pin->addr = h.addr;
		} else {
			return sp_conf_bad(c->conf, n, c->err,
			                   "'%.*s': expected ADDRESS or "
			                   "ADDRESS:PORT",
			                   QUOTE(n->text));
		}
		sp_addr_unmap(&pin->addr);
	}
	return SP_OK;
}

static enum sp_rc read_roots(struct compiler *c, const struct sp_node *list)
{
	for (const struct sp_node *n = first_text(list); n != NULL;
	     n = next_text(list, n)) {
		if (n->text.n == 0 || n->text.n > SP_ROOT_NAME_MAX)
			return sp_conf_bad(c->conf, n, c->err,
			                   "expected a file name");
		sp_texts_add(&c->p->roots, n->text);
	}
	return SP_OK;
}

static void read_switches(struct compiler *c, const struct sp_node *root)
{
	const struct sp_node *internet = sp_node_get(root, "internet");
	const struct sp_node *ports = sp_node_get(root, "ports");
	struct sp_policy *p = c->p;

	p->observe = node_is(sp_node_get(root, "mode"), "observe");
	p->strict = node_is(sp_node_get(root, "globs"), "strict");
	p->nxdomain = node_is(sp_node_get(sp_node_get(root, "dns"), "denied"),
	                      "nxdomain");
	p->internet_set = internet != NULL;
	p->internet_line = internet != NULL ? internet->line : 0;
	p->internet = sp_node_bool(internet, false);
	p->allow_defined = sp_node_get(root, "allowed_hosts") != NULL;
	p->ports = (struct sp_ports){ .n = 2, .port = { 80, 443 } };
	if (ports != NULL)
		read_ports(ports, &p->ports);
}

static enum sp_rc read_lists(struct compiler *c, const struct sp_node *root)
{
	const struct sp_node *tls = sp_node_get(root, "tls");
	const struct sp_node *addresses = sp_node_get(root, "addresses");
	struct sp_policy *p = c->p;
	const struct sp_pat_use open = { .strict = p->strict, .bounded = true },
				close = { .strict = p->strict },
				splice = { .bounded = true }, plain = { 0 },
				exact = { .bounded = true, .need_port = true };

	SP_TRY(add_patterns(c, &p->allowed, sp_node_get(root, "allowed_hosts"),
	                    &open));
	SP_TRY(add_patterns(c, &p->denied, sp_node_get(root, "denied_hosts"),
	                    &close));
	SP_TRY(add_patterns(c, &p->tcp, sp_node_get(root, "tcp"), &exact));
	SP_TRY(add_patterns(c, &p->exempt, sp_node_get(addresses, "allow"),
	                    &exact));
	SP_TRY(add_patterns(c, &p->splice, sp_node_get(tls, "splice"),
	                    &splice));
	SP_TRY(add_patterns(c, &p->tls_deny, sp_node_get(tls, "deny"), &plain));
	return read_roots(c, sp_node_get(tls, "roots"));
}

static enum sp_rc read_file(struct compiler *c)
{
	const struct sp_node *root = c->conf->root;

	SP_TRY(sp_keys_check(c->conf, root, sp_policy_key, sp_policy_key_n,
	                     c->err));
	read_switches(c, root);
	SP_TRY(read_lists(c, root));
	SP_TRY(read_rules(c, sp_node_get(root, "rules")));
	return read_resolve(c, sp_node_get(root, "resolve"));
}

static enum sp_rc read_option(struct compiler *c, const char *name,
                              const char *value, struct sp_patset *set,
                              bool bounded)
{
	const struct sp_pat_use use = { .bounded = bounded };
	const char *problem;
	struct sp_pat p;

	if (sp_pat_parse(sp_str(value), &use, &p, &problem) < 0) {
		sp_err_set(c->err, "%s %.100s: expected %s", name, value,
		           problem);
		return SP_E_PROTO;
	}
	p.option = true;
	if (sp_patset_add(set, &p) == SP_OK)
		return SP_OK;
	sp_pat_fini(&p);
	sp_err_set(c->err, "%s: too many hosts", name);
	return SP_E_LIMIT;
}

/* localhost:8080, 10.1.2.3:443: meant as it is written, with its port. */
static bool names_internal(const struct sp_pat *p)
{
	struct sp_host h;

	if (p->port == 0 || p->kind == SP_PAT_GLOB)
		return false;
	if (p->kind == SP_PAT_NET)
		return sp_addr_class(&p->net.addr) != SP_ADDR_PUBLIC;
	if (sp_host_parse(p->text, &h) < 0)
		return false;
	return h.kind == SP_HOST_NAME
	               ? sp_host_is_internal(&h)
	               : sp_addr_class(&h.addr) != SP_ADDR_PUBLIC;
}

static enum sp_rc read_allow(struct compiler *c, const char *value)
{
	struct sp_policy *p = c->p;

	SP_TRY(read_option(c, "--allow", value, &p->allowed, true));
	p->allow_defined = true;
	if (!names_internal(&p->allowed.pat[p->allowed.n - 1]))
		return SP_OK;
	return read_option(c, "--allow", value, &p->exempt, true);
}

static enum sp_rc read_options(struct compiler *c,
                               const struct sp_policy_source *src)
{
	for (size_t i = 0; i < src->n_allow; i++)
		SP_TRY(read_allow(c, src->allow[i]));
	for (size_t i = 0; i < src->n_deny; i++)
		SP_TRY(read_option(c, "--deny", src->deny[i], &c->p->denied,
		                   false));
	return SP_OK;
}

/* Default deny as soon as anything is allowed by name. */
static void default_internet(struct sp_policy *p)
{
	bool allowing = p->allow_defined;

	if (p->internet_set)
		return;
	for (uint32_t i = 0; i < p->n_rules; i++)
		allowing = allowing || p->rule[i].action == SP_VERDICT_ALLOW;
	p->internet = !allowing;
}

enum sp_rc sp_policy_compile(const struct sp_policy_source *src,
                             struct sp_policy **ret, struct sp_err *err)
{
	struct compiler c = { .err = err };
	enum sp_rc rc;

	SP_TRY(sp_conf_read(src->text, src->file != NULL ? src->file : "policy",
	                    &c.conf, err));
	c.p = sp_policy_new();
	rc = read_file(&c);
	if (rc == SP_OK)
		rc = read_options(&c, src);
	sp_conf_free(c.conf);
	if (rc < 0) {
		sp_policy_unref(c.p);
		return rc;
	}
	default_internet(c.p);
	sp_policy_seal(c.p);
	*ret = c.p;
	return SP_OK;
}
