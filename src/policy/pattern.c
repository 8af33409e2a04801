/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/pattern.c - one entry of a list to its canonical form.
 *
 *	[host]:port   host:port   host   10.0.0.0/8:port   [fc00::/7]:port   ::1
 *
 * The same host parser reads patterns and traffic, so that what is equal for
 * one is equal for the other. What can never match is an error with a reason,
 * not a silent hole in the policy.
 */
#include "policy/pattern.h"

#include "core/alloc.h"

struct parts {
	struct sp_str host;
	struct sp_str port; /* p NULL: none */
};

static bool has(struct sp_str s, uint8_t c)
{
	return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

static size_t count(struct sp_str s, uint8_t c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

/* More than one ':' outside brackets is an IPv6 address without port. */
static struct parts split(struct sp_str in)
{
	struct parts p = { in, { NULL, 0 } };
	size_t at = in.n;

	if (in.n > 0 && in.p[0] == '[') {
		while (at > 0 && in.p[at - 1] != ']')
			at--;
		if (at == 0 || at == in.n || in.p[at] != ':')
			return p;
	} else {
		if (count(in, ':') != 1)
			return p;
		while (in.p[at - 1] != ':')
			at--;
		at--;
	}
	p.host = sp_str_take(&in, at);
	(void)sp_str_take(&in, 1); /* the colon */
	p.port = in;
	return p;
}

static const char *parse_port(struct sp_str s, uint16_t *ret)
{
	static const char *const problem = "a port from 1 to 65535";
	unsigned v = 0;

	if (s.n == 0 || s.n > 5 || s.p[0] == '0')
		return problem;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return problem;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	if (v > 65535)
		return problem;
	*ret = (uint16_t)v;
	return NULL;
}

static const char *set_text(struct sp_pat *p, struct sp_str text)
{
	p->text = (struct sp_str){ (uint8_t *)sp_strdup(text), text.n };
	return NULL;
}

/* What is wrong with any host text, before its kind is looked at. */
static const char *check_shape(struct sp_str s)
{
	if (s.n == 0)
		return "a host name, an address or a pattern";
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f)
			return "a host without blanks";
	if (has(s, '?') || has(s, '\\') || has(s, '@') || has(s, '#'))
		return "a host; '*' is the only wildcard";
	if (s.p[0] == '.')
		return "a host; for all below a domain write \"*.example.com\"";
	return NULL;
}

#define NOT_A_NET "a host, not a URL or path; networks are written 10.0.0.0/8"

static const char *parse_net(struct sp_str s, struct sp_pat *p)
{
	char text[SP_ADDR_TEXT_MAX + 8], addr[SP_ADDR_TEXT_MAX];

	if (s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = (struct sp_str){ s.p + 1, s.n - 2 };
	if (sp_net_parse(s, &p->net) < 0)
		return NOT_A_NET;
	p->kind = SP_PAT_NET;
	sp_addr_text(&p->net.addr, addr);
	snprintf(text, sizeof(text), "%s/%u", addr, (unsigned)p->net.prefix);
	p->folded = !sp_str_is(s, text);
	return set_text(p, sp_str(text));
}

static void set_net(struct sp_pat *p, const struct sp_addr *a)
{
	p->net.addr = *a;
	p->net.prefix = a->family == 4 ? 32 : a->family == 6 ? 128 : 0;
}

static const char *parse_exact(struct sp_str s, struct sp_pat *p)
{
	struct sp_host h;
	struct sp_addr a;

	p->kind = SP_PAT_EXACT;
	if (s.p[0] != '[' && sp_addr_parse(s, &a) == SP_OK)
		sp_host_from_addr(&a, &h);
	else if (sp_host_parse(s, &h) < 0)
		return "a host name or an address";
	if (h.kind != SP_HOST_NAME)
		set_net(p, &h.addr);
	p->folded = !sp_str_eq(s, sp_host_str(&h));
	return set_text(p, sp_host_str(&h));
}

/* A label without star may be Unicode; one with a star must be ASCII. */
static const char *fold_label(struct sp_str label, uint8_t *out, size_t *n)
{
	struct sp_host h;
	bool ascii = true;

	for (size_t i = 0; i < label.n; i++)
		ascii = ascii && label.p[i] < 0x80;
	if (!ascii && has(label, '*'))
		return "'*' in a label of its own beside letters that are not "
		       "ASCII";
	if (ascii) {
		for (size_t i = 0; i < label.n; i++)
			out[(*n)++] = sp_lower(label.p[i]);
		return NULL;
	}
	if (sp_host_parse(label, &h) < 0 || h.kind != SP_HOST_NAME ||
	    *n + h.n > SP_PAT_TEXT_MAX)
		return "a pattern of valid labels";
	memcpy(out + *n, h.text, h.n);
	*n += h.n;
	return NULL;
}

static const char *fold_labels(struct sp_str s, uint8_t *out, size_t *n)
{
	while (s.n > 0) {
		const uint8_t *dot = memchr(s.p, '.', s.n);
		size_t len = dot != NULL ? (size_t)(dot - s.p) : s.n;
		const char *problem = fold_label(sp_str_take(&s, len), out, n);

		if (problem != NULL)
			return problem;
		if (s.n == 0)
			return NULL;
		(void)sp_str_take(&s, 1); /* the dot */
		if (*n == SP_PAT_TEXT_MAX)
			return "a shorter pattern";
		out[(*n)++] = '.';
	}
	return NULL;
}

static bool ends_with(struct sp_str s, const char *end)
{
	size_t n = strlen(end);

	return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

static const char *check_glob(struct sp_str s)
{
	bool v6 = s.p[0] == '[' && s.p[s.n - 1] == ']';

	for (size_t i = 0; i < s.n; i++) {
		bool edge = i == 0 || i + 1 == s.n;

		if ((s.p[i] == '[' || s.p[i] == ']') && !(v6 && edge))
			return "a host; '*' is the only wildcard";
		if (s.p[i] == '.' && i > 0 && s.p[i - 1] == '.')
			return "a host without empty labels";
	}
	if (!v6 && has(s, ':'))
		return "[...] around an IPv6 pattern";
	return NULL;
}

/* "*." must not become "*", nor "x.*." become "x.*". */
static const char *parse_glob(struct sp_str s, const struct sp_pat_use *use,
                              struct sp_pat *p)
{
	uint8_t out[SP_PAT_TEXT_MAX];
	struct sp_str text = { out, 0 }, bare = s;
	const char *problem;

	while (bare.n > 0 && bare.p[bare.n - 1] == '.')
		bare.n--;
	if (bare.n == 0 || (bare.n < s.n && bare.p[bare.n - 1] == '*'))
		return "a pattern that does not end in a dot";
	problem = check_glob(bare);
	if (problem == NULL)
		problem = fold_labels(bare, out, &text.n);
	if (problem != NULL)
		return problem;
	p->kind = SP_PAT_GLOB;
	p->bounded = use->bounded && ends_with(text, ".*");
	p->folded = !sp_str_eq(s, text);
	return set_text(p, text);
}

static const char *parse_strict(struct sp_str in, struct sp_pat *p)
{
	struct sp_host h;

	p->kind = has(in, '*') ? SP_PAT_GLOB : SP_PAT_EXACT;
	if (p->kind == SP_PAT_EXACT && sp_host_parse(in, &h) == SP_OK &&
	    sp_str_eq(in, sp_host_str(&h)) && h.kind != SP_HOST_NAME)
		set_net(p, &h.addr);
	return set_text(p, in);
}

static const char *parse(struct sp_str in, const struct sp_pat_use *use,
                         struct sp_pat *p)
{
	struct parts part;
	const char *problem;

	if (in.n > SP_PAT_TEXT_MAX)
		return "a shorter pattern";
	if (use->strict)
		return parse_strict(in, p);
	part = split(in);
	problem = check_shape(part.host);
	if (problem == NULL && has(part.port, '/'))
		return NOT_A_NET; /* http://... */
	if (problem == NULL && part.port.p != NULL)
		problem = parse_port(part.port, &p->port);
	if (problem == NULL && has(in, '/'))
		problem = parse_net(part.host, p);
	else if (problem == NULL && has(part.host, '*'))
		problem = parse_glob(part.host, use, p);
	else if (problem == NULL)
		problem = parse_exact(part.host, p);
	if (problem == NULL && use->need_port && p->port == 0)
		return "HOST:PORT";
	return problem;
}

enum sp_rc sp_pat_parse(struct sp_str in, const struct sp_pat_use *use,
                        struct sp_pat *ret, const char **ret_problem)
{
	struct sp_pat p = { 0 };

	*ret_problem = parse(in, use, &p);
	if (*ret_problem != NULL) {
		sp_pat_fini(&p);
		return SP_E_PROTO;
	}
	*ret = p;
	return SP_OK;
}

void sp_pat_fini(struct sp_pat *p)
{
	sp_str_free(p->text);
	*p = (struct sp_pat){ 0 };
}

void sp_pat_text(const struct sp_pat *p, char *buf, size_t cap)
{
	bool bracket = p->kind == SP_PAT_NET && p->net.addr.family == 6 &&
	               p->port != 0;

	if (p->port == 0)
		snprintf(buf, cap, "%.*s", (int)p->text.n,
		         (const char *)p->text.p);
	else
		snprintf(buf, cap, bracket ? "[%.*s]:%u" : "%.*s:%u",
		         (int)p->text.n, (const char *)p->text.p,
		         (unsigned)p->port);
}
