/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "sandbox/hostinfo.h"

static const char mountinfo[] =
	"21 1 0:20 / /proc rw - proc proc rw\n"
	"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	"23 22 0:30 /x /mnt/with\\040blank rw - tmpfs t rw\n"
	"24 22 0:31 / /odd\\134\\11 rw - tmpfs t rw\n"
	"short line\n"
	"25 22 0:32 / /last rw"; /* no line feed */

static void test_mounts(void **state)
{
	static const char *const want[] = { "/proc", "/", "/mnt/with blank",
		                            "/odd\\\\11", "/last" };
	struct sp_words got = { 0 };

	(void)state;
	sp_mounts_read(sp_str(mountinfo), &got);
	assert_int_equal(got.n, SP_COUNT(want));
	for (size_t i = 0; i < got.n; i++)
		assert_string_equal(got.v[i], want[i]);
	sp_words_free(&got);
	sp_words_free(&got); /* twice is harmless */
}

static void test_mounts_limit(void **state)
{
	struct sp_words got = { 0 };
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, SP_MIB(1));
	for (size_t i = 0; i < SP_MOUNTS_MAX + 1; i++)
		sp_buf_text(&b, "1 1 0:1 / /a rw\n");
	sp_mounts_read(sp_buf_str(&b), &got);
	assert_int_equal(got.n, SP_MOUNTS_MAX);
	sp_words_free(&got);
	sp_buf_fini(&b);
}

static const char sockets[] =
	"Num       RefCount Protocol Flags    Type St Inode Path\n"
	"0000: 00000002 00000000 00010000 0001 01 11 /run/a.sock\n"
	"0000: 00000003 00000000 00000000 0001 03 12\n"
	"0000: 00000002 00000000 00010000 0001 01 13 @/run/abstract\n"
	"0000: 00000002 00000000 00010000 0001 01 14 /run/sub/b c\n"
	"0000: 00000002 00000000 00010000 0001 01 15 /running/x\n"
	"0000: 00000002 00000000 00010000 0001 01 16 relative/run/x\n"
	"0000: 00000002 00000000 00010000 0001 01 17 /run";

static enum sp_rc note(void *ctx, const char *path, struct sp_err *err)
{
	struct sp_buf *b = ctx;

	(void)err;
	sp_buf_text(b, path);
	sp_buf_byte(b, '|');
	return strcmp(path, "/run/sub/stop") == 0 ? SP_E_STATE : SP_OK;
}

static void test_sockets(void **state)
{
	struct sp_err err;
	struct sp_buf b;

	(void)state;
	sp_buf_init(&b, 4096);
	assert_int_equal(
		sp_sockets_below(sp_str(sockets), "/run", note, &b, &err),
		SP_OK);
	/* Too many are harmless, too few are not: names that only look like
	 * paths are asked about as well. */
	assert_true(sp_str_is(sp_buf_str(&b),
	                      "/run/a.sock|/run/abstract|/run/sub/b c|"
	                      "/run/x|"));
	assert_int_equal(sp_sockets_below(sp_str("x /run/sub/stop\ny /run/z"),
	                                  "/run", note, &b, &err),
	                 SP_E_STATE);
	sp_buf_fini(&b);
}

static void test_sockets_pick(void **state)
{
	static const char all[] = "Num Path\n1 /run/a\n2\n\n3 @x/y\n4 /z\n";
	const size_t n = sizeof(all) - 1;
	struct sp_buf in, out;

	(void)state;
	sp_buf_init(&in, 256);
	sp_buf_init(&out, 256);
	for (size_t cut = 0; cut <= n; cut++) {
		sp_buf_add(&in, (struct sp_str){ (const uint8_t *)all, cut });
		sp_sockets_pick(&in, &out);
		sp_buf_add(&in, (struct sp_str){ (const uint8_t *)all + cut,
		                                 n - cut });
		sp_sockets_pick(&in, &out);
		assert_true(sp_str_is(sp_buf_str(&out),
		                      "1 /run/a\n3 @x/y\n4 /z\n"));
		assert_int_equal(sp_buf_len(&in), 0);
		sp_buf_reset(&out);
	}
	sp_buf_text(&in, "5 /be");
	sp_sockets_pick(&in, &out);
	assert_int_equal(sp_buf_len(&out), 0);
	assert_true(sp_str_is(sp_buf_str(&in), "5 /be"));
	sp_buf_fini(&in);
	sp_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mounts_limit),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_sockets_pick),
	};

	return cmocka_run_group_tests_name("sandbox/hostinfo", tests, NULL,
	                                   NULL);
}
