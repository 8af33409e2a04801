/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/reason.h - the closed list of reasons for a verdict.
 *
 * One row: identifier, code as it appears in x-sallyport-reason and in the
 * record, HTTP status of the answer, one sentence for people, what to do.
 * Codes are stable. Free text decides nothing.
 */
#ifndef SP_POLICY_REASON_H
#define SP_POLICY_REASON_H

#include "core/base.h"

/* clang-format off */
/* id, code, status, sentence, hint */
#define SP_REASON_LIST(X) \
	X(NONE, "allowed", 0, "Allowed.", "") \
	X(HOST_DENIED, "host_denied", 403, "The policy does not allow this host.", "add the host to allowed_hosts, or run with --allow HOST") \
	X(HOST_BLOCKED, "host_blocked", 403, "The policy denies this host.", "remove it from denied_hosts") \
	X(PORT_DENIED, "port_denied", 403, "The policy does not allow this port.", "allow HOST:PORT") \
	X(METHOD_DENIED, "method_denied", 403, "The policy does not allow this method here.", "add the method to the rule of this host") \
	X(PATH_DENIED, "path_denied", 403, "The policy does not allow this path here.", "add the path to the rule of this host") \
	X(RULE_DENIED, "rule_denied", 403, "A rule of the policy denies this request.", "change the rule") \
	X(ADDRESS_DENIED, "address_denied", 403, "The name leads to an address that is not public.", "add HOST:PORT to addresses.allow") \
	X(NO_NAME, "no_name_for_address", 403, "Connections to bare addresses need an address rule.", "connect by name, or add ADDRESS:PORT to addresses.allow and allowed_hosts") \
	X(HOST_MISMATCH, "host_mismatch", 421, "The Host of the request is not the name this connection was opened for.", "open a connection of its own for each host") \
	X(SNI_MISMATCH, "sni_mismatch", 421, "The server name in TLS is not the name that was looked up.", "use the same name for DNS and TLS") \
	X(BAD_HOST, "bad_host", 400, "The Host is missing, doubled or malformed.", "send exactly one valid Host") \
	X(AMBIGUOUS_PATH, "ambiguous_path", 400, "Two parsers could read this path differently.", "send the plain path") \
	X(PROTOCOL, "protocol_not_allowed", 403, "Only HTTP and TLS may leave by this rule.", "allow the host and port as tcp") \
	X(BAD_REQUEST, "bad_request", 400, "The request is malformed.", "send a request that RFC 9112 allows") \
	X(HEAD_TIMEOUT, "head_timeout", 408, "The request head did not arrive in time.", "") \
	X(BODY_TIMEOUT, "body_timeout", 408, "The request body stopped arriving.", "") \
	X(URI_TOO_LONG, "uri_too_long", 414, "The request target is too long.", "") \
	X(EXPECTATION, "expectation_failed", 417, "Only 100-continue may be expected.", "") \
	X(HEAD_TOO_LARGE, "head_too_large", 431, "The request head is too large.", "") \
	X(NOT_IMPLEMENTED, "not_implemented", 501, "This transfer coding is not supported.", "use chunked") \
	X(VERSION, "version_not_supported", 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.", "") \
	X(METHOD_REFUSED, "method_refused", 405, "This method is never relayed.", "") \
	X(UPGRADE, "upgrade_refused", 403, "Protocol upgrades are not relayed yet.", "use plain HTTP requests") \
	X(DNS_NXDOMAIN, "dns_nxdomain", 502, "The name does not exist.", "") \
	X(DNS_SERVFAIL, "dns_servfail", 502, "The name could not be resolved.", "") \
	X(DNS_TIMEOUT, "dns_timeout", 504, "The resolver did not answer in time.", "") \
	X(CONNECT_REFUSED, "connect_refused", 502, "The server refused the connection.", "") \
	X(CONNECT_TIMEOUT, "connect_timeout", 504, "The server did not accept the connection in time.", "") \
	X(UPSTREAM_TLS, "upstream_tls_untrusted", 502, "The certificate of the server is not trusted.", "fix the certificate, or add its root to tls.roots") \
	X(UPSTREAM_TLS_FAILED, "upstream_tls_failed", 502, "TLS with the server failed.", "") \
	X(TLS_TIMEOUT, "tls_timeout", 504, "TLS with the server did not finish in time.", "") \
	X(UPSTREAM_PROTOCOL, "upstream_protocol", 502, "The answer of the server is malformed.", "") \
	X(UPSTREAM_RESET, "upstream_reset", 502, "The server closed the connection before answering.", "") \
	X(UPSTREAM_TRUNCATED, "upstream_truncated", 502, "The server closed the connection within the answer.", "") \
	X(UPSTREAM_TIMEOUT, "upstream_header_timeout", 504, "The server did not answer in time.", "") \
	X(IDLE_TIMEOUT, "idle_timeout", 504, "Nothing was sent for too long.", "") \
	X(CLIENT_GONE, "client_gone", 0, "The program closed the connection.", "") \
	X(CLIENT_TLS, "client_tls", 0, "The program did not complete TLS.", "") \
	X(NOT_TRUSTED, "client_distrusts_ca", 0, "The program does not trust the certificate authority of the sandbox.", "point it at /run/sallyport/ca.pem, or splice the host") \
	X(AUDIT, "audit_unavailable", 503, "The decision could not be recorded.", "look at the keeper and its disk") \
	X(OVERLOADED, "overloaded", 503, "Too many requests at once.", "try again later") \
	X(LEAF, "certificate_unavailable", 503, "No certificate could be made for this name.", "") \
	X(SHUTDOWN, "shutting_down", 503, "The sandbox is being stopped.", "") \
	X(INTERNAL, "internal_error", 503, "The gate failed; the request was denied.", "")
/* clang-format on */

enum sp_reason {
#define X(id, code, status, text, hint) SP_REASON_##id,
	SP_REASON_LIST(X)
#undef X
};

#define SP_REASON_COUNT SP_LIST_COUNT(SP_REASON_LIST)

const char *sp_reason_code(enum sp_reason r);
uint16_t sp_reason_status(enum sp_reason r);
const char *sp_reason_text(enum sp_reason r);
const char *sp_reason_hint(enum sp_reason r);

#endif
