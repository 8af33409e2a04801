/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reader accepts has one canonical form: reading that form again
 * gives the same form, it is not longer than six times the text, and a string
 * that the writer puts is read back as it was.
 */
#include "core/alloc.h"
#include "json/read.h"
#include "json/utf8.h"
#include "json/write.h"

static void check_canon(struct sp_str in)
{
	static struct sp_json j;
	struct sp_buf once, twice;
	bool is_canon;

	if (sp_json_read(in, &j) < 0)
		return;
	is_canon = sp_json_is_canon(&j);
	sp_buf_init(&once, 6 * in.n + 16);
	sp_buf_init(&twice, 6 * in.n + 16);
	sp_json_canon(&j, &once);
	sp_assert(sp_buf_ok(&once));
	sp_assert(is_canon == sp_str_eq(sp_buf_str(&once), in));
	sp_assert(sp_json_read(sp_buf_str(&once), &j) == SP_OK);
	sp_assert(sp_json_is_canon(&j));
	sp_json_canon(&j, &twice);
	sp_assert(sp_str_eq(sp_buf_str(&once), sp_buf_str(&twice)));
	sp_buf_fini(&once);
	sp_buf_fini(&twice);
}

static void check_text(struct sp_str in)
{
	static struct sp_json j;
	struct sp_buf b, back;

	sp_buf_init(&b, 6 * in.n + 2);
	sp_buf_init(&back, 3 * in.n);
	sp_json_put_text(&b, in);
	sp_assert(sp_buf_ok(&b));
	sp_assert(sp_json_read(sp_buf_str(&b), &j) == SP_OK);
	sp_json_text(&j.tok[0], &back);
	sp_assert(sp_utf8_valid(sp_buf_str(&back)));
	if (sp_utf8_valid(in))
		sp_assert(sp_str_eq(sp_buf_str(&back), in));
	sp_buf_fini(&b);
	sp_buf_fini(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_str in = { data, size };

	check_canon(in);
	check_text(in);
	return 0;
}
