/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/keys.c - what sallyport.yaml may say. The manual page and the schema
 * are printed from these rows.
 */
#include "policy/keys.h"

#include "policy/policy_int.h"

/* clang-format off */
static const struct sp_key rule_keys[] = {
	{ .name = "host", .kind = SP_KEY_TEXT, .example = "host: api.github.com",
	  .text = "The host pattern this rule is about: a name, a pattern with "
	          "'*', an address or a network; HOST:PORT names its port." },
	{ .name = "hosts", .kind = SP_KEY_TEXTS, .max = 256,
	  .text = "The same for several hosts. A rule has host, hosts or both." },
	{ .name = "ports", .kind = SP_KEY_PORTS, .max = SP_PORTS_MAX,
	  .def = "the ports of the policy if the rule allows, any if it denies",
	  .example = "ports: [443, 8443]",
	  .text = "Ports of the hosts that do not name one." },
	{ .name = "methods", .kind = SP_KEY_TEXTS, .max = SP_METHODS_MAX,
	  .def = "every method", .example = "methods: [GET, HEAD]",
	  .text = "The rule is only about these methods. They are compared "
	          "exactly; write them in upper case." },
	{ .name = "paths", .kind = SP_KEY_TEXTS, .max = SP_PATHS_MAX,
	  .def = "every path", .example = "paths: [\"/repos/**\", \"/users/*\"]",
	  .text = "The rule is only about these paths, without query. '*' is any "
	          "run of bytes within one segment, as a whole segment at least "
	          "one byte; '**' as a whole segment is any number of segments, "
	          "so that /p/** is /p itself and all below. A request whose "
	          "path could be read in two ways is refused for such a host." },
	{ .name = "action", .kind = SP_KEY_WORD, .required = true,
	  .words = "allow deny",
	  .text = "What happens when the rule matches." },
	{ .name = "tls", .kind = SP_KEY_WORD, .words = "intercept splice deny",
	  .def = "what the tls section says",
	  .text = "How TLS to these hosts is treated: intercept decrypts and "
	          "judges every request, splice passes it on unread (by name "
	          "and port only, so without methods and paths), deny refuses "
	          "it. Decided by host and port alone." },
};

static const struct sp_key tls_keys[] = {
	{ .name = "splice", .kind = SP_KEY_TEXTS, .max = SP_PATSET_MAX,
	  .example = "splice: [pinned.example.com]",
	  .text = "Hosts whose TLS is passed on unread. Where a rule looks at "
	          "methods or paths, TLS is intercepted all the same." },
	{ .name = "deny", .kind = SP_KEY_TEXTS, .max = SP_PATSET_MAX,
	  .text = "Hosts to which TLS is refused." },
	{ .name = "roots", .kind = SP_KEY_TEXTS, .max = SP_ROOTS_MAX,
	  .example = "roots: [corp-ca.pem]",
	  .text = "Files with further root certificates for upstream servers, "
	          "relative to the policy file." },
};

static const struct sp_key address_keys[] = {
	{ .name = "allow", .kind = SP_KEY_TEXTS, .max = SP_PATSET_MAX,
	  .example = "allow: [\"db.internal:5432\", \"10.1.2.0/24:443\"]",
	  .text = "Exceptions of the address guard, each with its port. An "
	          "address or network is opened as such; a name may lead to "
	          "private addresses, but never to metadata services. The host "
	          "must still be allowed by the lists or rules." },
};

static const struct sp_key dns_keys[] = {
	{ .name = "denied", .kind = SP_KEY_WORD, .words = "address nxdomain",
	  .def = "address",
	  .text = "What the resolver of the sandbox says for a denied name: an "
	          "address of its own, so that the program gets to see the "
	          "reason, or that the name does not exist." },
};

#define SUB(keys) .sub = (keys), .n_sub = SP_COUNT(keys)
const struct sp_key sp_policy_key[] = {
	{ .name = "version", .kind = SP_KEY_NUMBER, .max = 1, .def = "1",
	  .text = "Version of this format." },
	{ .name = "mode", .kind = SP_KEY_WORD, .words = "enforce observe",
	  .def = "enforce",
	  .text = "observe lets pass, and records, what rules, allowed_hosts and "
	          "the default would deny. denied_hosts, the address guard and "
	          "malformed requests are enforced in both modes." },
	{ .name = "internet", .kind = SP_KEY_BOOL,
	  .def = "true if nothing is allowed by name, else false",
	  .text = "Whether a host that nothing else decides is allowed, on any "
	          "port, for HTTP and TLS. Has no effect beside allowed_hosts, "
	          "which denies what it does not list." },
	{ .name = "ports", .kind = SP_KEY_PORTS, .max = SP_PORTS_MAX,
	  .def = "80 and 443", .example = "ports: [80, 443, 8443]",
	  .text = "The ports that entries of allowed_hosts and allowing rules "
	          "stand for if they name none." },
	{ .name = "allowed_hosts", .kind = SP_KEY_TEXTS, .max = SP_PATSET_MAX,
	  .example = "allowed_hosts: [example.com, \"*.github.com\"]",
	  .text = "Host patterns that are allowed; everything else is denied as "
	          "soon as the key is there. '*' is any run of characters, dots "
	          "too; a trailing '.*' stands for exactly one public suffix. "
	          "HOST:PORT allows that port only. Networks (10.0.0.0/8) match "
	          "requests to bare addresses." },
	{ .name = "denied_hosts", .kind = SP_KEY_TEXTS, .max = SP_PATSET_MAX,
	  .example = "denied_hosts: [\"*.evil.com\", 10.0.0.0/8]",
	  .text = "Host patterns that are denied, before anything else. Networks "
	          "also match the addresses that names lead to." },
	{ .name = "globs", .kind = SP_KEY_WORD, .words = "default strict",
	  .def = "default",
	  .text = "strict compares the patterns of the lists and rules byte for "
	          "byte, without normalization, ports or networks." },
	{ .name = "rules", .kind = SP_KEY_MAPS, .max = SP_RULES_MAX,
	  SUB(rule_keys),
	  .text = "Tried in order after denied_hosts and before allowed_hosts; "
	          "the first that matches decides." },
	{ .name = "tls", .kind = SP_KEY_MAP, SUB(tls_keys),
	  .text = "Treatment of TLS." },
	{ .name = "addresses", .kind = SP_KEY_MAP, SUB(address_keys),
	  .text = "The address guard: whatever the lists say, a name that leads "
	          "to an address that is not public is denied." },
	{ .name = "resolve", .kind = SP_KEY_PAIRS, .max = SP_RESOLVE_MAX,
	  .example = "resolve: { \"example.com:443\": \"127.0.0.1:8443\" }",
	  .text = "Addresses for names, instead of asking DNS: HOST or HOST:PORT "
	          "to ADDRESS or ADDRESS:PORT. Such an address is its own "
	          "exception of the address guard." },
	{ .name = "tcp", .kind = SP_KEY_TEXTS, .max = SP_PATSET_MAX,
	  .example = "tcp: [\"github.com:22\"]",
	  .text = "HOST:PORT to which any protocol may be spoken." },
	{ .name = "dns", .kind = SP_KEY_MAP, SUB(dns_keys),
	  .text = "Answers to the sandbox." },
};
/* clang-format on */
const size_t sp_policy_key_n = SP_COUNT(sp_policy_key);
