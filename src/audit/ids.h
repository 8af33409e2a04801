/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/ids.h - a table from short ids to a number.
 *
 * Role        Transactions that are open (id to the seq of the opening
 *             record): the log names it in each close, the verifier pairs by
 *             it, recovery takes it over. Sandboxes (id to the next sbseq).
 * Ownership   sp_ids_init() and sp_ids_fini() in place. Pointers into it die
 *             with the next add or take.
 * Limits      SP_IDS_MAX rows; an id is at most SP_TX_ID_MAX - 1 bytes.
 */
#ifndef SP_AUDIT_IDS_H
#define SP_AUDIT_IDS_H

#include "core/base.h"

/* sandbox "." proxy instance "." counter of the proxy */
#define SP_TX_ID_MAX 56u
#define SP_SB_ID_MAX 23u
#define SP_IDS_MAX   (1u << 20)

struct sp_id_row {
	uint64_t value;
	char id[SP_TX_ID_MAX]; /* empty: a free row */
};

struct sp_ids {
	struct sp_id_row *row; /* open addressing, cap is a power of two */
	size_t n, cap;
	size_t max; /* SP_IDS_MAX; smaller in tests */
};

void sp_ids_init(struct sp_ids *t);
void sp_ids_fini(struct sp_ids *t);
/* *t was initialized; what it held is gone. */
void sp_ids_copy(struct sp_ids *t, const struct sp_ids *from);
/* SP_E_STATE: the id is there already. SP_E_LIMIT: too many. */
SP_MUST enum sp_rc sp_ids_add(struct sp_ids *t, struct sp_str id,
                              uint64_t value);
/* The value of an id, or NULL. */
uint64_t *sp_ids_find(const struct sp_ids *t, struct sp_str id);
/* Removes the row; false when there is none. */
bool sp_ids_take(struct sp_ids *t, struct sp_str id, uint64_t *ret);
/*
 * Rows whose sandbox is sb (all, if sb is empty) in order of value: an array of
 * *ret_n copies that the caller frees with sp_free(), NULL when there is none.
 */
struct sp_id_row *sp_ids_list(const struct sp_ids *t, struct sp_str sb,
                              size_t *ret_n);

/* Letters, digits, '-' and '_'; at most SP_SB_ID_MAX of them, at least one. */
bool sp_sb_id_valid(struct sp_str id);

/* The parts of an id; false when it has not the form above. */
struct sp_tx_id {
	struct sp_str sb;
	uint64_t instance, counter;
};
bool sp_tx_id_parse(struct sp_str id, struct sp_tx_id *ret);

#endif
