/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include "audit/hash.h"
#include "audit/schema.h"
#include "core/alloc.h"
#include "core/buf.h"

struct sp_verify {
	struct sp_verify_want want;
	char want_head[SP_LEAF_HEX + 1];
	struct sp_verify_sum sum;
	uint64_t line, offset; /* of the line being looked at */
	struct sp_buf carry;   /* a line whose end has not come yet */
	uint64_t carried;      /* bytes of that line so far */
	bool skipping;         /* a line too long to keep */
	bool undecided;
	bool begun;      /* some record was accepted as a predecessor */
	bool recovering; /* between log.recover and log.open */
	enum sp_record_type last_type;
	uint64_t next_seq, mono;
	char prev[SP_LEAF_HEX + 1];
	char boot[65];
	struct sp_leaf leaf;
	struct sp_ids opens, boxes;
	struct sp_json json;
};

const char *sp_fault_code(enum sp_fault f)
{
	static const char *const codes[] = {
#define X(id, code, text) [SP_FAULT_##id] = (code),
		SP_FAULT_LIST(X)
#undef X
	};

	return codes[f];
}

const char *sp_fault_text(enum sp_fault f)
{
	static const char *const texts[] = {
#define X(id, code, text) [SP_FAULT_##id] = (text),
		SP_FAULT_LIST(X)
#undef X
	};

	return texts[f];
}

struct sp_verify *sp_verify_new(const struct sp_verify_want *want)
{
	struct sp_verify *v = SP_NEW(struct sp_verify);

	v->want = *want;
	if (want->head != NULL) {
		snprintf(v->want_head, sizeof(v->want_head), "%s", want->head);
		v->want.head = v->want_head;
	}
	v->line = want->line > 0 ? want->line : 1;
	v->offset = want->offset;
	memset(v->prev, '0', SP_LEAF_HEX);
	sp_leaf_init(&v->leaf);
	sp_buf_init(&v->carry, SP_LINE_MAX);
	sp_ids_init(&v->opens);
	sp_ids_init(&v->boxes);
	return v;
}

void sp_verify_free(struct sp_verify *v)
{
	if (v == NULL)
		return;
	sp_leaf_fini(&v->leaf);
	sp_buf_fini(&v->carry);
	sp_ids_fini(&v->opens);
	sp_ids_fini(&v->boxes);
	sp_free(v);
}

static void fault(struct sp_verify *v, enum sp_fault f, struct sp_str detail)
{
	struct sp_verify_sum *s = &v->sum;
	struct sp_fault_at *at;

	s->faults++;
	if (s->n == SP_FAULTS_MAX)
		return;
	at = &s->at[s->n++];
	*at = (struct sp_fault_at){ .fault = f,
		                    .line = v->line,
		                    .offset = v->offset };
	if (detail.n > sizeof(at->detail) - 1)
		detail.n = sizeof(at->detail) - 1;
	if (detail.n > 0)
		memcpy(at->detail, detail.p, detail.n);
}

static void fault_at(struct sp_verify *v, enum sp_fault f)
{
	fault(v, f, (struct sp_str){ 0 });
}

static uint64_t num(const struct sp_record *r, enum sp_field f)
{
	return r->f[f] == NULL ? 0 : (uint64_t)r->f[f]->num;
}

/* Ids and words have no escapes: the schema or sp_tx_id_parse() saw to it. */
static struct sp_str raw(const struct sp_record *r, enum sp_field f)
{
	const struct sp_str none = { 0 };

	return r->f[f] == NULL ? none : r->f[f]->raw;
}

/*
 * After a fault the record as found is the predecessor of the next, so that
 * one alteration is reported once and not for each line that follows.
 */
static void check_chain(struct sp_verify *v, const struct sp_record *r)
{
	bool known = v->begun || !v->want.tail;

	if (known && num(r, SP_F_SEQ) != v->next_seq)
		fault(v, SP_FAULT_SEQ, sp_str("seq"));
	if (known && !sp_str_is(raw(r, SP_F_PREV), v->prev))
		fault(v, SP_FAULT_CHAIN, sp_str("prev"));
	v->next_seq = num(r, SP_F_SEQ) + 1;
}

static void check_clock(struct sp_verify *v, const struct sp_record *r)
{
	struct sp_str boot = raw(r, SP_F_BOOT);

	if (sp_str_is(boot, v->boot) && num(r, SP_F_MONO) < v->mono)
		fault(v, SP_FAULT_CLOCK, sp_str("mono"));
	if (boot.n < sizeof(v->boot)) {
		memcpy(v->boot, boot.p, boot.n);
		v->boot[boot.n] = '\0';
	}
	v->mono = num(r, SP_F_MONO);
}

static void check_sandbox(struct sp_verify *v, const struct sp_record *r)
{
	struct sp_str sb = raw(r, SP_F_SB);
	uint64_t sbseq = num(r, SP_F_SBSEQ), *next;

	if (sb.n == 0)
		return;
	if (!sp_sb_id_valid(sb)) {
		fault(v, SP_FAULT_INVALID, sp_str("sb"));
		return;
	}
	if (r->f[SP_F_SBSEQ] == NULL) {
		fault(v, SP_FAULT_MISSING, sp_str("sbseq"));
		return;
	}
	next = sp_ids_find(&v->boxes, sb);
	if (next != NULL) {
		if (sbseq != *next)
			fault(v, SP_FAULT_SBSEQ, sb);
		*next = sbseq + 1;
		return;
	}
	/* A sandbox does not outlive its keeper: it begins in this run. */
	if (sbseq != 0)
		fault(v, SP_FAULT_SBSEQ, sb);
	if (sp_ids_add(&v->boxes, sb, sbseq + 1) < 0)
		v->undecided = true;
}

/*
 * A run begins with log.open, which may follow log.close, or log.recover and
 * the closes that it makes up for. Both ends of a run find nothing open.
 */
static void check_run(struct sp_verify *v, const struct sp_record *r)
{
	bool opens_log = r->type == SP_REC_LOG_OPEN,
	     recovers = r->type == SP_REC_LOG_RECOVER,
	     closes = r->type == SP_REC_LOG_CLOSE,
	     between = !v->begun || v->last_type == SP_REC_LOG_CLOSE;

	if (between ? !opens_log && !recovers : opens_log && !v->recovering)
		fault_at(v, SP_FAULT_RUN);
	if (v->recovering && !opens_log && !recovers &&
	    r->type != SP_REC_TX_CLOSE)
		fault_at(v, SP_FAULT_RUN);
	if ((opens_log || closes) && v->opens.n > 0)
		fault_at(v, SP_FAULT_NO_CLOSE);
	v->recovering = recovers || (v->recovering && !opens_log);
}

static bool id_agrees(const struct sp_record *r, struct sp_tx_id *ret)
{
	return sp_tx_id_parse(raw(r, SP_F_ID), ret) &&
	       sp_str_eq(ret->sb, raw(r, SP_F_SB));
}

static void check_open(struct sp_verify *v, const struct sp_record *r)
{
	bool is_final = r->f[SP_F_FINAL] != NULL,
	     is_dns = r->type == SP_REC_DNS,
	     denied = sp_str_is(raw(r, SP_F_VERDICT), "deny");
	struct sp_tx_id id;
	enum sp_rc rc;

	v->sum.transactions++;
	v->sum.denied += denied;
	if (!id_agrees(r, &id) || id.instance != num(r, SP_F_PX)) {
		fault(v, SP_FAULT_INVALID, sp_str("id"));
		return;
	}
	if (is_dns != sp_str_is(raw(r, SP_F_PROTO), "dns"))
		fault(v, SP_FAULT_INVALID, sp_str("proto"));
	if (is_final && !denied && !is_dns)
		fault(v, SP_FAULT_INVALID, sp_str("final"));
	if (is_final) {
		if (sp_ids_find(&v->opens, raw(r, SP_F_ID)) != NULL)
			fault(v, SP_FAULT_OPEN_TWICE, raw(r, SP_F_ID));
		return;
	}
	rc = sp_ids_add(&v->opens, raw(r, SP_F_ID), num(r, SP_F_SEQ));
	if (rc == SP_E_STATE)
		fault(v, SP_FAULT_OPEN_TWICE, raw(r, SP_F_ID));
	else if (rc < 0)
		v->undecided = true;
}

static void check_close(struct sp_verify *v, const struct sp_record *r)
{
	struct sp_tx_id id;
	uint64_t seq;

	if (!id_agrees(r, &id))
		fault(v, SP_FAULT_INVALID, sp_str("id"));
	else if (!sp_ids_take(&v->opens, raw(r, SP_F_ID), &seq) ||
	         seq != num(r, SP_F_OPEN))
		fault(v, SP_FAULT_NO_OPEN, raw(r, SP_F_ID));
}

static void count(struct sp_verify *v, const struct sp_record *r)
{
	struct sp_verify_sum *s = &v->sum;

	s->by_type[r->type]++;
	if (s->first_t == 0)
		s->first_t = num(r, SP_F_T);
	s->last_t = num(r, SP_F_T);
	s->last_seq = num(r, SP_F_SEQ);
}

static void check_record(struct sp_verify *v, const struct sp_record *r)
{
	check_chain(v, r);
	check_clock(v, r);
	check_sandbox(v, r);
	check_run(v, r);
	if (num(r, SP_F_V) != SP_LOG_VERSION)
		fault(v, SP_FAULT_INVALID, sp_str("v"));
	if (r->type == SP_REC_TX_OPEN || r->type == SP_REC_DNS)
		check_open(v, r);
	else if (r->type == SP_REC_TX_CLOSE)
		check_close(v, r);
	count(v, r);
	v->last_type = r->type;
	v->begun = true;
}

static void check_text(struct sp_verify *v, struct sp_str line)
{
	struct sp_str key = { 0 };
	struct sp_record rec;
	enum sp_fault f;

	if (sp_json_read(line, &v->json) < 0 ||
	    v->json.tok[0].type != SP_JSON_OBJECT)
		fault_at(v, SP_FAULT_JSON);
	else if (!sp_json_is_canon(&v->json))
		fault_at(v, SP_FAULT_CANON);
	else if (!sp_record_bind(&v->json, &rec, &f, &key))
		fault(v, f, key);
	else {
		check_record(v, &rec);
		return;
	}
	/* What cannot be read still has its place in the chain. */
	v->next_seq++;
	v->begun = true;
	v->last_type = SP_REC_TX_CLOSE;
}

static void check_line(struct sp_verify *v, struct sp_str line)
{
	v->sum.records++;
	check_text(v, line);
	sp_leaf_hex(&v->leaf, line, v->prev);
	if (v->want.head != NULL && strcmp(v->prev, v->want.head) == 0)
		v->sum.anchored = true;
}

/* One line, or as much of it as this chunk has; true when it is complete. */
static bool collect(struct sp_verify *v, struct sp_str *chunk,
                    struct sp_str *ret)
{
	const uint8_t *end = memchr(chunk->p, '\n', chunk->n);
	struct sp_str part = *chunk;
	size_t held = sp_buf_len(&v->carry);

	if (end != NULL)
		part = sp_str_take(chunk, (size_t)(end - chunk->p));
	else
		sp_str_take(chunk, chunk->n);
	if (v->skipping || part.n > SP_LINE_MAX - held)
		v->skipping = true;
	else if (held > 0 || end == NULL)
		sp_buf_add(&v->carry, part);
	*ret = held > 0 ? sp_buf_str(&v->carry) : part;
	return end != NULL;
}

void sp_verify_feed(struct sp_verify *v, struct sp_str chunk)
{
	uint64_t length = 0;

	while (chunk.n > 0) {
		const uint8_t *start = chunk.p;
		struct sp_str line;
		bool whole = collect(v, &chunk, &line);

		length = (uint64_t)(chunk.p - start);
		if (!whole) {
			v->carried += length;
			return;
		}
		sp_str_take(&chunk, 1);
		if (v->skipping)
			fault_at(v, SP_FAULT_LONG);
		else
			check_line(v, line);
		v->skipping = false;
		v->offset += v->carried + length + 1;
		v->carried = 0;
		v->line++;
		sp_buf_reset(&v->carry);
	}
}

bool sp_verify_midline(const struct sp_verify *v)
{
	return v->carried > 0;
}

enum sp_rc sp_verify_end(struct sp_verify *v)
{
	struct sp_verify_sum *s = &v->sum;

	memcpy(s->head, v->prev, sizeof(s->head));
	s->closed = v->begun && v->last_type == SP_REC_LOG_CLOSE;
	if (v->carried > 0)
		fault_at(v, SP_FAULT_INCOMPLETE);
	if (s->records == 0 && v->carried == 0)
		fault_at(v, SP_FAULT_EMPTY);
	if (v->want.head != NULL && !s->anchored)
		fault_at(v, SP_FAULT_HEAD);
	if (v->want.min_seq > 0 && v->next_seq <= v->want.min_seq)
		fault_at(v, SP_FAULT_MIN_SEQ);
	if (v->undecided)
		return SP_E_LIMIT;
	return s->faults > 0 ? SP_E_PROTO : SP_OK;
}

const struct sp_verify_sum *sp_verify_sum(const struct sp_verify *v)
{
	return &v->sum;
}

const struct sp_ids *sp_verify_opens(const struct sp_verify *v)
{
	return &v->opens;
}

const struct sp_ids *sp_verify_sandboxes(const struct sp_verify *v)
{
	return &v->boxes;
}

uint64_t sp_verify_mono(const struct sp_verify *v, const char *boot)
{
	return strcmp(v->boot, boot) == 0 ? v->mono : 0;
}
