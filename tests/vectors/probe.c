/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vectors/probe.c - ask the policy, one question per line.
 *
 *	request YAML URL METHOD
 *	order   YAML URL PER_HOST FIXED_ALL OVERRIDE_ALL FIXED OVERRIDE
 *
 * YAML and URL are in hex, so that nothing has to be quoted. FIXED and
 * OVERRIDE are "pattern=id,..." or "-". Every layer is the one that judges
 * traffic: URL parser, compiler, the encoded form, decision, address guard.
 *
 * Answers: "url" (no such URL), "policy TEXT" (does not load), else
 * "VERDICT REASON STAGE HOST", or for order "OUTCOME ID PARAMS".
 */
#include "policy/decide.h"
#include "policy/policy_int.h"

#define LINE_MAX_BYTES (1u << 20)
#define KEYS_MAX       8u

static char line[LINE_MAX_BYTES];

static struct sp_str unhex(char *text)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		text[i] = (char)strtoul(pair, NULL, 16);
	}
	return (struct sp_str){ (const uint8_t *)text, n };
}

static char *next(char **rest)
{
	char *word = *rest, *end = word + strcspn(word, " \n");

	*rest = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return word;
}

/* What the proxy would hold: decoded from the encoded form. */
static struct sp_policy *load(struct sp_str yaml)
{
	struct sp_policy_source src = { .text = yaml, .file = "vector" };
	struct sp_policy *p, *copy = NULL;
	struct sp_err err;
	struct sp_buf b;

	if (sp_policy_compile(&src, &p, &err) < 0) {
		printf("policy %s\n", err.text);
		return NULL;
	}
	sp_buf_init(&b, SP_POLICY_ENCODED_MAX);
	sp_policy_encode(p, &b);
	sp_policy_unref(p);
	if (sp_policy_decode(sp_buf_str(&b), &copy) < 0)
		printf("policy does not decode\n");
	sp_buf_fini(&b);
	return copy;
}

static void answer(const struct sp_decision *d, const char *stage,
                   const struct sp_url *u)
{
	printf("%d %s %s %s\n", d->verdict == SP_VERDICT_ALLOW,
	       sp_reason_code(d->reason), stage,
	       u->host.n > 0 ? u->host.text : "-");
}

/* In the order of the proxy; a literal is its own answer from DNS. */
static void ask(const struct sp_policy *p, const struct sp_url *u,
                const char *method)
{
	struct sp_request rq = { &u->host, u->port, u->scheme, sp_str(method),
		                 u->path };
	struct sp_decision d;

	if (u->scheme == SP_SCHEME_HTTP || u->scheme == SP_SCHEME_HTTPS) {
		sp_policy_connect(p, &u->host, u->port, &d);
		if (d.verdict == SP_VERDICT_DENY) {
			answer(&d, "connect", u);
			return;
		}
	}
	sp_policy_request(p, &rq, &d);
	if (d.verdict == SP_VERDICT_DENY) {
		answer(&d, "request", u);
		return;
	}
	if (u->host.kind == SP_HOST_NAME)
		sp_policy_name(p, &u->host, u->port, &d);
	else
		sp_policy_address(p, &u->host, u->port, &u->host.addr, &d);
	answer(&d, d.verdict == SP_VERDICT_DENY ? "guard" : "end", u);
}

struct keys {
	struct sp_patset set;
	uint32_t id[KEYS_MAX];
};

static void read_keys(struct keys *k, char *text, struct sp_bound *ret)
{
	const struct sp_pat_use strict = { .strict = true };

	memset(k, 0, sizeof(*k));
	while (*text != '\0' && *text != '-') {
		size_t n = strcspn(text, "=");
		struct sp_str key = { (const uint8_t *)text, n };
		const char *problem;
		struct sp_pat p;

		sp_assert(k->set.n < KEYS_MAX && text[n] == '=');
		sp_assert(sp_pat_parse(key, &strict, &p, &problem) == SP_OK);
		k->id[k->set.n] = (uint32_t)strtoul(text + n + 1, &text, 10);
		sp_assert(sp_patset_add(&k->set, &p) == SP_OK);
		text += *text == ',';
	}
	sp_patset_index(&k->set);
	*ret = (struct sp_bound){ &k->set, k->id };
}

static void order(const struct sp_policy *p, const struct sp_url *u, char *rest)
{
	static const char *const outcome[] = { [SP_OUTCOME_DENY] = "deny",
		                               [SP_OUTCOME_FORWARD] = "forward",
		                               [SP_OUTCOME_HANDLER] =
		                                       "handler" };
	struct sp_request rq = { &u->host, u->port, u->scheme, sp_str("GET"),
		                 u->path };
	struct sp_handlers h = { 0 };
	struct keys fixed, override;
	struct sp_choice c;
	struct sp_decision d;

	h.per_host = *next(&rest) == '1';
	h.fixed_catch_all = (uint32_t)strtoul(next(&rest), NULL, 10);
	h.override_catch_all = (uint32_t)strtoul(next(&rest), NULL, 10);
	read_keys(&fixed, next(&rest), &h.fixed);
	read_keys(&override, next(&rest), &h.override);
	sp_policy_choose(p, &rq, &h, &c, &d);
	printf("%s %u %d\n", outcome[c.outcome], c.handler, c.params);
	sp_patset_fini(&fixed.set);
	sp_patset_fini(&override.set);
}

static void run(char *rest)
{
	const char *verb = next(&rest);
	struct sp_str yaml = unhex(next(&rest));
	struct sp_str text = unhex(next(&rest));
	struct sp_policy *p = load(yaml);
	struct sp_url u;

	if (p == NULL)
		return;
	if (sp_url_parse(text, &u) < 0)
		printf("url\n");
	else if (strcmp(verb, "order") == 0)
		order(p, &u, rest);
	else
		ask(p, &u, next(&rest));
	sp_policy_unref(p);
}

int main(void)
{
	while (fgets(line, sizeof(line), stdin) != NULL)
		run(line);
	return 0;
}
