/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/internal.c - names that lead home by construction.
 *
 * Looking such a name up already tells somebody inside about it, and a search
 * domain may answer for it; so they are refused by name, before DNS. Services
 * whose purpose is to answer with an address written in the name are here
 * too: the answer would be caught by the address guard, but a rebinding one
 * answers differently the second time.
 */
#include "name/host.h"

/* A name is internal if it is one of these or ends in "." and one of these. */
static const char *const zones[] = {
	/* RFC 6761, 6762, 8375, 9476 and what private networks use */
	"localhost",
	"localdomain",
	"local",
	"internal",
	"intranet",
	"lan",
	"home",
	"corp",
	"private",
	"home.arpa",
	"svc",
	"consul",
	/* metadata of clouds, beyond *.internal and single labels */
	"metadata.goog",
	"metadata.tencentyun.com",
	"metadata.platformequinix.com",
	"metadata.packet.net",
	/* the address is written in the name */
	"nip.io",
	"sslip.io",
	"xip.io",
	"xip.name",
	"ip6.name",
	"backname.io",
	"traefik.me",
	"nip.lol",
	"ip.addr.tools",
	"local-ip.co",
	"local-ip.sh",
	/* always loopback */
	"localtest.me",
	"lvh.me",
	"vcap.me",
	"lacolhost.com",
	"localho.st",
	"smackaho.st",
	"fuf.me",
	"loopback.jp",
	"bugbounty.dod.network",
	"spoofed.burpcollaborator.net",
	/* rebinding on purpose */
	"1u.ms",
	"rbndr.us",
	"rebind.it",
	"rebind.network",
	"rebinder.net",
	"dnsrebinder.net",
	"dynamic.singularity.me",
	"lock.cmpxchg8b.com",
};

/* Single labels are resolved with a search domain, so every one is here. */
bool sp_host_is_internal(const struct sp_host *h)
{
	struct sp_str s = sp_host_str(h);

	if (h->kind != SP_HOST_NAME)
		return false;
	if (memchr(s.p, '.', s.n) == NULL)
		return true;
	for (size_t i = 0; i < SP_COUNT(zones); i++) {
		size_t n = strlen(zones[i]);

		if (s.n < n || memcmp(s.p + s.n - n, zones[i], n) != 0)
			continue;
		if (s.n == n || s.p[s.n - n - 1] == '.')
			return true;
	}
	return false;
}
