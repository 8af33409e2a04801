/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/packet.h"

#define FLAG_QR 0x8000u
#define FLAG_TC 0x0200u
#define FLAG_RD 0x0100u
#define FLAG_RA 0x0080u
#define FLAG_CD 0x0010u

#define UDP_PLAIN     512u  /* RFC 1035, 4.2.1 */
#define UDP_OFFERED   1232u /* what we can take: DNS flag day 2020 */
#define OPT_EDE       15u   /* RFC 8914 */
#define EDE_TEXT_MAX  64u
#define NAME_POINTER  0xc000u
#define SOA_TIMER     60u
#define RECORD_FIXED  10u /* type, class, ttl, length */
#define OPTION_HEADER 4u

/* The zone of everything is the root, so that any negative answer is in it. */
static const uint8_t soa_names[] = "\x04gate\x09sallyport\x07invalid"
				   "\0\x00";

/* ----------------------------------------------------------------- reading */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The caller has checked that two bytes are there. */
static uint16_t take16(struct sp_str *in)
{
	return be16(sp_str_take(in, 2).p);
}

enum sp_rc sp_dns_read_head(struct sp_str packet, struct sp_dns_head *ret)
{
	uint16_t flags;

	if (packet.n < SP_DNS_HEAD_SIZE)
		return SP_E_PROTO;
	flags = be16(packet.p + 2);
	if ((flags & FLAG_QR) != 0)
		return SP_E_PROTO; /* answering answers makes loops */
	*ret = (struct sp_dns_head){
		.id = be16(packet.p),
		.opcode = (uint8_t)(flags >> 11 & 15u),
		.recursion_desired = (flags & FLAG_RD) != 0,
		.checking_disabled = (flags & FLAG_CD) != 0,
	};
	for (size_t i = 0; i < SP_COUNT(ret->count); i++)
		ret->count[i] = be16(packet.p + 4 + 2 * i);
	return SP_OK;
}

/* Labels up to and with the root label; no pointers, no extended labels. */
static enum sp_rc take_name(struct sp_str *in, struct sp_str *ret)
{
	size_t n = 0;

	for (;;) {
		if (n >= in->n || n >= SP_DNS_NAME_MAX)
			return SP_E_PROTO;
		if (in->p[n] == 0)
			break;
		if (in->p[n] > SP_DNS_LABEL_MAX)
			return SP_E_PROTO;
		n += 1u + in->p[n];
	}
	*ret = sp_str_take(in, n + 1);
	return SP_OK;
}

static enum sp_rc check_options(struct sp_str in)
{
	while (in.n > 0) {
		size_t len;

		if (in.n < OPTION_HEADER)
			return SP_E_PROTO;
		len = be16(in.p + 2);
		if (in.n - OPTION_HEADER < len)
			return SP_E_PROTO;
		sp_str_take(&in, OPTION_HEADER + len);
	}
	return SP_OK;
}

/* The OPT record of RFC 6891, and nothing behind it. */
static enum sp_rc read_edns(struct sp_str in, struct sp_dns_question *q)
{
	uint16_t size;
	uint8_t version;

	if (in.n < 1 + RECORD_FIXED || sp_str_take(&in, 1).p[0] != 0 ||
	    take16(&in) != SP_DNS_OPT)
		return SP_E_PROTO;
	size = take16(&in);
	sp_str_take(&in, 1); /* extended rcode: meaningless in a question */
	version = sp_str_take(&in, 1).p[0];
	take16(&in); /* flags: DO changes nothing, we have no signatures */
	if (take16(&in) != in.n)
		return SP_E_PROTO;
	SP_TRY(check_options(in));
	q->edns = true;
	q->edns_version = version;
	if (size > q->udp_max)
		q->udp_max = size < UDP_OFFERED ? size : UDP_OFFERED;
	return SP_OK;
}

enum sp_rc sp_dns_read_question(struct sp_str packet,
                                const struct sp_dns_head *head,
                                struct sp_dns_question *ret)
{
	struct sp_dns_question q = { .udp_max = UDP_PLAIN };
	struct sp_str in = packet;

	sp_assert(packet.n >= SP_DNS_HEAD_SIZE);
	if (head->count[0] != 1 || head->count[1] != 0 || head->count[2] != 0 ||
	    head->count[3] > 1)
		return SP_E_PROTO;
	sp_str_take(&in, SP_DNS_HEAD_SIZE);
	q.raw.p = in.p;
	SP_TRY(take_name(&in, &q.name));
	if (in.n < 4)
		return SP_E_PROTO;
	q.qtype = take16(&in);
	q.qclass = take16(&in);
	q.raw.n = q.name.n + 4;
	if (head->count[3] == 1)
		SP_TRY(read_edns(in, &q));
	else if (in.n != 0)
		return SP_E_PROTO;
	*ret = q;
	return SP_OK;
}

/* ------------------------------------------------------------------- names */

static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

enum sp_rc sp_dns_name_text(struct sp_str name, char ret[SP_DNS_TEXT_MAX])
{
	size_t n = 0;

	sp_assert(name.n >= 1 && name.n <= SP_DNS_NAME_MAX);
	while (name.p[0] != 0) {
		struct sp_str label = sp_str_take(&name, 1u + name.p[0]);

		if (n > 0)
			ret[n++] = '.';
		for (size_t i = 1; i < label.n; i++) {
			uint8_t c = sp_lower(label.p[i]);

			if (!is_host_byte(c))
				return SP_E_PROTO;
			ret[n++] = (char)c;
		}
	}
	/* 255 on the wire are 253 and the NUL here. */
	sp_assert(n < SP_DNS_TEXT_MAX);
	ret[n] = '\0';
	return SP_OK;
}

enum sp_rc sp_dns_name_wire(struct sp_str text, uint8_t ret[SP_DNS_NAME_MAX],
                            size_t *ret_n)
{
	size_t length_at = 0, label = 0;

	/* One length byte per label in place of the dots, and the root. */
	if (text.n + 2 > SP_DNS_NAME_MAX)
		return SP_E_LIMIT;
	for (size_t i = 0; i <= text.n; i++) {
		if (i < text.n && text.p[i] != '.') {
			ret[i + 1] = text.p[i];
			label++;
			continue;
		}
		if (label == 0 || label > SP_DNS_LABEL_MAX)
			return SP_E_LIMIT;
		ret[length_at] = (uint8_t)label;
		length_at = i + 1;
		label = 0;
	}
	ret[length_at] = 0;
	*ret_n = text.n + 2;
	return SP_OK;
}

/* ----------------------------------------------------------------- writing */

static void put16(struct sp_buf *b, unsigned v)
{
	sp_buf_byte(b, (uint8_t)(v >> 8));
	sp_buf_byte(b, (uint8_t)v);
}

static void put32(struct sp_buf *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b, v & 0xffffu);
}

static size_t ede_size(const struct sp_dns_reply *r)
{
	if (r->ede_text == NULL)
		return 0;
	sp_assert(strlen(r->ede_text) <= EDE_TEXT_MAX);
	return OPTION_HEADER + 2 + strlen(r->ede_text);
}

static size_t size_of(const struct sp_dns_question *q,
                      const struct sp_dns_reply *r)
{
	size_t n = SP_DNS_HEAD_SIZE;

	if (q == NULL)
		return n;
	n += q->raw.n;
	if (r->rr_type != 0)
		n += 2 + RECORD_FIXED + r->n;
	if (r->soa)
		n += 1 + RECORD_FIXED + sizeof(soa_names) - 1 + 20;
	if (q->edns)
		n += 1 + RECORD_FIXED + ede_size(r);
	return n;
}

static void put_head(struct sp_buf *b, const struct sp_dns_head *h,
                     const struct sp_dns_question *q,
                     const struct sp_dns_reply *r, bool cut)
{
	unsigned flags = FLAG_QR | FLAG_RA | (unsigned)h->opcode << 11 |
	                 (r->rcode & 15u);

	if (h->recursion_desired)
		flags |= FLAG_RD;
	if (h->checking_disabled)
		flags |= FLAG_CD;
	if (cut)
		flags |= FLAG_TC;
	put16(b, h->id);
	put16(b, flags);
	put16(b, q != NULL);
	put16(b, q != NULL && r->rr_type != 0);
	put16(b, q != NULL && r->soa);
	put16(b, q != NULL && q->edns);
}

static void put_fixed(struct sp_buf *b, uint16_t type, uint32_t ttl, size_t n)
{
	put16(b, type);
	put16(b, SP_DNS_IN);
	put32(b, ttl);
	put16(b, (unsigned)n);
}

/* RFC 2308: the last field is how long a stub may remember the "no". */
static void put_soa(struct sp_buf *b, uint32_t ttl)
{
	sp_buf_byte(b, 0);
	put_fixed(b, SP_DNS_SOA, ttl, sizeof(soa_names) - 1 + 20);
	sp_buf_add(b, (struct sp_str){ soa_names, sizeof(soa_names) - 1 });
	put32(b, 1); /* serial */
	for (int i = 0; i < 3; i++)
		put32(b, SOA_TIMER); /* refresh, retry, expire */
	put32(b, ttl);
}

static void put_edns(struct sp_buf *b, const struct sp_dns_reply *r)
{
	sp_buf_byte(b, 0);
	put16(b, SP_DNS_OPT);
	put16(b, UDP_OFFERED);
	sp_buf_byte(b, (uint8_t)(r->rcode >> 4));
	sp_buf_byte(b, 0); /* version */
	put16(b, 0);
	put16(b, (unsigned)ede_size(r));
	if (r->ede_text == NULL)
		return;
	put16(b, OPT_EDE);
	put16(b, (unsigned)(2 + strlen(r->ede_text)));
	put16(b, r->ede);
	sp_buf_text(b, r->ede_text);
}

enum sp_rc sp_dns_write(const struct sp_dns_head *head,
                        const struct sp_dns_question *question,
                        const struct sp_dns_reply *reply, size_t limit,
                        struct sp_buf *out)
{
	const struct sp_dns_reply cut = { .rcode = reply->rcode };
	bool too_long = size_of(question, reply) > limit;
	const struct sp_dns_reply *r = too_long ? &cut : reply;

	put_head(out, head, question, r, too_long);
	if (question == NULL)
		return sp_buf_ok(out) ? SP_OK : SP_E_LIMIT;
	sp_buf_add(out, question->raw);
	if (r->rr_type != 0) {
		put16(out, NAME_POINTER | SP_DNS_HEAD_SIZE);
		put_fixed(out, r->rr_type, r->ttl, r->n);
		sp_buf_add(out, (struct sp_str){ r->rdata, r->n });
	}
	if (r->soa)
		put_soa(out, r->ttl);
	if (question->edns)
		put_edns(out, r);
	return sp_buf_ok(out) ? SP_OK : SP_E_LIMIT;
}
