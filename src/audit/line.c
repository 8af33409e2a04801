/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/line.h"

/* Of all texts of one event: each byte may take six, and a line is 16 KiB. */
#define EVENT_TEXT_MAX 2048u

static void add_text(struct sp_json_object *o, const char *key, struct sp_str s,
                     size_t max)
{
	if (s.n > max)
		s.n = max;
	if (s.n > 0)
		sp_json_add_text(o, key, s);
}

static void add_u64(struct sp_json_object *o, const char *key, uint64_t v)
{
	if (v > 0)
		sp_json_add_u64(o, key, v);
}

static void add_addr(struct sp_line *l, const struct sp_addr *a)
{
	if (a->family == 0)
		return;
	sp_addr_text(a, l->addr);
	sp_json_add_text(&l->own, "addr", sp_str(l->addr));
}

/* Both in the order of their keys, which makes adding cheap. */
void sp_line_open(struct sp_line *l, struct sp_str id,
                  const struct sp_rec_open *r)
{
	struct sp_json_object *o = &l->own;

	o->n = 0;
	o->replaced = false;
	add_addr(l, &r->addr);
	add_text(o, "comm", r->comm, SP_REC_COMM_MAX);
	add_u64(o, "conn", r->conn);
	add_text(o, "detail", r->detail, SP_REC_DETAIL_MAX);
	sp_json_add_flag(o, "final", r->final);
	add_text(o, "host", sp_host_str(&r->host), sizeof(r->host.text) - 1);
	sp_json_add_text(o, "id", id);
	add_text(o, "method", r->method, SP_REC_METHOD_MAX);
	sp_json_add_flag(o, "observed", r->observed);
	add_text(o, "path", r->path, SP_REC_PATH_MAX);
	sp_json_add_flag(o, "path_cut",
	                 r->path_cut || r->path.n > SP_REC_PATH_MAX);
	add_u64(o, "pid", r->pid);
	add_u64(o, "port", r->port);
	sp_json_add_text(o, "proto", sp_str(sp_rec_proto_name(r->proto)));
	add_u64(o, "qtype", r->qtype);
	sp_json_add_text(o, "reason", sp_str(sp_reason_code(r->reason)));
	add_text(o, "rule", r->rule, SP_RULE_TEXT_MAX);
	if (r->scheme != SP_SCHEME_NONE)
		sp_json_add_text(o, "scheme",
		                 sp_str(sp_scheme_name(r->scheme)));
	add_u64(o, "start", r->start_us);
	add_u64(o, "status", r->status);
	sp_json_add_text(o, "verdict", sp_str(sp_verdict_name(r->verdict)));
}

void sp_line_close(struct sp_line *l, struct sp_str id, uint64_t open_seq,
                   const struct sp_rec_close *r)
{
	struct sp_json_object *o = &l->own;

	o->n = 0;
	o->replaced = false;
	add_addr(l, &r->addr);
	add_text(o, "detail", r->detail, SP_REC_DETAIL_MAX);
	sp_json_add_u64(o, "down", r->down);
	sp_json_add_text(o, "id", id);
	sp_json_add_u64(o, "open", open_seq);
	sp_json_add_text(o, "outcome", sp_str(sp_outcome_name(r->outcome)));
	sp_json_add_text(o, "reason", sp_str(sp_reason_code(r->reason)));
	add_u64(o, "status", r->status);
	add_u64(o, "ttfb", r->first_byte_us);
	sp_json_add_u64(o, "up", r->up);
	sp_json_add_u64(o, "us", r->us);
}

void sp_line_event(struct sp_line *l, const struct sp_log_field *f, size_t n)
{
	size_t left = EVENT_TEXT_MAX;

	l->own.n = 0;
	l->own.replaced = false;
	for (size_t i = 0; i < n; i++) {
		if (f[i].text.p == NULL) {
			sp_json_add_u64(&l->own, f[i].key, f[i].number);
			continue;
		}
		add_text(&l->own, f[i].key, f[i].text, left);
		left -= f[i].text.n < left ? f[i].text.n : left;
	}
}

/* "bad_utf8" comes after "addr": found late, it sorts early. */
static void common(struct sp_json_object *o, const struct sp_line_head *h,
                   bool replaced)
{
	sp_json_add_flag(o, "bad_utf8", replaced);
	sp_json_add_text(o, "boot", sp_str(h->boot));
	sp_json_add_u64(o, "mono", h->at.mono_us);
	if (h->sb != NULL)
		add_u64(o, "pe", h->sb->epoch);
	sp_json_add_text(o, "prev", sp_str(h->prev));
	if (h->sb != NULL) {
		sp_json_add_u64(o, "px", h->sb->instance);
		sp_json_add_text(o, "sb", sp_str(h->sb->id));
		if (h->name && h->sb->name[0] != '\0')
			sp_json_add_text(o, "sbname", sp_str(h->sb->name));
		sp_json_add_u64(o, "sbseq", h->sb->sbseq);
	}
	sp_json_add_u64(o, "seq", h->seq);
	sp_json_add_u64(o, "t", h->at.wall_us);
	sp_json_add_text(o, "type", sp_str(sp_record_type_name(h->type)));
	sp_json_add_u64(o, "v", SP_LOG_VERSION);
}

void sp_line_put(struct sp_buf *b, const struct sp_line_head *h,
                 struct sp_line *l)
{
	struct sp_json_object all;

	all.n = 0;
	all.replaced = false;
	common(&all, h, l->own.replaced);
	/* The name is the only common text that comes from outside. */
	if (all.replaced && !l->own.replaced)
		sp_json_add_flag(&all, "bad_utf8", true);
	sp_json_put_merged(b, &all, &l->own);
}
