/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an encoded policy: what decodes has exactly this encoding, and
 * every question about it has an answer.
 */
#include "policy/policy_int.h"

static void ask(const struct sp_policy *p, const char *host)
{
	struct sp_request rq = { .port = 443,
		                 .scheme = SP_SCHEME_HTTPS,
		                 .method = sp_str("GET"),
		                 .path = sp_str("/repos/x") };
	const char *const *roots;
	struct sp_decision d;
	struct sp_addr addr;
	struct sp_host h;
	uint16_t ports[4], port;

	sp_assert(sp_host_parse(sp_str(host), &h) == SP_OK);
	rq.host = &h;
	sp_policy_connect(p, &h, 443, &d);
	sp_policy_request(p, &rq, &d);
	sp_assert(d.verdict == SP_VERDICT_DENY || d.reason == SP_REASON_NONE ||
	          d.observed);
	addr = h.addr;
	if (addr.family == 0)
		addr = (struct sp_addr){ 4, { 127, 0, 0, 1 } };
	sp_policy_address(p, &h, 443, &addr, &d);
	(void)sp_policy_override(p, &h, 443, &addr, &port);
	sp_assert(sp_policy_ports(p, ports, SP_COUNT(ports)) <=
	          SP_COUNT(ports));
	for (size_t n = sp_policy_roots(p, &roots); n > 0; n--)
		sp_assert(roots[n - 1] != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = { "api.github.com", "localhost",
		                             "10.1.2.3", "[::ffff:10.1.2.3]",
		                             "a" };
	struct sp_policy *p;
	struct sp_buf b;

	if (sp_policy_decode((struct sp_str){ data, size }, &p) < 0)
		return 0;
	for (size_t i = 0; i < SP_COUNT(hosts); i++)
		ask(p, hosts[i]);
	sp_buf_init(&b, SP_POLICY_ENCODED_MAX);
	sp_policy_encode(p, &b);
	sp_assert(sp_str_eq(sp_buf_str(&b), (struct sp_str){ data, size }));
	sp_buf_fini(&b);
	sp_policy_unref(p);
	return 0;
}
