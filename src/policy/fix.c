/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/fix.c - a denial that says what would have to be written.
 */
#include "policy/policy_int.h"

static bool is_listed(const struct sp_policy *p, const struct sp_request *rq)
{
	struct sp_target t;

	sp_target_init(&t, rq->host, rq->port, false);
	t.plain = &p->ports;
	return sp_patset_find(&p->allowed, &t) != NULL;
}

/* "host", or "host:port" where an entry without port would not do. */
static void target(const struct sp_policy *p, const struct sp_request *rq,
                   char *buf, size_t cap)
{
	bool plain = rq->port == 0 || sp_ports_has(&p->ports, rq->port);

	if (plain)
		snprintf(buf, cap, "%s", rq->host->text);
	else
		snprintf(buf, cap, "%s:%u", rq->host->text, rq->port);
}

void sp_policy_fix(const struct sp_policy *p, const struct sp_request *rq,
                   const struct sp_decision *d, char ret[SP_POLICY_FIX_MAX])
{
	char host[SP_HOST_MAX + 16];

	ret[0] = '\0';
	if (rq->host == NULL || rq->host->kind == SP_HOST_NONE)
		return;
	if (d->reason == SP_REASON_HOST_DENIED ||
	    d->reason == SP_REASON_PORT_DENIED) {
		target(p, rq, host, sizeof(host));
		snprintf(ret, SP_POLICY_FIX_MAX, "allowed_hosts: [\"%s\"]",
		         host);
	} else if (d->reason == SP_REASON_NO_NAME) {
		snprintf(ret, SP_POLICY_FIX_MAX, "%s: [\"%s:%u\"]",
		         is_listed(p, rq) ? "addresses: allow"
		                          : "allowed_hosts",
		         rq->host->text, rq->port);
	} else if (d->reason == SP_REASON_ADDRESS_DENIED) {
		snprintf(ret, SP_POLICY_FIX_MAX,
		         "addresses: { allow: [\"%s:%u\"] }", rq->host->text,
		         rq->port);
	} else if (d->reason == SP_REASON_PROTOCOL &&
	           rq->scheme == SP_SCHEME_TCP) {
		snprintf(ret, SP_POLICY_FIX_MAX, "tcp: [\"%s:%u\"]",
		         rq->host->text, rq->port);
	}
}
