/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy that sends these may be compromised: get refuses every value that
 * put cannot have written, so that the keeper needs no second look.
 */
#include "audit/record.h"

#include "ipc/wire.h"

enum flag {
	FLAG_OBSERVED = 1 << 0,
	FLAG_FINAL = 1 << 1,
	FLAG_PATH_CUT = 1 << 2,
};

#define FLAGS_ALL (FLAG_OBSERVED | FLAG_FINAL | FLAG_PATH_CUT)

/* Cut at a character, so that the cut itself is not taken for bad UTF-8. */
static struct sp_str cut(struct sp_str s, size_t max)
{
	if (s.n <= max)
		return s;
	s.n = max;
	while (s.n > max - 3 && (s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

static void put_addr(struct sp_wire *w, const struct sp_addr *a)
{
	size_t n = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;

	sp_put_u8(w, n > 0 ? a->family : 0);
	for (size_t i = 0; i < n; i++)
		sp_put_u8(w, a->b[i]);
}

static enum sp_rc get_addr(struct sp_str *in, struct sp_addr *ret)
{
	uint8_t family;
	size_t n;

	SP_TRY(sp_get_u8(in, &family));
	if (family != 0 && family != 4 && family != 6)
		return SP_E_PROTO;
	*ret = (struct sp_addr){ .family = family };
	n = family == 4 ? 4 : family == 6 ? 16 : 0;
	for (size_t i = 0; i < n; i++)
		SP_TRY(sp_get_u8(in, &ret->b[i]));
	return SP_OK;
}

/* An address has no text of its own on the wire: it is made from the bytes. */
static void put_host(struct sp_wire *w, const struct sp_host *h)
{
	sp_put_u8(w, (uint8_t)h->kind);
	if (h->kind == SP_HOST_NAME)
		sp_put_str(w, sp_host_str(h));
	else if (h->kind != SP_HOST_NONE)
		put_addr(w, &h->addr);
}

static enum sp_rc get_name(struct sp_str *in, struct sp_host *ret)
{
	struct sp_str s;

	SP_TRY(sp_get_str(in, SP_HOST_MAX, &s));
	if (s.n == 0)
		return SP_E_PROTO;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] != sp_lower(s.p[i]))
			return SP_E_PROTO;
	*ret = (struct sp_host){ .kind = SP_HOST_NAME, .n = (uint8_t)s.n };
	memcpy(ret->text, s.p, s.n);
	return SP_OK;
}

static enum sp_rc get_host(struct sp_str *in, struct sp_host *ret)
{
	struct sp_addr a;
	uint8_t kind;

	SP_TRY(sp_get_u8(in, &kind));
	if (kind == SP_HOST_NONE) {
		*ret = (struct sp_host){ .kind = SP_HOST_NONE };
		return SP_OK;
	}
	if (kind == SP_HOST_NAME)
		return get_name(in, ret);
	if (kind != SP_HOST_IPV4 && kind != SP_HOST_IPV6)
		return SP_E_PROTO;
	SP_TRY(get_addr(in, &a));
	if (a.family != (kind == SP_HOST_IPV4 ? 4 : 6))
		return SP_E_PROTO;
	sp_host_from_addr(&a, ret);
	return SP_OK;
}

/* A value of a closed list: 0 <= value <= last. */
static enum sp_rc get_enum(struct sp_str *in, unsigned last, unsigned *ret)
{
	uint8_t v;

	SP_TRY(sp_get_u8(in, &v));
	if (v > last)
		return SP_E_PROTO;
	*ret = v;
	return SP_OK;
}

void sp_rec_open_put(struct sp_wire *w, const struct sp_rec_open *r)
{
	bool path_cut = r->path_cut || r->path.n > SP_REC_PATH_MAX;

	sp_put_u64(w, r->id);
	sp_put_u64(w, r->conn);
	sp_put_u8(w, (uint8_t)r->proto);
	sp_put_u8(w, (uint8_t)r->scheme);
	sp_put_u8(w, (uint8_t)r->verdict);
	sp_put_u8(w, (uint8_t)((r->observed ? FLAG_OBSERVED : 0) |
	                       (r->final ? FLAG_FINAL : 0) |
	                       (path_cut ? FLAG_PATH_CUT : 0)));
	sp_put_u8(w, (uint8_t)r->reason);
	sp_put_u16(w, r->status);
	sp_put_u16(w, r->port);
	put_addr(w, &r->addr);
	put_host(w, &r->host);
	sp_put_u16(w, r->qtype);
	sp_put_u64(w, r->start_us);
	sp_put_str(w, cut(r->method, SP_REC_METHOD_MAX));
	sp_put_str(w, cut(r->path, SP_REC_PATH_MAX));
	sp_put_str(w, cut(r->rule, SP_RULE_TEXT_MAX));
	sp_put_str(w, cut(r->detail, SP_REC_DETAIL_MAX));
	sp_put_u32(w, r->pid);
	sp_put_str(w, cut(r->comm, SP_REC_COMM_MAX));
}

static enum sp_rc get_verdict(struct sp_str *in, struct sp_rec_open *r)
{
	unsigned proto, scheme, verdict, flags, reason;

	SP_TRY(get_enum(in, SP_PROTO_DNS, &proto));
	SP_TRY(get_enum(in, SP_SCHEME_OTHER, &scheme));
	SP_TRY(get_enum(in, SP_VERDICT_ALLOW, &verdict));
	SP_TRY(get_enum(in, FLAGS_ALL, &flags));
	SP_TRY(get_enum(in, SP_REASON_COUNT - 1, &reason));
	r->proto = (enum sp_rec_proto)proto;
	r->scheme = (enum sp_scheme)scheme;
	r->verdict = (enum sp_verdict)verdict;
	r->reason = (enum sp_reason)reason;
	r->observed = (flags & FLAG_OBSERVED) != 0;
	r->final = (flags & FLAG_FINAL) != 0;
	r->path_cut = (flags & FLAG_PATH_CUT) != 0;
	return SP_OK;
}

static enum sp_rc get_texts(struct sp_str *in, struct sp_rec_open *r)
{
	SP_TRY(sp_get_str(in, SP_REC_METHOD_MAX, &r->method));
	SP_TRY(sp_get_str(in, SP_REC_PATH_MAX, &r->path));
	SP_TRY(sp_get_str(in, SP_RULE_TEXT_MAX, &r->rule));
	SP_TRY(sp_get_str(in, SP_REC_DETAIL_MAX, &r->detail));
	SP_TRY(sp_get_u32(in, &r->pid));
	return sp_get_str(in, SP_REC_COMM_MAX, &r->comm);
}

static enum sp_rc get_where(struct sp_str *in, struct sp_rec_open *r)
{
	SP_TRY(sp_get_u16(in, &r->status));
	SP_TRY(sp_get_u16(in, &r->port));
	SP_TRY(get_addr(in, &r->addr));
	SP_TRY(get_host(in, &r->host));
	SP_TRY(sp_get_u16(in, &r->qtype));
	return sp_get_u64(in, &r->start_us);
}

enum sp_rc sp_rec_open_get(struct sp_str *in, struct sp_rec_open *ret)
{
	struct sp_rec_open r = { 0 };

	SP_TRY(sp_get_u64(in, &r.id));
	SP_TRY(sp_get_u64(in, &r.conn));
	SP_TRY(get_verdict(in, &r));
	SP_TRY(get_where(in, &r));
	SP_TRY(get_texts(in, &r));
	/* What may still leave must not be without a close. */
	if (r.final && r.verdict == SP_VERDICT_ALLOW && r.proto != SP_PROTO_DNS)
		return SP_E_PROTO;
	*ret = r;
	return SP_OK;
}

void sp_rec_close_put(struct sp_wire *w, const struct sp_rec_close *r)
{
	sp_put_u64(w, r->id);
	sp_put_u8(w, (uint8_t)r->outcome);
	sp_put_u8(w, (uint8_t)r->reason);
	sp_put_u16(w, r->status);
	sp_put_u64(w, r->up);
	sp_put_u64(w, r->down);
	sp_put_u64(w, r->us);
	sp_put_u64(w, r->first_byte_us);
	put_addr(w, &r->addr);
	sp_put_str(w, cut(r->detail, SP_REC_DETAIL_MAX));
}

static enum sp_rc get_counts(struct sp_str *in, struct sp_rec_close *r)
{
	SP_TRY(sp_get_u64(in, &r->up));
	SP_TRY(sp_get_u64(in, &r->down));
	SP_TRY(sp_get_u64(in, &r->us));
	return sp_get_u64(in, &r->first_byte_us);
}

enum sp_rc sp_rec_close_get(struct sp_str *in, struct sp_rec_close *ret)
{
	struct sp_rec_close r = { 0 };
	unsigned outcome, reason;

	SP_TRY(sp_get_u64(in, &r.id));
	SP_TRY(get_enum(in, SP_OUT_ABORTED, &outcome));
	SP_TRY(get_enum(in, SP_REASON_COUNT - 1, &reason));
	SP_TRY(sp_get_u16(in, &r.status));
	SP_TRY(get_counts(in, &r));
	SP_TRY(get_addr(in, &r.addr));
	SP_TRY(sp_get_str(in, SP_REC_DETAIL_MAX, &r.detail));
	r.outcome = (enum sp_outcome)outcome;
	r.reason = (enum sp_reason)reason;
	*ret = r;
	return SP_OK;
}
