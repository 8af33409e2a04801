/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A valid log, altered as the input says: valid if and only if it is the same
 * bytes as before (the head is known). In one piece and in pieces the result
 * is the same. The input itself is a log, too, seldom a valid one.
 */
#include "audit/line.h"
#include "audit/hash.h"
#include "audit/verify.h"

#define LINES    24u
#define TEXT_MAX 32768u

struct sample {
	uint8_t text[TEXT_MAX];
	size_t n;
	char head[SP_LEAF_HEX + 1];
};

static void add(struct sample *s, struct sp_leaf *leaf, struct sp_buf *b,
                struct sp_line_head *h, struct sp_line *l)
{
	sp_buf_reset(b);
	h->prev = s->head;
	sp_line_put(b, h, l);
	memcpy(s->text + s->n, sp_buf_str(b).p, sp_buf_len(b));
	sp_leaf_hex(leaf, sp_buf_str(b), s->head);
	s->n += sp_buf_len(b);
	s->text[s->n++] = '\n';
	h->seq++;
	h->at.mono_us++;
}

static void make(struct sample *s)
{
	struct sp_log_sb sb = { .id = "fuzz", .name = "box" };
	struct sp_line_head h = { .boot = "boot", .at = { 1, 1 } };
	struct sp_leaf leaf;
	struct sp_line l;
	struct sp_buf b;

	sp_leaf_init(&leaf);
	sp_buf_init(&b, SP_LINE_MAX);
	memset(s->head, '0', SP_LEAF_HEX);
	s->head[SP_LEAF_HEX] = '\0';
	s->n = 0;
	h.type = SP_REC_LOG_OPEN;
	sp_line_event(&l, NULL, 0);
	add(s, &leaf, &b, &h, &l);
	h.sb = &sb;
	for (unsigned i = 0; i < LINES; i++, sb.sbseq++) {
		struct sp_rec_open o = { .verdict = SP_VERDICT_ALLOW };
		struct sp_rec_close c = { .down = i };

		o.path = sp_str("/\xff\n");
		h.type = i % 2 ? SP_REC_TX_CLOSE : SP_REC_TX_OPEN;
		h.name = i % 2 == 0;
		if (i % 2)
			sp_line_close(&l, sp_str("fuzz.0.1"), i, &c);
		else
			sp_line_open(&l, sp_str("fuzz.0.1"), &o);
		add(s, &leaf, &b, &h, &l);
	}
	sp_leaf_fini(&leaf);
	sp_buf_fini(&b);
}

static enum sp_rc judge(const struct sample *s, const char *head, size_t piece,
                        struct sp_verify_sum *ret)
{
	struct sp_verify_want want = { .head = head };
	struct sp_verify *v = sp_verify_new(&want);
	struct sp_str rest = { s->text, s->n };
	enum sp_rc rc;

	while (rest.n > 0)
		sp_verify_feed(
			v, sp_str_take(&rest, piece < rest.n ? piece : rest.n));
	rc = sp_verify_end(v);
	*ret = *sp_verify_sum(v);
	sp_verify_free(v);
	return rc;
}

/* Each four bytes of input are one change: where (two), how, with what. */
static void alter(struct sample *s, struct sp_str in)
{
	for (; in.n >= 4 && s->n > 0; sp_str_take(&in, 4)) {
		size_t at = ((size_t)in.p[0] << 8 | in.p[1]) % s->n;
		size_t n = in.p[3] % (s->n - at) + 1;

		if (in.p[2] % 4 == 0) {
			s->text[at] = in.p[3];
		} else if (in.p[2] % 4 == 1) { /* remove */
			memmove(s->text + at, s->text + at + n, s->n - at - n);
			s->n -= n;
		} else if (in.p[2] % 4 == 2) { /* flip */
			s->text[at] ^= (uint8_t)(1u << in.p[3] % 8);
		} else if (s->n + n <= TEXT_MAX) { /* double */
			memmove(s->text + at + n, s->text + at, s->n - at);
			s->n += n;
		}
	}
}

static void check_pieces(const struct sample *s, size_t piece)
{
	struct sp_verify_sum whole, parts;

	sp_assert(judge(s, NULL, s->n + 1, &whole) ==
	          judge(s, NULL, piece, &parts));
	sp_assert(whole.faults == parts.faults);
	sp_assert(memcmp(&whole, &parts, sizeof(whole)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sample good, s;
	struct sp_verify_sum sum;
	bool same;

	if (good.n == 0)
		make(&good);
	s = good;
	alter(&s, (struct sp_str){ data, size });
	same = s.n == good.n && memcmp(s.text, good.text, s.n) == 0;
	sp_assert((judge(&s, good.head, s.n + 1, &sum) == SP_OK) == same);
	check_pieces(&s, size > 0 ? 1u + data[0] * 8u : 1);
	s.n = size < TEXT_MAX ? size : TEXT_MAX;
	if (s.n > 0)
		memcpy(s.text, data, s.n);
	check_pieces(&s, 7);
	return 0;
}
