/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/pattern.h - host patterns, one by one and as ordered sets.
 *
 * Role        One matcher for every list of hosts: text with '*' (any run of
 *             characters, dots included), addresses, networks; each with or
 *             without a port. A set answers "which entry matches" without
 *             walking it: exact texts and "*.suffix" are hashed, the rest is
 *             tried in order.
 * Ownership   A pattern owns its text; a set owns its patterns.
 * Limits      SP_PAT_TEXT_MAX bytes, SP_PATSET_MAX patterns in a set.
 * Invariant   Order of a match: exact with port, exact without port, then the
 *             first of all others (handlers.md, section 4).
 */
#ifndef SP_POLICY_PATTERN_H
#define SP_POLICY_PATTERN_H

#include "name/host.h"

#define SP_PAT_TEXT_MAX 512u
#define SP_PATSET_MAX   8192u
#define SP_PORTS_MAX    64u

/* Which ports something without a port of its own stands for. */
struct sp_ports {
	bool any;
	uint16_t n;
	uint16_t port[SP_PORTS_MAX];
};

bool sp_ports_has(const struct sp_ports *p, uint16_t port);

enum sp_pat_kind {
	SP_PAT_EXACT,
	SP_PAT_GLOB,
	SP_PAT_NET,
};

struct sp_pat {
	enum sp_pat_kind kind;
	bool bounded;  /* a trailing ".*" is one public suffix, not any text */
	bool option;   /* from the command line */
	bool folded;   /* was not written in canonical form */
	uint16_t port; /* 0: none given */
	struct sp_net net;  /* of a network or an address; else family 0 */
	struct sp_str text; /* canonical, without port */
	uint32_t line;      /* 0: unknown */
	uint32_t hash;      /* of the hashed part, from the end */
	uint32_t same;      /* index + 1 of the next with the same hash slot */
};

/* How a pattern is read. */
struct sp_pat_use {
	bool strict;    /* text matching, no normalization at all */
	bool bounded;   /* for what opens: see struct sp_pat */
	bool need_port; /* HOST:PORT only */
};

/* *ret_problem says what was expected; a text that can match nothing fails. */
SP_MUST enum sp_rc sp_pat_parse(struct sp_str in, const struct sp_pat_use *use,
                                struct sp_pat *ret, const char **ret_problem);
void sp_pat_fini(struct sp_pat *p);
/* "host", "host:port": as it could be written in a policy. */
void sp_pat_text(const struct sp_pat *p, char *buf, size_t cap);

/* '*' is any run of bytes, the empty one too; nothing else is special. */
bool sp_glob_match(struct sp_str pattern, struct sp_str text);

/* The hash of a text, byte by byte from its end. */
#define SP_PAT_HASH_SEED UINT32_C(0x811c9dc5)
static inline uint32_t sp_pat_hash(uint32_t h, uint8_t c)
{
	return (h ^ c) * UINT32_C(0x01000193);
}

struct sp_target {
	struct sp_str host;
	const struct sp_addr *addr;   /* NULL for names */
	struct sp_addr inner;         /* family 0, or the IPv4 address inside */
	uint16_t port;                /* 0: only entries for all ports match */
	bool any_port;                /* or: every port matches */
	const struct sp_ports *plain; /* of entries without port; NULL: all */
};

/* inner: networks also match the IPv4 address inside an IPv6 one. */
void sp_target_init(struct sp_target *t, const struct sp_host *host,
                    uint16_t port, bool inner);

struct sp_patset {
	struct sp_pat *pat;
	uint32_t n, cap;
	uint32_t *exact, *suffix; /* hash slots: index + 1 */
	uint32_t mask;
	uint32_t *rest; /* globs and networks that are not hashed, in order */
	uint32_t n_rest;
	uint32_t *nets; /* everything that names an address */
	uint32_t n_nets;
};

/* Takes over the text of p. SP_E_LIMIT when full. */
SP_MUST enum sp_rc sp_patset_add(struct sp_patset *s, const struct sp_pat *p);
/* After the last add, before the first match. */
void sp_patset_index(struct sp_patset *s);
void sp_patset_fini(struct sp_patset *s);
/* NULL: nothing matches. */
const struct sp_pat *sp_patset_find(const struct sp_patset *s,
                                    const struct sp_target *t);
/* As find, but only addresses and networks count. */
const struct sp_pat *sp_patset_find_addr(const struct sp_patset *s,
                                         const struct sp_target *t);

#endif
