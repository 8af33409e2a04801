/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules, in the text form of nft:
 *
 *	table inet sallyport {
 *	  chain pre { type filter hook prerouting priority -150;
 *	    (four local accepts)
 *	    meta nfproto ipv4 meta l4proto tcp tproxy ip  to :15001 accept
 *	    meta nfproto ipv6 meta l4proto tcp tproxy ip6 to :15001 accept }
 *	  or
 *	  chain nat { type nat hook output priority -100;
 *	    (four local accepts)
 *	    meta l4proto tcp redirect to :15001 }
 *	  chain out { type filter hook output priority 0;
 *	    meta l4proto tcp accept
 *	    (four local accepts)
 *	    udp dport 53 accept
 *	    reject with icmpx admin-prohibited } }
 *
 * AnyIP sends every packet through lo, where prerouting sees it: no mark and
 * no policy routing are needed. Chain out is for the speed of failure only:
 * without it the packets would still go nowhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/fd.h"
#include "sandbox/net.h"

#define TABLE                "sallyport"
#define RANGE_PROTO_SPECIFIC 2 /* NF_NAT_RANGE_PROTO_SPECIFIED */

static void nft_begin(struct sp_nl *m, uint16_t msg, uint16_t flags)
{
	const struct nfgenmsg g = { .nfgen_family = NFPROTO_INET,
		                    .version = NFNETLINK_V0 };

	sp_nl_begin(m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg),
	            (uint16_t)(flags | NLM_F_ACK | NLM_F_CREATE), &g,
	            sizeof(g));
}

static void nft_batch(struct sp_nl *m, uint16_t type)
{
	const struct nfgenmsg g = { .nfgen_family = AF_UNSPEC,
		                    .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	sp_nl_begin(m, type, 0, &g, sizeof(g));
	sp_nl_end(m);
}

/* Expressions: each is a name and data inside NFTA_LIST_ELEM. */

static void ex_begin(struct sp_nl *m, const char *name)
{
	sp_nl_nest(m, NFTA_LIST_ELEM);
	sp_nl_text(m, NFTA_EXPR_NAME, name);
	sp_nl_nest(m, NFTA_EXPR_DATA);
}

static void ex_end(struct sp_nl *m)
{
	sp_nl_unnest(m);
	sp_nl_unnest(m);
}

static void put_value(struct sp_nl *m, uint16_t type, const void *p, size_t n)
{
	sp_nl_nest(m, type);
	sp_nl_put(m, NFTA_DATA_VALUE, p, n);
	sp_nl_unnest(m);
}

static void ex_meta(struct sp_nl *m, uint32_t key)
{
	ex_begin(m, "meta");
	sp_nl_be32(m, NFTA_META_KEY, key);
	sp_nl_be32(m, NFTA_META_DREG, NFT_REG_1);
	ex_end(m);
}

static void ex_equal(struct sp_nl *m, const void *p, size_t n)
{
	ex_begin(m, "cmp");
	sp_nl_be32(m, NFTA_CMP_SREG, NFT_REG_1);
	sp_nl_be32(m, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(m, NFTA_CMP_DATA, p, n);
	ex_end(m);
}

static void ex_payload(struct sp_nl *m, uint32_t base, uint32_t off, uint32_t n)
{
	ex_begin(m, "payload");
	sp_nl_be32(m, NFTA_PAYLOAD_DREG, NFT_REG_1);
	sp_nl_be32(m, NFTA_PAYLOAD_BASE, base);
	sp_nl_be32(m, NFTA_PAYLOAD_OFFSET, off);
	sp_nl_be32(m, NFTA_PAYLOAD_LEN, n);
	ex_end(m);
}

static void ex_mask(struct sp_nl *m, const void *mask, uint32_t n)
{
	const uint8_t zero[16] = { 0 };

	ex_begin(m, "bitwise");
	sp_nl_be32(m, NFTA_BITWISE_SREG, NFT_REG_1);
	sp_nl_be32(m, NFTA_BITWISE_DREG, NFT_REG_1);
	sp_nl_be32(m, NFTA_BITWISE_LEN, n);
	put_value(m, NFTA_BITWISE_MASK, mask, n);
	put_value(m, NFTA_BITWISE_XOR, zero, n);
	ex_end(m);
}

static void ex_accept(struct sp_nl *m)
{
	ex_begin(m, "immediate");
	sp_nl_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	sp_nl_nest(m, NFTA_IMMEDIATE_DATA);
	sp_nl_nest(m, NFTA_DATA_VERDICT);
	sp_nl_be32(m, NFTA_VERDICT_CODE, NF_ACCEPT);
	sp_nl_unnest(m);
	sp_nl_unnest(m);
	ex_end(m);
}

static void ex_reject(struct sp_nl *m)
{
	const uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;

	ex_begin(m, "reject");
	sp_nl_be32(m, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	sp_nl_put(m, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	ex_end(m);
}

static void ex_port(struct sp_nl *m)
{
	const uint16_t port = htons(SP_CAPTURE_PORT);

	ex_begin(m, "immediate");
	sp_nl_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(m, NFTA_IMMEDIATE_DATA, &port, sizeof(port));
	ex_end(m);
}

static void ex_tproxy(struct sp_nl *m, uint32_t family)
{
	ex_port(m);
	ex_begin(m, "tproxy");
	sp_nl_be32(m, NFTA_TPROXY_FAMILY, family);
	sp_nl_be32(m, NFTA_TPROXY_REG_PORT, NFT_REG_1);
	ex_end(m);
}

static void ex_redirect(struct sp_nl *m)
{
	ex_port(m);
	ex_begin(m, "redir");
	sp_nl_be32(m, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
	sp_nl_be32(m, NFTA_REDIR_REG_PROTO_MAX, NFT_REG_1);
	sp_nl_be32(m, NFTA_REDIR_FLAGS, RANGE_PROTO_SPECIFIC);
	ex_end(m);
}

static void match_byte(struct sp_nl *m, uint32_t key, uint8_t value)
{
	ex_meta(m, key);
	ex_equal(m, &value, sizeof(value));
}

static void rule_begin(struct sp_nl *m, const char *chain)
{
	nft_begin(m, NFT_MSG_NEWRULE, NLM_F_APPEND);
	sp_nl_text(m, NFTA_RULE_TABLE, TABLE);
	sp_nl_text(m, NFTA_RULE_CHAIN, chain);
	sp_nl_nest(m, NFTA_RULE_EXPRESSIONS);
}

static void rule_end(struct sp_nl *m)
{
	sp_nl_unnest(m);
	sp_nl_end(m);
}

/* Traffic to loopback and to the sandbox's own addresses is let alone. */
static const struct local {
	uint8_t family, n;
	uint8_t masked;  /* the first byte alone decides */
	uint32_t offset; /* of the destination in the network header */
	const char *addr;
} locals[] = {
	{ NFPROTO_IPV4, 4, 1, 16, "127.0.0.0" },
	{ NFPROTO_IPV6, 16, 0, 24, "::1" },
	{ NFPROTO_IPV4, 4, 0, 16, SP_OWN4 },
	{ NFPROTO_IPV6, 16, 0, 24, SP_OWN6 },
};

static void accept_local(struct sp_nl *m, const char *chain)
{
	const uint8_t mask[16] = { 0xff };
	uint8_t addr[16];

	for (size_t i = 0; i < SP_COUNT(locals); i++) {
		const struct local *l = &locals[i];

		/* NFPROTO_IPV4 is AF_INET, NFPROTO_IPV6 is AF_INET6. */
		sp_assert(inet_pton(l->family, l->addr, addr) == 1);
		rule_begin(m, chain);
		match_byte(m, NFT_META_NFPROTO, l->family);
		ex_payload(m, NFT_PAYLOAD_NETWORK_HEADER, l->offset, l->n);
		if (l->masked)
			ex_mask(m, mask, l->n);
		ex_equal(m, addr, l->n);
		ex_accept(m);
		rule_end(m);
	}
}

static void chain(struct sp_nl *m, const char *name, const char *type,
                  uint32_t hook, int32_t priority)
{
	nft_begin(m, NFT_MSG_NEWCHAIN, 0);
	sp_nl_text(m, NFTA_CHAIN_TABLE, TABLE);
	sp_nl_text(m, NFTA_CHAIN_NAME, name);
	sp_nl_nest(m, NFTA_CHAIN_HOOK);
	sp_nl_be32(m, NFTA_HOOK_HOOKNUM, hook);
	sp_nl_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	sp_nl_unnest(m);
	sp_nl_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	sp_nl_text(m, NFTA_CHAIN_TYPE, type);
	sp_nl_end(m);
}

static void chain_tproxy(struct sp_nl *m)
{
	static const uint8_t family[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

	chain(m, "pre", "filter", NF_INET_PRE_ROUTING, -150);
	accept_local(m, "pre");
	for (size_t i = 0; i < SP_COUNT(family); i++) {
		rule_begin(m, "pre");
		match_byte(m, NFT_META_NFPROTO, family[i]);
		match_byte(m, NFT_META_L4PROTO, IPPROTO_TCP);
		ex_tproxy(m, family[i]);
		ex_accept(m);
		rule_end(m);
	}
}

static void chain_redirect(struct sp_nl *m)
{
	chain(m, "nat", "nat", NF_INET_LOCAL_OUT, -100);
	accept_local(m, "nat");
	rule_begin(m, "nat");
	match_byte(m, NFT_META_L4PROTO, IPPROTO_TCP);
	ex_redirect(m);
	rule_end(m);
}

static void chain_out(struct sp_nl *m)
{
	const uint16_t dns = htons(53);

	chain(m, "out", "filter", NF_INET_LOCAL_OUT, 0);
	rule_begin(m, "out");
	match_byte(m, NFT_META_L4PROTO, IPPROTO_TCP);
	ex_accept(m);
	rule_end(m);
	accept_local(m, "out");
	rule_begin(m, "out");
	match_byte(m, NFT_META_L4PROTO, IPPROTO_UDP);
	ex_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(dns));
	ex_equal(m, &dns, sizeof(dns));
	ex_accept(m);
	rule_end(m);
	rule_begin(m, "out");
	ex_reject(m);
	rule_end(m);
}

void sp_net_build_rules(struct sp_nl *m, enum sp_capture how)
{
	sp_assert(how == SP_CAPTURE_TPROXY || how == SP_CAPTURE_REDIRECT);
	sp_nl_init(m);
	nft_batch(m, NFNL_MSG_BATCH_BEGIN);
	nft_begin(m, NFT_MSG_NEWTABLE, 0);
	sp_nl_text(m, NFTA_TABLE_NAME, TABLE);
	sp_nl_end(m);
	if (how == SP_CAPTURE_TPROXY)
		chain_tproxy(m);
	else
		chain_redirect(m);
	chain_out(m);
	nft_batch(m, NFNL_MSG_BATCH_END);
}

/* #syscalls socket */
enum sp_rc sp_net_rules(enum sp_capture how, struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	uint32_t seq = 0;
	struct sp_nl m;

	if (fd < 0) {
		sp_err_sys(err, "nftables");
		return SP_E_DENIED;
	}
	sp_net_build_rules(&m, how);
	errno = sp_nl_talk(fd, &m, 0, &seq);
	if (errno == 0)
		return SP_OK;
	sp_err_sys(err, "nftables rules");
	sp_err_wrap(err, "%s, message %u", sp_capture_name(how), (unsigned)seq);
	return SP_E_DENIED;
}
