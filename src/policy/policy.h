/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/policy.h - the compiled snapshot and the decision order.
 *
 * Role        The only code that decides whether something may leave. The
 *             proxy, `sallyport check`, the vectors and the tests call these
 *             same functions. Pure: no I/O, no clock, no randomness.
 * Ownership   A snapshot is immutable and counted. Decisions are values; their
 *             strings live as long as the snapshot.
 * Limits      see policy/limits in the .c files; over a limit is a load error.
 */
#ifndef SP_POLICY_POLICY_H
#define SP_POLICY_POLICY_H

#include "core/buf.h"
#include "core/err.h"
#include "name/host.h"
#include "name/url.h"
#include "policy/reason.h"

struct sp_policy;

enum sp_verdict {
	SP_VERDICT_DENY, /* 0: what was forgotten is denied */
	SP_VERDICT_ALLOW,
};

enum sp_tls_mode {
	SP_TLS_INTERCEPT,
	SP_TLS_SPLICE,
	SP_TLS_DENY, /* refuse TLS to this host */
};

#define SP_RULE_TEXT_MAX 160u

struct sp_decision {
	enum sp_verdict verdict;
	enum sp_reason reason;
	/* mode: observe turned a denial into an allowance; reason stays. */
	bool observed;
	enum sp_tls_mode tls;
	/* e.g. "allowed_hosts[2] *.example.com", "rules[0]", "default" */
	char rule[SP_RULE_TEXT_MAX];
};

/* Everything a decision may look at. path is the raw target path. */
struct sp_request {
	const struct sp_host *host;
	uint16_t port;
	enum sp_scheme scheme; /* HTTP, HTTPS, TCP */
	struct sp_str method;  /* empty: connection level */
	struct sp_str path;    /* raw, without query */
};

/*
 * Connection level: may anything at all go to (host, port)? A deny here ends
 * the matter; an allow is preliminary when rules look at method or path. Port
 * 0 asks about any port: an allow if one port might be allowed. TLS mode:
 * decided here, by host and port; SPLICE only if all requests are allowed.
 */
void sp_policy_connect(const struct sp_policy *p, const struct sp_host *host,
                       uint16_t port, struct sp_decision *ret);
/*
 * Request level, complete. Without a method (a spliced or raw connection)
 * nothing about the request will ever be known: rules with methods or paths
 * then do not allow, and do deny.
 */
void sp_policy_request(const struct sp_policy *p, const struct sp_request *rq,
                       struct sp_decision *ret);
/*
 * The same, and what each step found: lists, then every rule of this host, in
 * order. For `sallyport check`; text is only for people. Nothing else decides.
 */
typedef void sp_policy_note(void *ctx, const char *step, const char *text);
void sp_policy_explain(const struct sp_policy *p, const struct sp_request *rq,
                       bool connect, sp_policy_note *note_fn, void *ctx,
                       struct sp_decision *ret);
/*
 * The line of the policy that would allow what was denied, or "" if a line
 * was written to deny it.
 */
#define SP_POLICY_FIX_MAX 400u
void sp_policy_fix(const struct sp_policy *p, const struct sp_request *rq,
                   const struct sp_decision *d, char ret[SP_POLICY_FIX_MAX]);
/*
 * Before resolution: may this name be looked up? Names that lead home
 * (sp_host_is_internal) need an exception; ADDRESS_DENIED, "internal-name".
 * sp_policy_address() asks this too. Port 0: any.
 */
void sp_policy_name(const struct sp_policy *p, const struct sp_host *host,
                    uint16_t port, struct sp_decision *ret);
/*
 * The address guard, after resolution (or for a literal): every address that
 * is to be dialed must pass. ret->reason is ADDRESS_DENIED with the class in
 * ret->rule when it does not.
 */
void sp_policy_address(const struct sp_policy *p, const struct sp_host *host,
                       uint16_t port, const struct sp_addr *addr,
                       struct sp_decision *ret);

/* Might anything be allowed to this name, on whatever port? (DNS) */
bool sp_policy_name_allowed(const struct sp_policy *p,
                            const struct sp_host *host);

/* resolve: overrides. True: dial *ret_addr / *ret_port instead of resolving
 * (such an address is its own exception from the guard). */
bool sp_policy_override(const struct sp_policy *p, const struct sp_host *host,
                        uint16_t port, struct sp_addr *ret_addr,
                        uint16_t *ret_port);
/* dns.denied: nxdomain? */
bool sp_policy_dns_nxdomain(const struct sp_policy *p);
/* Ports named anywhere in the policy, for the port-list capture; returns how
 * many were written (at most cap). */
size_t sp_policy_ports(const struct sp_policy *p, uint16_t *ret, size_t cap);
/* Text of tls.roots files is resolved by the keeper; names only here. */
size_t sp_policy_roots(const struct sp_policy *p, const char *const **ret);
/* Lower-case hex SHA-256 of the normalized policy, for the record. */
const char *sp_policy_hash(const struct sp_policy *p);

struct sp_policy *sp_policy_ref(struct sp_policy *p);
void sp_policy_unref(struct sp_policy *p);

/*
 * What the launcher collects: the text of a file (may be empty) and the
 * options of the command line, in order.
 */
struct sp_policy_source {
	struct sp_str text;       /* YAML, or empty */
	const char *file;         /* its name, for messages */
	const char *const *allow; /* --allow HOST[:PORT] */
	size_t n_allow;
	const char *const *deny; /* --deny HOST */
	size_t n_deny;
};
/* Errors name file, line, column, what was expected, and a suggestion. */
SP_MUST enum sp_rc sp_policy_compile(const struct sp_policy_source *src,
                                     struct sp_policy **ret,
                                     struct sp_err *err);

/*
 * What is probably not meant. Of a compiled policy, since a decoded one has
 * no lines. Returns how many there are; at most cap are written.
 */
struct sp_lint {
	const char *code; /* stable, lower case with dashes */
	uint32_t line;    /* 0: the command line, or the whole file */
	char text[300];
};
size_t sp_policy_lint(const struct sp_policy *p, struct sp_lint *ret,
                      size_t cap);

/*
 * The form that travels to the proxy in a sealed memfd: everything is already
 * normalized, so the proxy links no YAML, IDNA or public-suffix code. decode
 * checks every length and count (the fuzz target runs it on anything).
 */
void sp_policy_encode(const struct sp_policy *p, struct sp_buf *out);
SP_MUST enum sp_rc sp_policy_decode(struct sp_str in, struct sp_policy **ret);

#endif
