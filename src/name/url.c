/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/url.c - special-scheme URLs.
 *
 *	http://user:pw@host:port/path?query#fragment
 *	^scheme  ^---authority--^^-----rest--------^
 *
 * Where the authority ends is what parsers disagree on, so everything that
 * makes them disagree is looked for before anything is taken apart.
 */
#include "name/url.h"

/* clang-format off */
static const struct scheme {
	const char *name;
	enum sp_scheme id;
	uint16_t port;
} schemes[] = {
	{ "http",  SP_SCHEME_HTTP,  80 },
	{ "https", SP_SCHEME_HTTPS, 443 },
};
/* clang-format on */

static const char *const scheme_name[] = {
	[SP_SCHEME_NONE] = "none",   [SP_SCHEME_HTTP] = "http",
	[SP_SCHEME_HTTPS] = "https", [SP_SCHEME_TCP] = "tcp",
	[SP_SCHEME_OTHER] = "other",
};

const char *sp_scheme_name(enum sp_scheme s)
{
	return scheme_name[s];
}

static bool is_alpha(uint8_t c)
{
	c = sp_lower(c);
	return c >= 'a' && c <= 'z';
}

static bool is_scheme_byte(uint8_t c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
	       c == '.';
}

/* RFC 3986, 3.1; the colon is taken too. */
static enum sp_rc take_scheme(struct sp_str *in, struct sp_str *ret)
{
	size_t n = 0;

	while (n < in->n && is_scheme_byte(in->p[n]))
		n++;
	if (n == 0 || n == in->n || in->p[n] != ':' || !is_alpha(in->p[0]))
		return SP_E_PROTO;
	*ret = sp_str_take(in, n);
	(void)sp_str_take(in, 1); /* the colon */
	return SP_OK;
}

static const struct scheme *find_scheme(struct sp_str name)
{
	for (size_t i = 0; i < SP_COUNT(schemes); i++)
		if (sp_str_is_nocase(name, schemes[i].name))
			return &schemes[i];
	return NULL;
}

static bool is_slash(uint8_t c)
{
	return c == '/' || c == '\\';
}

static bool has_byte(struct sp_str s, uint8_t c)
{
	return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

/* WHATWG takes any number of either slash; only two are undisputed. */
static enum sp_rc take_slashes(struct sp_str *in, struct sp_url *u)
{
	struct sp_str s = { in->p, 0 };

	while (s.n < in->n && is_slash(in->p[s.n]))
		s.n++;
	(void)sp_str_take(in, s.n);
	if (s.n > 2)
		return SP_E_DENIED;
	if (!sp_str_is(s, "//"))
		u->irregular = true;
	return SP_OK;
}

static size_t authority_len(struct sp_str s)
{
	size_t n = 0;

	while (n < s.n && !is_slash(s.p[n]) && s.p[n] != '?' && s.p[n] != '#')
		n++;
	return n;
}

/*
 * "good.example\@evil.example", "good.example#@evil.example": readers that go
 * on to the next '/' find another host behind the '@'.
 */
static enum sp_rc check_end(struct sp_str rest, bool regular)
{
	size_t n = 0;

	if (rest.n == 0 || rest.p[0] == '/')
		return SP_OK;
	if (rest.p[0] == '\\' && regular)
		return SP_E_DENIED;
	while (n < rest.n && rest.p[n] != '/')
		if (rest.p[n++] == '@')
			return SP_E_DENIED;
	return SP_OK;
}

static bool is_blank_or_control(uint8_t c)
{
	return c <= 0x20 || c == 0x7f;
}

/* Control bytes that some readers drop and others keep or stop at. */
static enum sp_rc check_bytes(struct sp_str in, struct sp_str rest)
{
	if (is_blank_or_control(in.p[0]) ||
	    is_blank_or_control(in.p[in.n - 1]) || has_byte(in, '\r') ||
	    has_byte(in, '\n'))
		return SP_E_DENIED;
	for (const uint8_t *p = in.p; p < rest.p; p++)
		if (*p == '\t')
			return SP_E_DENIED;
	return SP_OK;
}

/* "localhost" and addresses have no dot-host, but "api.example.com" is one. */
static bool looks_like_host(struct sp_str user)
{
	const uint8_t *colon = user.n > 0 ? memchr(user.p, ':', user.n) : NULL;

	if (colon != NULL)
		user.n = (size_t)(colon - user.p);
	return has_byte(user, '.');
}

static enum sp_rc take_userinfo(struct sp_str *authority, struct sp_url *u)
{
	size_t n = 0;
	struct sp_str user;

	while (n < authority->n && authority->p[n] != '@')
		n++;
	if (n == authority->n)
		return SP_OK;
	user = sp_str_take(authority, n);
	(void)sp_str_take(authority, 1); /* the '@' */
	if (has_byte(*authority, '@'))
		return SP_E_DENIED;
	u->has_userinfo = true;
	if (looks_like_host(user))
		u->irregular = true;
	return SP_OK;
}

/* WHATWG: an empty port is the default one; "a:80:" has two. */
static enum sp_rc parse_host(struct sp_str s, struct sp_url *u, uint16_t def)
{
	bool empty = s.n > 1 && s.p[s.n - 1] == ':';

	if (empty)
		s.n--;
	SP_TRY(sp_authority_parse(s, &u->host, &u->port));
	if (empty && u->port != 0)
		return SP_E_PROTO;
	if (u->port == 0)
		u->port = def;
	return SP_OK;
}

static void split_rest(struct sp_str rest, struct sp_url *u)
{
	const uint8_t *hash = rest.n > 0 ? memchr(rest.p, '#', rest.n) : NULL;
	const uint8_t *mark;

	if (hash != NULL)
		rest.n = (size_t)(hash - rest.p);
	mark = rest.n > 0 ? memchr(rest.p, '?', rest.n) : NULL;
	u->path = rest;
	if (mark != NULL) {
		u->path = sp_str_take(&rest, (size_t)(mark - rest.p));
		(void)sp_str_take(&rest, 1); /* the question mark */
		u->query = rest;
	}
	for (size_t i = 0; i < u->path.n; i++)
		if (is_blank_or_control(u->path.p[i]) || u->path.p[i] == '\\')
			u->irregular = true;
	if (u->path.n == 0)
		u->path = sp_str("/");
}

/* Behind the scheme. */
static enum sp_rc parse_special(struct sp_str in, struct sp_str rest,
                                uint16_t port, struct sp_url *u)
{
	struct sp_str authority;

	SP_TRY(take_slashes(&rest, u));
	authority = sp_str_take(&rest, authority_len(rest));
	SP_TRY(check_bytes(in, rest));
	SP_TRY(check_end(rest, !u->irregular));
	SP_TRY(take_userinfo(&authority, u));
	SP_TRY(parse_host(authority, u, port));
	split_rest(rest, u);
	return SP_OK;
}

enum sp_rc sp_url_parse(struct sp_str in, struct sp_url *ret)
{
	struct sp_url u = { 0 };
	struct sp_str rest = in, name;
	const struct scheme *scheme;

	if (in.n == 0 || in.n > SP_URL_MAX)
		return SP_E_PROTO;
	SP_TRY(check_bytes(in, (struct sp_str){ in.p, 0 }));
	SP_TRY(take_scheme(&rest, &name));
	scheme = find_scheme(name);
	if (scheme == NULL) {
		u.scheme = SP_SCHEME_OTHER;
		u.path = rest;
		*ret = u;
		return SP_OK;
	}
	u.scheme = scheme->id;
	SP_TRY(parse_special(in, rest, scheme->port, &u));
	*ret = u;
	return SP_OK;
}
