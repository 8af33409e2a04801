/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "role/keeper_connect.h"
#include "role/place.h"

static const char *const variables[] = {
	"SALLYPORT_SOCKET", "SALLYPORT_STATE", "SALLYPORT_IDLE_MS",
	"XDG_RUNTIME_DIR",  "XDG_STATE_HOME",  "HOME",
};

static void clear(void)
{
	for (size_t i = 0; i < SP_COUNT(variables); i++)
		unsetenv(variables[i]);
}

static void test_overrides(void **state)
{
	struct sp_keeper_place at;
	struct sp_err err;

	(void)state;
	clear();
	setenv("SALLYPORT_SOCKET", "/x/k.sock", 1);
	setenv("SALLYPORT_STATE", "/y", 1);
	assert_int_equal(sp_keeper_place(&at, &err), SP_OK);
	assert_string_equal(at.socket, "/x/k.sock");
	assert_string_equal(at.state, "/y");
	assert_int_equal(at.idle_ms, SP_KEEPER_IDLE_MS);
	setenv("SALLYPORT_IDLE_MS", "250", 1);
	assert_int_equal(sp_keeper_place(&at, &err), SP_OK);
	assert_int_equal(at.idle_ms, 250);
	setenv("SALLYPORT_IDLE_MS", "5s", 1);
	assert_int_equal(sp_keeper_place(&at, &err), SP_E_PROTO);
	setenv("SALLYPORT_IDLE_MS", "86400001", 1);
	assert_int_equal(sp_keeper_place(&at, &err), SP_E_PROTO);
}

/* As long as sun_path can hold with its NUL, and one more. */
static void test_socket_length(void **state)
{
	struct sp_keeper_place at;
	char path[sizeof(at.socket) + 1];
	struct sp_err err;

	(void)state;
	clear();
	setenv("SALLYPORT_STATE", "/y", 1);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("SALLYPORT_SOCKET", path, 1);
	assert_int_equal(sp_keeper_place(&at, &err), SP_E_LIMIT);
	path[sizeof(path) - 2] = '\0';
	setenv("SALLYPORT_SOCKET", path, 1);
	assert_int_equal(sp_keeper_place(&at, &err), SP_OK);
}

static void test_folder_must_be_ours_alone(void **state)
{
	char base[] = "/tmp/sallyport-test-XXXXXX", dir[64], sock[80], to[80];
	struct sp_err err;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/a/b", base);
	snprintf(sock, sizeof(sock), "%s/k.sock", dir);
	assert_int_equal(sp_place_check(sock, false, &err), SP_OK);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(sp_place_check(sock, true, &err), SP_OK);
	assert_int_equal(access(dir, F_OK), 0);
	assert_int_equal(chmod(dir, 0750), 0);
	assert_int_equal(sp_place_check(sock, true, &err), SP_E_DENIED);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(sp_place_check(sock, true, &err), SP_OK);

	/* A link would let somebody else choose the folder. */
	snprintf(to, sizeof(to), "%s/link", base);
	assert_int_equal(symlink(dir, to), 0);
	snprintf(sock, sizeof(sock), "%s/link/k.sock", base);
	assert_int_equal(sp_place_check(sock, true, &err), SP_E_DENIED);
	assert_int_equal(unlink(to), 0);

	assert_int_equal(sp_place_check("/k.sock", true, &err), SP_E_STATE);
	assert_int_equal(sp_place_check("/tmp/k.sock", true, &err),
	                 SP_E_DENIED);
	assert_int_equal(rmdir(dir), 0);
	snprintf(dir, sizeof(dir), "%s/a", base);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rmdir(base), 0);
}

static void test_lock_is_exclusive(void **state)
{
	char base[] = "/tmp/sallyport-test-XXXXXX", sock[64], path[80];
	struct sp_err err;
	int a = -1, b = -1;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(sock, sizeof(sock), "%s/k.sock", base);
	assert_int_equal(sp_place_lock(sock, "start", true, &a, &err), SP_OK);
	assert_int_equal(sp_place_lock(sock, "keeper", false, &b, &err), SP_OK);
	close(b);
	assert_int_equal(sp_place_lock(sock, "start", false, &b, &err),
	                 SP_E_AGAIN);
	close(a);
	assert_int_equal(sp_place_lock(sock, "start", false, &b, &err), SP_OK);
	close(b);
	snprintf(path, sizeof(path), "%s/start.lock", base);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/keeper.lock", base);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(base), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_socket_length),
		cmocka_unit_test(test_folder_must_be_ours_alone),
		cmocka_unit_test(test_lock_is_exclusive),
	};

	return cmocka_run_group_tests_name("role/place", tests, NULL, NULL);
}
