/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the keeper accepts from a proxy is written again as the same bytes,
 * and becomes a canonical line that the schema knows and that fits.
 */
#include "audit/line.h"
#include "audit/schema.h"
#include "ipc/wire.h"

static const struct sp_log_sb box = { .id = "fuzz",
	                              .name = "box",
	                              .instance = 1 };

static void check_line(struct sp_line *l, enum sp_record_type type)
{
	const struct sp_line_head h = {
		.type = type,
		.seq = 7,
		.prev = "0000000000000000000000000000000000000000000000000000"
			"000000000000",
		.boot = "boot",
		.at = { 1, 2 },
		.sb = &box,
		.name = type != SP_REC_TX_CLOSE,
	};
	static struct sp_json j;
	struct sp_record rec;
	struct sp_str key;
	enum sp_fault f;
	struct sp_buf b;

	sp_buf_init(&b, SP_LINE_MAX);
	sp_line_put(&b, &h, l);
	sp_assert(sp_buf_ok(&b));
	sp_assert(sp_json_read(sp_buf_str(&b), &j) == SP_OK);
	sp_assert(sp_json_is_canon(&j));
	sp_assert(sp_record_bind(&j, &rec, &f, &key));
	sp_assert(rec.type == type);
	sp_buf_fini(&b);
}

static void check_open(struct sp_str in)
{
	uint8_t buf[4096];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_str rest = in;
	struct sp_rec_open r;
	struct sp_line line;

	if (sp_rec_open_get(&rest, &r) < 0)
		return;
	sp_rec_open_put(&w, &r);
	sp_assert(!w.bad && w.n == in.n - rest.n);
	sp_assert(memcmp(buf, in.p, w.n) == 0);
	sp_line_open(&line, sp_str("fuzz.1.1"), &r);
	check_line(&line,
	           r.proto == SP_PROTO_DNS ? SP_REC_DNS : SP_REC_TX_OPEN);
}

static void check_close(struct sp_str in)
{
	uint8_t buf[1024];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct sp_str rest = in;
	struct sp_rec_close r;
	struct sp_line line;

	if (sp_rec_close_get(&rest, &r) < 0)
		return;
	sp_rec_close_put(&w, &r);
	sp_assert(!w.bad && w.n == in.n - rest.n);
	sp_assert(memcmp(buf, in.p, w.n) == 0);
	sp_line_close(&line, sp_str("fuzz.1.1"), 3, &r);
	check_line(&line, SP_REC_TX_CLOSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_str in = { data, size };

	if (size == 0)
		return 0;
	sp_str_take(&in, 1);
	if (data[0] == 0)
		check_open(in);
	else
		check_close(in);
	return 0;
}
