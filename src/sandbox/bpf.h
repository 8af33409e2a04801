/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/bpf.h - an assembler for classic BPF.
 *
 * Role        Jump offsets of classic BPF are one byte and count instructions:
 *             a filter counted by hand breaks with the next edit. Here jumps
 *             name labels, and sp_bpf_link() turns them into offsets.
 * Ownership   The struct holds everything.
 * Limits      SP_BPF_MAX instructions, SP_BPF_LABELS labels. Jumps go forward
 *             only and at most 255 instructions far.
 * Failure     Any excess poisons the program; sp_bpf_link() is the one check.
 */
#ifndef SP_SANDBOX_BPF_H
#define SP_SANDBOX_BPF_H

#include <linux/filter.h>

#include "core/base.h"

#define SP_BPF_MAX    512u
#define SP_BPF_LABELS 128u
#define SP_BPF_NEXT   0xffffu /* as a label: the following instruction */

struct sp_bpf {
	struct sock_filter ins[SP_BPF_MAX];
	uint16_t when_true[SP_BPF_MAX];  /* label, or SP_BPF_NEXT */
	uint16_t when_false[SP_BPF_MAX]; /* the same */
	uint16_t place[SP_BPF_LABELS];   /* instruction a label stands at */
	uint16_t n;
	uint16_t labels;
	bool bad;
};

void sp_bpf_init(struct sp_bpf *b);
/* A new label, not placed yet. */
uint16_t sp_bpf_label(struct sp_bpf *b);
/* The label stands at the next instruction. */
void sp_bpf_here(struct sp_bpf *b, uint16_t label);
/* Load the 32-bit word at this offset. */
void sp_bpf_load(struct sp_bpf *b, uint32_t offset);
void sp_bpf_and(struct sp_bpf *b, uint32_t mask);
/* op is BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET. */
void sp_bpf_jump(struct sp_bpf *b, uint16_t op, uint32_t k, uint16_t when_true,
                 uint16_t when_false);
void sp_bpf_ret(struct sp_bpf *b, uint32_t value);
/* Resolves the labels. SP_E_LIMIT when the program is not well formed. */
SP_MUST enum sp_rc sp_bpf_link(struct sp_bpf *b);

#endif
