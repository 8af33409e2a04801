/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/fd.h"

#define VERSION_FLAG      1
#define RULE_PATH_BENEATH 1

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

#define FS_EXECUTE    (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE  (UINT64_C(1) << 2)
#define FS_READ_DIR   (UINT64_C(1) << 3)
#define FS_TRUNCATE   (UINT64_C(1) << 14)
#define FS_IOCTL_DEV  (UINT64_C(1) << 15)
/* What can be granted on something that is not a directory. */
#define FS_FILE                                                                \
	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)

/* From which ABI on the kernel knows what. */
static const struct {
	int abi;
	uint64_t rights;
	uint64_t scopes;
	size_t size;
} steps[] = {
	/* 13 rights of the first version */
	{ 1, (UINT64_C(1) << 13) - 1, 0, 8 },
	{ 2, UINT64_C(1) << 13, 0, 8 }, /* REFER */
	{ 3, FS_TRUNCATE, 0, 8 },
	{ 4, 0, 0, 16 }, /* network rules, not used here */
	{ 5, FS_IOCTL_DEV, 0, 16 },
	{ 6, 0, 3, 24 }, /* abstract sockets, signals */
};

struct sp_landlock_form sp_landlock_form(int abi)
{
	struct sp_landlock_form f = { 0 };

	for (size_t i = 0; i < SP_COUNT(steps); i++) {
		if (steps[i].abi > abi)
			break;
		f.rights |= steps[i].rights;
		f.scopes |= steps[i].scopes;
		f.size = steps[i].size;
	}
	return f;
}

/* #syscalls landlock_create_ruleset */
int sp_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);

	return abi > 0 ? (int)abi : 0;
}

/* #syscalls landlock_add_rule openat */
static enum sp_rc grant(int ruleset, const char *path, uint64_t rights,
                        struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_rule rule = { .rights = rights, .fd = fd };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? SP_OK : sp_err_sys(err, path);
	if (fstat(fd, &st) < 0)
		return sp_err_sys(err, path);
	/* Rights of directories on a file are EINVAL. */
	if (!S_ISDIR(st.st_mode))
		rule.rights &= FS_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule,
	            0) < 0) {
		sp_err_sys(err, path);
		sp_err_wrap(err, "landlock rule");
		return SP_E_SYS;
	}
	return SP_OK;
}

/* #syscalls landlock_restrict_self */
enum sp_rc sp_landlock_apply(const char *const *write, size_t n,
                             struct sp_err *err)
{
	struct sp_landlock_form f = sp_landlock_form(sp_landlock_abi());
	const struct ruleset r = { .fs = f.rights, .scoped = f.scopes };
	SP_CLEANUP(sp_fd_close) int fd = -1;

	if (f.size == 0)
		return SP_OK;
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, f.size, 0);
	if (fd < 0)
		return sp_err_sys(err, "landlock");
	SP_TRY(grant(fd, "/", FS_READ, err));
	for (size_t i = 0; i < n; i++)
		SP_TRY(grant(fd, write[i], f.rights, err));
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return sp_err_sys(err, "landlock");
	return SP_OK;
}
