/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/bpf.h"

#define UNPLACED 0xfffeu

void sp_bpf_init(struct sp_bpf *b)
{
	memset(b, 0, sizeof(*b));
}

uint16_t sp_bpf_label(struct sp_bpf *b)
{
	if (b->labels == SP_BPF_LABELS) {
		b->bad = true;
		return 0;
	}
	b->place[b->labels] = UNPLACED;
	return b->labels++;
}

void sp_bpf_here(struct sp_bpf *b, uint16_t label)
{
	if (label >= b->labels || b->place[label] != UNPLACED) {
		b->bad = true;
		return;
	}
	b->place[label] = b->n;
}

static void add(struct sp_bpf *b, uint16_t code, uint32_t k, uint16_t when_true,
                uint16_t when_false)
{
	if (b->n == SP_BPF_MAX) {
		b->bad = true;
		return;
	}
	b->ins[b->n] = (struct sock_filter){ .code = code, .k = k };
	b->when_true[b->n] = when_true;
	b->when_false[b->n] = when_false;
	b->n++;
}

void sp_bpf_load(struct sp_bpf *b, uint32_t offset)
{
	add(b, BPF_LD | BPF_W | BPF_ABS, offset, SP_BPF_NEXT, SP_BPF_NEXT);
}

void sp_bpf_and(struct sp_bpf *b, uint32_t mask)
{
	add(b, BPF_ALU | BPF_AND | BPF_K, mask, SP_BPF_NEXT, SP_BPF_NEXT);
}

void sp_bpf_jump(struct sp_bpf *b, uint16_t op, uint32_t k, uint16_t when_true,
                 uint16_t when_false)
{
	add(b, (uint16_t)(BPF_JMP | op | BPF_K), k, when_true, when_false);
}

void sp_bpf_ret(struct sp_bpf *b, uint32_t value)
{
	add(b, BPF_RET | BPF_K, value, SP_BPF_NEXT, SP_BPF_NEXT);
}

/* Distance from the instruction behind `at`. */
static enum sp_rc resolve(const struct sp_bpf *b, uint16_t at, uint16_t label,
                          uint8_t *ret)
{
	uint16_t place;

	*ret = 0;
	if (label == SP_BPF_NEXT)
		return SP_OK;
	if (label >= b->labels)
		return SP_E_LIMIT;
	place = b->place[label];
	if (place >= b->n || place <= at || place - at - 1 > UINT8_MAX)
		return SP_E_LIMIT;
	*ret = (uint8_t)(place - at - 1);
	return SP_OK;
}

enum sp_rc sp_bpf_link(struct sp_bpf *b)
{
	if (b->bad || b->n == 0 || BPF_CLASS(b->ins[b->n - 1].code) != BPF_RET)
		return SP_E_LIMIT;
	for (uint16_t i = 0; i < b->n; i++) {
		SP_TRY(resolve(b, i, b->when_true[i], &b->ins[i].jt));
		SP_TRY(resolve(b, i, b->when_false[i], &b->ins[i].jf));
	}
	return SP_OK;
}
