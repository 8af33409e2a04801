/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/ids.h"

#include "core/alloc.h"

#define CAP_MIN 64u

/* FNV-1a. Chosen ids can collide; the keeper bounds how many one proxy has. */
static size_t slot_of(const struct sp_ids *t, struct sp_str id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ id.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32) & (t->cap - 1);
}

static bool is_free(const struct sp_id_row *row)
{
	return row->id[0] == '\0';
}

/* The row of the id, or the free row where it belongs. */
static size_t find(const struct sp_ids *t, struct sp_str id)
{
	size_t i = slot_of(t, id);

	while (!is_free(&t->row[i]) && !sp_str_is(id, t->row[i].id))
		i = (i + 1) & (t->cap - 1);
	return i;
}

void sp_ids_init(struct sp_ids *t)
{
	*t = (struct sp_ids){ .max = SP_IDS_MAX, .cap = CAP_MIN };
	t->row = sp_alloc(t->cap, sizeof(t->row[0]));
}

void sp_ids_fini(struct sp_ids *t)
{
	sp_free(t->row);
	*t = (struct sp_ids){ 0 };
}

void sp_ids_copy(struct sp_ids *t, const struct sp_ids *from)
{
	sp_ids_fini(t);
	*t = *from;
	t->row = sp_alloc(t->cap, sizeof(t->row[0]));
	memcpy(t->row, from->row, t->cap * sizeof(t->row[0]));
}

static void grow(struct sp_ids *t)
{
	struct sp_ids old = *t;

	t->cap *= 2;
	t->row = sp_alloc(t->cap, sizeof(t->row[0]));
	for (size_t i = 0; i < old.cap; i++)
		if (!is_free(&old.row[i]))
			t->row[find(t, sp_str(old.row[i].id))] = old.row[i];
	sp_free(old.row);
}

enum sp_rc sp_ids_add(struct sp_ids *t, struct sp_str id, uint64_t value)
{
	struct sp_id_row *row;

	sp_assert(id.n > 0 && id.n < SP_TX_ID_MAX);
	if (!is_free(&t->row[find(t, id)]))
		return SP_E_STATE;
	if (t->n == t->max)
		return SP_E_LIMIT;
	if (t->n >= t->cap / 2)
		grow(t);
	row = &t->row[find(t, id)];
	*row = (struct sp_id_row){ .value = value };
	memcpy(row->id, id.p, id.n);
	t->n++;
	return SP_OK;
}

uint64_t *sp_ids_find(const struct sp_ids *t, struct sp_str id)
{
	struct sp_id_row *row = &t->row[find(t, id)];

	return is_free(row) ? NULL : &row->value;
}

/*
 * Later rows of the same run move up into the gap, unless they would end up
 * before the slot where looking for them begins.
 */
static void close_gap(struct sp_ids *t, size_t gap)
{
	size_t mask = t->cap - 1;

	for (size_t i = (gap + 1) & mask; !is_free(&t->row[i]);
	     i = (i + 1) & mask) {
		size_t home = slot_of(t, sp_str(t->row[i].id));

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			t->row[gap] = t->row[i];
			gap = i;
		}
	}
	t->row[gap] = (struct sp_id_row){ 0 };
}

bool sp_ids_take(struct sp_ids *t, struct sp_str id, uint64_t *ret)
{
	size_t i = find(t, id);

	if (is_free(&t->row[i]))
		return false;
	*ret = t->row[i].value;
	close_gap(t, i);
	t->n--;
	return true;
}

static bool of_sandbox(const struct sp_id_row *row, struct sp_str sb)
{
	return !is_free(row) &&
	       (sb.n == 0 || (strncmp(row->id, (const char *)sb.p, sb.n) == 0 &&
	                      row->id[sb.n] == '.'));
}

static int by_value(const void *a, const void *b)
{
	const struct sp_id_row *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

struct sp_id_row *sp_ids_list(const struct sp_ids *t, struct sp_str sb,
                              size_t *ret_n)
{
	struct sp_id_row *list = NULL;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < t->cap; i++)
		n += of_sandbox(&t->row[i], sb);
	if (n > 0)
		list = sp_alloc(n, sizeof(list[0]));
	for (size_t i = 0; i < t->cap && at < n; i++)
		if (of_sandbox(&t->row[i], sb))
			list[at++] = t->row[i];
	if (n > 0)
		qsort(list, n, sizeof(list[0]), by_value);
	*ret_n = n;
	return list;
}

/* Decimal without leading zeros, up to the end of the span. */
static bool decimal(struct sp_str s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	*ret = v;
	return true;
}

static bool split_dot(struct sp_str s, struct sp_str *ret_head,
                      struct sp_str *ret_tail)
{
	const uint8_t *dot = s.n > 0 ? memrchr(s.p, '.', s.n) : NULL;

	if (dot == NULL)
		return false;
	*ret_head = (struct sp_str){ s.p, (size_t)(dot - s.p) };
	*ret_tail = (struct sp_str){ dot + 1, s.n - ret_head->n - 1 };
	return true;
}

bool sp_sb_id_valid(struct sp_str id)
{
	for (size_t i = 0; i < id.n; i++) {
		uint8_t c = sp_lower(id.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' &&
		    c != '_')
			return false;
	}
	return id.n > 0 && id.n <= SP_SB_ID_MAX;
}

bool sp_tx_id_parse(struct sp_str id, struct sp_tx_id *ret)
{
	struct sp_str head, counter, instance;

	return id.n < SP_TX_ID_MAX && split_dot(id, &head, &counter) &&
	       split_dot(head, &ret->sb, &instance) &&
	       sp_sb_id_valid(ret->sb) && decimal(instance, &ret->instance) &&
	       decimal(counter, &ret->counter);
}
