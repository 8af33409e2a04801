/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name/class.c - which addresses are not the public internet.
 *
 * Rows are tried in order, so a single host stands before its network. What
 * is in no row is public: IANA special-purpose registries (RFC 6890 and its
 * updates), plus the metadata services of the clouds.
 */
#include "name/addr.h"

struct row {
	uint8_t b[16];
	uint8_t prefix;
	enum sp_addr_class c;
};

/* clang-format off */
static const struct row v4[] = {
	{ { 169, 254, 169, 254 }, 32, SP_ADDR_METADATA }, /* most clouds */
	{ { 169, 254, 170, 2 },   32, SP_ADDR_METADATA }, /* ECS tasks */
	{ { 169, 254, 170, 23 },  32, SP_ADDR_METADATA }, /* EKS pods */
	{ { 168, 63, 129, 16 },   32, SP_ADDR_METADATA }, /* Azure */
	{ { 100, 100, 100, 200 }, 32, SP_ADDR_METADATA }, /* Alibaba */
	{ { 192, 0, 0, 192 },     32, SP_ADDR_METADATA }, /* Oracle */
	{ { 0 },                   8, SP_ADDR_UNSPECIFIED },
	{ { 10 },                  8, SP_ADDR_PRIVATE },
	{ { 100, 64 },            10, SP_ADDR_SHARED },
	{ { 127 },                 8, SP_ADDR_LOOPBACK },
	{ { 169, 254 },           16, SP_ADDR_LINK_LOCAL },
	{ { 172, 16 },            12, SP_ADDR_PRIVATE },
	{ { 192, 0, 0 },          24, SP_ADDR_SPECIAL },
	{ { 192, 0, 2 },          24, SP_ADDR_SPECIAL }, /* documentation */
	{ { 192, 88, 99 },        24, SP_ADDR_SPECIAL }, /* 6to4 relays */
	{ { 192, 168 },           16, SP_ADDR_PRIVATE },
	{ { 198, 18 },            15, SP_ADDR_SPECIAL }, /* benchmarks */
	{ { 198, 51, 100 },       24, SP_ADDR_SPECIAL },
	{ { 203, 0, 113 },        24, SP_ADDR_SPECIAL },
	{ { 224 },                 4, SP_ADDR_MULTICAST },
	{ { 240 },                 4, SP_ADDR_RESERVED },
};

static const struct row v6[] = {
	{ { 0 },                                  128, SP_ADDR_UNSPECIFIED },
	{ { [15] = 1 },                           128, SP_ADDR_LOOPBACK },
	{ { 0xfd, 0, 0x0e, 0xc2, [14] = 2, 0x54 }, 128, SP_ADDR_METADATA },
	{ { 0xfd, 0x20, 0, 0xce, [14] = 2, 0x54 }, 128, SP_ADDR_METADATA },
	{ { 0xfd, 0, 0, 0x42, [15] = 0x42 },      128, SP_ADDR_METADATA },
	{ { 0xff },                                 8, SP_ADDR_MULTICAST },
	{ { 0xfc },                                 7, SP_ADDR_PRIVATE },
	{ { 0xfe, 0xc0 },                          10, SP_ADDR_PRIVATE },
	{ { 0xfe, 0x80 },                          10, SP_ADDR_LINK_LOCAL },
	{ { 0x01, 0 },                             64, SP_ADDR_SPECIAL },
	{ { 0x01, 0, [7] = 1 },                    64, SP_ADDR_SPECIAL },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 },           48, SP_ADDR_SPECIAL },
	{ { 0x20, 0x01, 0, 2 },                    48, SP_ADDR_SPECIAL },
	{ { 0x20, 0x01, 0, 0x10 },                 28, SP_ADDR_SPECIAL },
	{ { 0x20, 0x01, 0x0d, 0xb8 },              32, SP_ADDR_SPECIAL },
	{ { 0x3f, 0xff },                          20, SP_ADDR_SPECIAL },
	{ { 0x5f, 0 },                             16, SP_ADDR_SPECIAL },
};

/*
 * IPv6 addresses that a host, a relay or a translator turns into IPv4: prefix,
 * mask of the prefix bytes that count, where the IPv4 address is.
 */
static const struct embedded {
	uint8_t b[16];
	uint16_t bytes; /* bit i: b[i] must be equal */
	uint8_t at;
	uint8_t flip; /* Teredo writes the address inverted */
} embedded[] = {
	{ { [10] = 0xff, 0xff },           0x0fff, 12, 0 }, /* mapped */
	{ { 0 },                           0x0fff, 12, 0 }, /* compatible */
	{ { [8] = 0xff, 0xff },            0x0fff, 12, 0 }, /* translated */
	{ { 0, 0x64, 0xff, 0x9b },         0x0fff, 12, 0 }, /* NAT64 */
	{ { 0x20, 0x02 },                  0x0003,  2, 0 }, /* 6to4 */
	{ { 0x20, 0x01, 0, 0 },            0x000f, 12, 0xff }, /* Teredo */
	{ { [8] = 0, 0, 0x5e, 0xfe },      0x0f00, 12, 0 }, /* ISATAP */
	{ { [8] = 2, 0, 0x5e, 0xfe },      0x0f00, 12, 0 },
};
/* clang-format on */

static const char *const class_name[] = {
#define X(id, name) [SP_ADDR_##id] = (name),
	SP_ADDR_CLASS_LIST(X)
#undef X
};

const char *sp_addr_class_name(enum sp_addr_class c)
{
	return class_name[c];
}

static bool in_prefix(const uint8_t *a, const uint8_t *net, unsigned prefix)
{
	unsigned whole = prefix / 8, bits = prefix % 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits);

	if (memcmp(a, net, whole) != 0)
		return false;
	return bits == 0 || ((a[whole] ^ net[whole]) & mask) == 0;
}

bool sp_net_has(const struct sp_net *n, const struct sp_addr *a)
{
	return a->family == n->addr.family &&
	       in_prefix(a->b, n->addr.b, n->prefix);
}

static enum sp_addr_class look_up(const struct row *rows, size_t n,
                                  const uint8_t *b)
{
	for (size_t i = 0; i < n; i++)
		if (in_prefix(b, rows[i].b, rows[i].prefix))
			return rows[i].c;
	return SP_ADDR_PUBLIC;
}

static bool has_prefix(const struct embedded *e, const uint8_t *b)
{
	for (unsigned i = 0; i < 16; i++)
		if ((e->bytes >> i & 1u) != 0 && e->b[i] != b[i])
			return false;
	return true;
}

bool sp_addr_inner(const struct sp_addr *a, struct sp_addr *ret)
{
	if (a->family != 6)
		return false;
	for (size_t i = 0; i < SP_COUNT(embedded); i++) {
		const struct embedded *e = &embedded[i];

		if (!has_prefix(e, a->b))
			continue;
		*ret = (struct sp_addr){ .family = 4 };
		for (unsigned k = 0; k < 4; k++)
			ret->b[k] = a->b[e->at + k] ^ e->flip;
		return true;
	}
	return false;
}

enum sp_addr_class sp_addr_class(const struct sp_addr *a)
{
	enum sp_addr_class c;
	struct sp_addr inner;

	if (a->family == 4)
		return look_up(v4, SP_COUNT(v4), a->b);
	if (a->family != 6)
		return SP_ADDR_UNSPECIFIED;
	c = look_up(v6, SP_COUNT(v6), a->b);
	if (c == SP_ADDR_PUBLIC && sp_addr_inner(a, &inner))
		return look_up(v4, SP_COUNT(v4), inner.b);
	return c;
}
