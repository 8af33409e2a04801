/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes are "AnyIP": a local route for 0.0.0.0/0 and ::/0 makes every
 * address an address of lo. The preferred source prevents connections whose
 * source equals their destination.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "core/fd.h"
#include "sandbox/net.h"

/* lo is index 1 in every network namespace. */
#define LO 1

static void add_address(struct sp_nl *m, uint8_t family, const void *addr,
                        uint8_t n)
{
	const struct ifaddrmsg ia = {
		.ifa_family = family,
		.ifa_prefixlen = (uint8_t)(n * 8u),
		.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = LO,
	};

	sp_nl_begin(m, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &ia, sizeof(ia));
	sp_nl_put(m, IFA_LOCAL, addr, n);
	if (family == AF_INET)
		sp_nl_put(m, IFA_ADDRESS, addr, n);
	sp_nl_end(m);
}

static void add_route(struct sp_nl *m, uint8_t family, const void *source,
                      size_t n)
{
	const uint32_t lo = LO;
	const struct rtmsg r = {
		.rtm_family = family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope =
			family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_LOCAL,
	};

	sp_nl_begin(m, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, &r, sizeof(r));
	sp_nl_put(m, RTA_OIF, &lo, sizeof(lo));
	sp_nl_put(m, RTA_PREFSRC, source, n);
	sp_nl_end(m);
}

void sp_net_build_routes(struct sp_nl *m, uint32_t *ret_first_optional)
{
	const struct ifinfomsg up = {
		.ifi_index = LO,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct in_addr a4;
	struct in6_addr a6;

	sp_assert(inet_pton(AF_INET, SP_OWN4, &a4) == 1);
	sp_assert(inet_pton(AF_INET6, SP_OWN6, &a6) == 1);
	sp_nl_init(m);
	sp_nl_begin(m, RTM_NEWLINK, NLM_F_ACK, &up, sizeof(up));
	sp_nl_end(m);
	add_address(m, AF_INET, &a4, sizeof(a4));
	add_route(m, AF_INET, &a4, sizeof(a4));
	/* With disable_ipv6=1 these fail, and IPv6 is unreachable: fine. */
	*ret_first_optional = m->seq + 1;
	add_address(m, AF_INET6, &a6, sizeof(a6));
	add_route(m, AF_INET6, &a6, sizeof(a6));
}

/* #syscalls socket */
enum sp_rc sp_net_up(struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	uint32_t optional, seq = 0;
	struct sp_nl m;

	if (fd < 0)
		return sp_err_sys(err, "netlink socket");
	sp_net_build_routes(&m, &optional);
	errno = sp_nl_talk(fd, &m, optional, &seq);
	if (errno == 0)
		return SP_OK;
	sp_err_sys(err, "set up addresses");
	sp_err_wrap(err, "network, message %u", (unsigned)seq);
	return SP_E_SYS;
}
