/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/check.c - `sallyport check`: what would happen, and why. Asks the same
 * functions as the proxy; nothing is resolved and nothing is sent.
 */
#include <getopt.h>

#include "cli/commands.h"
#include "cli/source.h"

struct check {
	struct sp_cli_source source;
	const char *method;
	bool json;
	struct sp_policy *p;
	unsigned steps; /* printed for this target */
};

/* One thing to check, taken apart. */
struct target {
	const char *text;
	struct sp_url url;
	bool connect; /* a host: nothing is said about the request */
	const char *problem;
};

static const char usage[] =
	"usage: sallyport check [-p FILE] [--allow HOST[:PORT]] [--deny HOST]\n"
	"                       [--method METHOD] [--json] HOST|URL...\n"
	"A URL is judged as a request, a HOST[:PORT] as a connection,\n"
	"tcp://HOST:PORT as raw TCP. Exit: 0 allowed, 1 denied, 2 bad "
	"policy.\n";

static const struct option options[] = {
	{ "policy", required_argument, NULL, 'p' },
	{ "allow", required_argument, NULL, 'a' },
	{ "deny", required_argument, NULL, 'd' },
	{ "method", required_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool add_host(const char **list, size_t *n)
{
	if (*n == SP_CLI_HOSTS_MAX)
		return false;
	list[(*n)++] = optarg;
	return true;
}

static bool take_option(struct check *c, int option)
{
	if (option == 'a')
		return add_host(c->source.allow, &c->source.n_allow);
	if (option == 'd')
		return add_host(c->source.deny, &c->source.n_deny);
	if (option == 'p')
		c->source.file = optarg;
	else if (option == 'm')
		c->method = optarg;
	else if (option == 'j')
		c->json = true;
	else
		return false;
	return true;
}

static bool read_options(struct check *c, int argc, char **argv)
{
	int option;

	optind = 0; /* glibc: start over, for whoever parsed before us */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "p:jh", options, NULL)) != -1)
		if (!take_option(c, option))
			return false;
	return optind < argc;
}

static enum sp_rc parse_authority(struct sp_str s, struct sp_url *u)
{
	struct sp_addr a;

	if (sp_addr_parse(s, &a) == SP_OK) {
		sp_host_from_addr(&a, &u->host);
		return SP_OK;
	}
	return sp_authority_parse(s, &u->host, &u->port);
}

static void parse_host(struct target *t, struct sp_str s)
{
	t->connect = true;
	t->url.scheme = SP_SCHEME_HTTPS;
	if (parse_authority(s, &t->url) < 0)
		t->problem = "neither a host nor a URL";
	else if (t->url.port == 0)
		t->url.port = 443;
}

static void parse_tcp(struct target *t, struct sp_str s)
{
	(void)sp_str_take(&s, strlen("tcp://"));
	t->url.scheme = SP_SCHEME_TCP;
	if (parse_authority(s, &t->url) < 0 || t->url.port == 0)
		t->problem = "expected tcp://HOST:PORT";
}

static void parse_url(struct target *t, struct sp_str s)
{
	enum sp_rc rc = sp_url_parse(s, &t->url);

	if (rc == SP_E_DENIED)
		t->problem = "a URL that two programs read differently";
	else if (rc < 0)
		t->problem = "not a URL";
}

static void parse_target(const char *text, struct target *ret)
{
	struct sp_str s = sp_str(text);

	*ret = (struct target){ .text = text };
	if (strncmp(text, "tcp://", 6) == 0)
		parse_tcp(ret, s);
	else if (strchr(text, '/') == NULL)
		parse_host(ret, s);
	else
		parse_url(ret, s);
}

static void print_pair(struct check *c, const char *step, const char *text)
{
	if (!c->json) {
		printf("  %-15s ", step);
		sp_cli_print_text(text);
		fputc('\n', stdout);
		return;
	}
	fputs(c->steps++ > 0 ? ",[" : "[", stdout);
	sp_cli_print_json(step);
	fputc(',', stdout);
	sp_cli_print_json(text);
	fputc(']', stdout);
}

static void on_note(void *ctx, const char *step, const char *text)
{
	print_pair(ctx, step, text);
}

/* A literal is its own answer; a name must at least be one to look up. */
static void guard(struct check *c, const struct target *t,
                  struct sp_decision *d)
{
	const struct sp_url *u = &t->url;
	struct sp_decision g;
	struct sp_addr addr;
	char text[SP_ADDR_TEXT_MAX + 16];
	uint16_t port;

	if (u->host.kind != SP_HOST_NAME) {
		sp_policy_address(c->p, &u->host, u->port, &u->host.addr, &g);
		print_pair(c, "address",
		           sp_addr_class_name(sp_addr_class(&u->host.addr)));
	} else if (sp_policy_override(c->p, &u->host, u->port, &addr, &port)) {
		sp_policy_address(c->p, &u->host, u->port, &addr, &g);
		sp_addr_text(&addr, text);
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         " port %u", port);
		print_pair(c, "resolve", text);
	} else {
		sp_policy_name(c->p, &u->host, u->port, &g);
		print_pair(c, "address",
		           g.verdict == SP_VERDICT_ALLOW
		                   ? "must be public, or in addresses.allow"
		                   : g.rule);
	}
	if (g.verdict == SP_VERDICT_DENY)
		*d = g;
}

static const char *tls_text(enum sp_tls_mode m)
{
	return m == SP_TLS_SPLICE ? "splice"
	       : m == SP_TLS_DENY ? "deny"
	                          : "intercept";
}

static void print_result(const struct check *c, const struct target *t,
                         const struct sp_decision *d, const char *fix)
{
	printf("  %-15s %s%s", "because", sp_reason_code(d->reason),
	       d->observed ? ", but mode is observe" : "");
	if (d->rule[0] != '\0')
		printf(" (%s)", d->rule);
	printf("\n  %-15s %s\n", "verdict",
	       d->verdict == SP_VERDICT_ALLOW ? "allowed" : "denied");
	if (d->reason != SP_REASON_NONE && fix[0] != '\0')
		printf("  %-15s %s\n", "to allow", fix);
	else if (d->reason != SP_REASON_NONE)
		printf("  %-15s %s\n", "to allow", sp_reason_hint(d->reason));
	if (t->url.irregular)
		printf("  %-15s other programs refuse this spelling\n", "note");
	(void)c;
}

static void print_result_json(const struct target *t,
                              const struct sp_decision *d, const char *fix)
{
	printf("],\"host\":");
	sp_cli_print_json(t->url.host.text);
	printf(",\"port\":%u,\"allowed\":%s,\"observed\":%s,\"reason\":\"%s\"",
	       t->url.port, d->verdict == SP_VERDICT_ALLOW ? "true" : "false",
	       d->observed ? "true" : "false", sp_reason_code(d->reason));
	printf(",\"rule\":");
	sp_cli_print_json(d->rule);
	printf(",\"tls\":\"%s\",\"fix\":", tls_text(d->tls));
	sp_cli_print_json(fix);
	printf("}\n");
}

static void judge(struct check *c, const struct target *t,
                  struct sp_decision *ret)
{
	const struct sp_url *u = &t->url;
	struct sp_request rq = { .host = &u->host,
		                 .port = u->port,
		                 .scheme = u->scheme,
		                 .method = sp_str(c->method),
		                 .path = u->path };
	char fix[SP_POLICY_FIX_MAX];
	struct sp_decision d;

	sp_policy_explain(c->p, &rq, t->connect, on_note, c, &d);
	if (d.verdict == SP_VERDICT_ALLOW)
		guard(c, t, &d);
	if (u->scheme == SP_SCHEME_HTTPS && !c->json)
		print_pair(c, "tls", tls_text(d.tls));
	sp_policy_fix(c->p, &rq, &d, fix);
	if (c->json)
		print_result_json(t, &d, fix);
	else
		print_result(c, t, &d, fix);
	*ret = d;
}

/* Not even a target: as the proxy would answer it. */
static void refuse(const struct check *c, const struct target *t)
{
	if (!c->json)
		printf("  %-15s %s\n  %-15s denied\n", "because", t->problem,
		       "verdict");
	else
		printf("],\"allowed\":false,\"reason\":\"bad_host\","
		       "\"rule\":\"%s\"}\n",
		       t->problem);
}

static bool check_one(struct check *c, const char *text)
{
	struct sp_decision d = { .verdict = SP_VERDICT_DENY };
	struct target t;

	parse_target(text, &t);
	c->steps = 0;
	if (c->json) {
		printf("{\"target\":");
		sp_cli_print_json(text);
		printf(",\"steps\":[");
	} else {
		sp_cli_print_text(text);
		fputc('\n', stdout);
	}
	if (t.problem != NULL)
		refuse(c, &t);
	else
		judge(c, &t, &d);
	return d.verdict == SP_VERDICT_ALLOW;
}

int sp_cli_check(int argc, char **argv)
{
	struct check c = { .method = "GET" };
	struct sp_err err;
	bool all = true;

	if (!read_options(&c, argc, argv)) {
		fputs(usage, stderr);
		return SP_CLI_EXIT_USAGE;
	}
	if (sp_cli_source_compile(&c.source, &c.p, &err) < 0) {
		fprintf(stderr, "sallyport check: %s\n", err.text);
		return SP_CLI_EXIT_POLICY;
	}
	for (int i = optind; i < argc; i++)
		all = check_one(&c, argv[i]) && all;
	sp_policy_unref(c.p);
	if (!sp_cli_flush())
		return SP_CLI_EXIT_POLICY;
	return all ? SP_CLI_EXIT_OK : SP_CLI_EXIT_DENIED;
}
