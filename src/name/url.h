/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/url.h - the one URL parser (WHATWG URL for special schemes).
 *
 * Role        `sallyport check URL`, absolute-form targets, tests. Two common
 *             readings of one text that lead to different hosts are a refusal
 *             (SP_E_DENIED), not a guess: backslash behind the authority, '@'
 *             behind what ended it, two '@', blanks around or in front of the
 *             path, line ends anywhere, extra slashes. What others merely
 *             refuse is read and marked irregular.
 */
#ifndef SP_NAME_URL_H
#define SP_NAME_URL_H

#include "name/host.h"

#define SP_URL_MAX 16384u

enum sp_scheme {
	SP_SCHEME_NONE,
	SP_SCHEME_HTTP,
	SP_SCHEME_HTTPS,
	SP_SCHEME_TCP, /* not HTTP at all: a raw or spliced connection */
	SP_SCHEME_OTHER,
};

struct sp_url {
	enum sp_scheme scheme;
	struct sp_host host;
	uint16_t port;       /* the default of the scheme if none is given */
	struct sp_str path;  /* raw, into the input; "/" when empty */
	struct sp_str query; /* raw, without '?' */
	bool has_userinfo;
	/*
	 * Read as WHATWG says, but other parsers refuse it or find no host at
	 * all: slashes missing or turned, a host-like userinfo, blanks in the
	 * path. No request may carry such a target.
	 */
	bool irregular;
};

/* SP_E_PROTO not a URL; SP_E_DENIED ambiguous. */
SP_MUST enum sp_rc sp_url_parse(struct sp_str in, struct sp_url *ret);
const char *sp_scheme_name(enum sp_scheme s);

#endif
