/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/schema.h"

#include "audit/hash.h"
#include "json/write.h"

static const struct field_row {
	const char *key;
	size_t key_n;
	enum sp_field_kind kind;
	uint64_t max;
	unsigned must, may;
} rows[] = {
#define X(id, key, kind, max, must, may)                                       \
	[SP_F_##id] = { (key), sizeof(key) - 1, SP_FIELD_##kind,               \
		        (max), (must),          (may) },
	SP_FIELD_LIST(X)
#undef X
};

static bool is_hash(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') &&
		    (s.p[i] < 'a' || s.p[i] > 'f'))
			return false;
	return s.n == SP_LEAF_HEX;
}

/* Words hold nothing that would be escaped, so raw is their text. */
static bool is_word(enum sp_field_kind kind, struct sp_str s)
{
	enum sp_record_type type;
	enum sp_outcome outcome;
	enum sp_verdict verdict;

	switch (kind) {
	case SP_FIELD_HASH:
		return is_hash(s);
	case SP_FIELD_TYPE:
		return sp_record_type_find(s, &type);
	case SP_FIELD_PROTO:
		return sp_rec_proto_find(s);
	case SP_FIELD_SCHEME:
		return sp_scheme_find(s);
	case SP_FIELD_VERDICT:
		return sp_verdict_find(s, &verdict);
	case SP_FIELD_OUTCOME:
		return sp_outcome_find(s, &outcome);
	case SP_FIELD_REASON:
		return sp_reason_find(s);
	case SP_FIELD_TEXT:
	case SP_FIELD_INT:
	case SP_FIELD_TRUE:
		return false;
	}
	return false;
}

/* An escape of six bytes stands for one; nothing gets longer resolved. */
static bool text_fits(const struct sp_json_tok *t, uint64_t max)
{
	return t->raw.n > 0 && t->raw.n <= (t->escaped ? 6 * max : max);
}

static bool is_valid(const struct field_row *row, const struct sp_json_tok *t)
{
	if (row->kind == SP_FIELD_INT)
		return t->type == SP_JSON_INT && t->num >= 0 &&
		       (uint64_t)t->num <= row->max;
	if (row->kind == SP_FIELD_TRUE)
		return t->type == SP_JSON_TRUE;
	if (t->type != SP_JSON_TEXT)
		return false;
	if (row->kind == SP_FIELD_TEXT)
		return text_fits(t, row->max);
	return is_word(row->kind, t->raw);
}

static unsigned kind_of(enum sp_record_type t)
{
	if (t == SP_REC_TX_OPEN || t == SP_REC_DNS)
		return SP_IN_OPEN;
	return t == SP_REC_TX_CLOSE ? SP_IN_CLOSE : SP_IN_EVENT;
}

/* Keys are ASCII in the table; a key with an escape is in no row. */
static int key_cmp(struct sp_str key, const struct field_row *row)
{
	size_t n = key.n < row->key_n ? key.n : row->key_n;
	int d = memcmp(key.p, row->key, n);

	return d != 0 ? d : (key.n > row->key_n) - (key.n < row->key_n);
}

/* A member of no row: fine in an event if it is plain. */
static bool is_extra(const struct sp_json_tok *value)
{
	return value->type == SP_JSON_TEXT || value->type == SP_JSON_INT;
}

struct binding {
	const struct sp_json *j;
	struct sp_record *rec;
	unsigned kind; /* SP_IN_... of the record */
	size_t row;    /* the first not passed yet: both lists are sorted */
	enum sp_fault fault;
	struct sp_str key;
};

static bool fail(struct binding *b, enum sp_fault f, struct sp_str key)
{
	b->fault = f;
	b->key = key;
	return false;
}

static bool bind_member(struct binding *b, uint16_t k)
{
	const struct sp_json_tok *key = &b->j->tok[k], *value = key + 1;
	int d = 1;

	while (b->row < SP_FIELDS && (d = key_cmp(key->raw, &rows[b->row])) > 0)
		b->row++;
	if (d != 0 || (rows[b->row].may & b->kind) == 0) {
		/* An event's own "reason" is its own affair. */
		return (b->kind == SP_IN_EVENT && is_extra(value)) ||
		       fail(b, SP_FAULT_UNKNOWN, key->raw);
	}
	if (!is_valid(&rows[b->row], value))
		return fail(b, SP_FAULT_INVALID, key->raw);
	b->rec->f[b->row] = value;
	return true;
}

static bool bind_all(struct binding *b)
{
	const struct sp_json_tok *type = sp_json_member(b->j, 0, "type");

	if (type == NULL)
		return fail(b, SP_FAULT_MISSING, sp_str("type"));
	if (type->type != SP_JSON_TEXT ||
	    !sp_record_type_find(type->raw, &b->rec->type))
		return fail(b, SP_FAULT_INVALID, sp_str("type"));
	b->kind = kind_of(b->rec->type);
	for (uint16_t k = 1; k < b->j->n; k = b->j->tok[k + 1].next)
		if (!bind_member(b, k))
			return false;
	for (size_t i = 0; i < SP_FIELDS; i++)
		if (b->rec->f[i] == NULL && (rows[i].must & b->kind) != 0)
			return fail(b, SP_FAULT_MISSING, sp_str(rows[i].key));
	return true;
}

bool sp_record_bind(const struct sp_json *j, struct sp_record *ret,
                    enum sp_fault *ret_fault, struct sp_str *ret_key)
{
	struct binding b = { .j = j, .rec = ret };

	*ret = (struct sp_record){ 0 };
	if (bind_all(&b))
		return true;
	*ret_fault = b.fault;
	*ret_key = b.key;
	return false;
}
