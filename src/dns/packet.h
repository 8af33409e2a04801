/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/packet.h - the little of RFC 1035 that a responder needs.
 *
 * Role        Bytes to one question, one planned reply to bytes. Decides
 *             nothing about names; no I/O, no allocation but in the buffer of
 *             the caller.
 * Ownership   A question borrows from the packet it was read from.
 * Limits      SP_DNS_NAME_MAX per name, SP_DNS_LABEL_MAX per label, one
 *             question, one record per section.
 * Strictness  A question has no compression: nobody sends it, and a pointer
 *             is how a parser is sent in circles (RFC 9267). Behind the
 *             question only one well-formed OPT record may stand.
 */
#ifndef SP_DNS_PACKET_H
#define SP_DNS_PACKET_H

#include "core/buf.h"

#define SP_DNS_HEAD_SIZE 12u
#define SP_DNS_NAME_MAX  255u /* on the wire, with the root label */
#define SP_DNS_LABEL_MAX 63u
#define SP_DNS_TEXT_MAX  254u /* dotted, without the last dot, with a NUL */

enum sp_dns_type {
	SP_DNS_A = 1,
	SP_DNS_SOA = 6,
	SP_DNS_PTR = 12,
	SP_DNS_HINFO = 13,
	SP_DNS_AAAA = 28,
	SP_DNS_OPT = 41,
	SP_DNS_META_FIRST = 249, /* TKEY, TSIG, IXFR, AXFR, MAILB, MAILA */
	SP_DNS_META_LAST = 254,
	SP_DNS_ANY = 255,
};

enum sp_dns_class {
	SP_DNS_IN = 1,
	SP_DNS_CLASS_ANY = 255,
};

enum sp_dns_rcode {
	SP_DNS_NOERROR = 0,
	SP_DNS_FORMERR = 1,
	SP_DNS_SERVFAIL = 2,
	SP_DNS_NXDOMAIN = 3,
	SP_DNS_NOTIMP = 4,
	SP_DNS_REFUSED = 5,
	SP_DNS_BADVERS = 16, /* needs EDNS */
};

struct sp_dns_head {
	uint16_t id;
	uint8_t opcode;
	bool recursion_desired;
	bool checking_disabled;
	uint16_t count[4]; /* question, answer, authority, additional */
};

struct sp_dns_question {
	struct sp_str raw;  /* name, type and class, to be echoed as it is */
	struct sp_str name; /* on the wire: labels up to the root */
	uint16_t qtype;
	uint16_t qclass;
	bool edns;
	uint8_t edns_version;
	uint16_t udp_max; /* what the asker can receive: 512 and more */
};

/*
 * What to answer. At most one record in the answer section, owned by the name
 * of the question.
 */
struct sp_dns_reply {
	uint16_t rcode;
	uint16_t rr_type; /* 0: none */
	uint32_t ttl;     /* of the record, or of the SOA */
	bool soa;         /* authority section, so that "no" can be cached */
	uint16_t ede;     /* RFC 8914 code, used when ede_text is set */
	const char *ede_text;
	size_t n;
	uint8_t rdata[SP_DNS_NAME_MAX];
};

/* SP_E_PROTO: too short or a response: nothing that can be answered. */
SP_MUST enum sp_rc sp_dns_read_head(struct sp_str packet,
                                    struct sp_dns_head *ret);
/* SP_E_PROTO: answer FORMERR. The head was read from the same packet. */
SP_MUST enum sp_rc sp_dns_read_question(struct sp_str packet,
                                        const struct sp_dns_head *head,
                                        struct sp_dns_question *ret);
/*
 * Dotted lower-case text; "" for the root. SP_E_PROTO unless every byte is a
 * letter, a digit, '-' or '_': anything else would mean something else to the
 * next parser of the name (a dot inside a label, an escape, a percent sign).
 */
SP_MUST enum sp_rc sp_dns_name_text(struct sp_str name,
                                    char ret[SP_DNS_TEXT_MAX]);
/* The other way. SP_E_LIMIT when a label or the name is too long or empty. */
SP_MUST enum sp_rc sp_dns_name_wire(struct sp_str text,
                                    uint8_t ret[SP_DNS_NAME_MAX],
                                    size_t *ret_n);
/*
 * question may be NULL: then the reply has none (FORMERR, NOTIMP). What does
 * not fit into limit bytes is replaced by an empty answer with TC. SP_E_LIMIT
 * when the buffer of the caller cannot take it.
 */
SP_MUST enum sp_rc sp_dns_write(const struct sp_dns_head *head,
                                const struct sp_dns_question *question,
                                const struct sp_dns_reply *reply, size_t limit,
                                struct sp_buf *out);

#endif
