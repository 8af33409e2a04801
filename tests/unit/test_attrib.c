/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real connection over loopback: the network namespace of this test stands
 * in for that of a sandbox.
 */
#include "test.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "role/attrib.h"

struct link {
	int listener, client;
	struct sp_attrib_end here, there; /* as the client sees them */
};

static struct sp_attrib_end end_of(const struct sockaddr_in *in)
{
	struct sp_attrib_end e = { .addr.family = 4,
		                   .port = ntohs(in->sin_port) };

	memcpy(e.addr.b, &in->sin_addr, 4);
	return e;
}

static struct link connect_loopback(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	struct link l;

	l.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l.listener, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(l.listener, 1), 0);
	assert_int_equal(getsockname(l.listener, (struct sockaddr *)&a, &n), 0);
	l.there = end_of(&a);
	l.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(l.client, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(l.client, (struct sockaddr *)&a, &n), 0);
	l.here = end_of(&a);
	return l;
}

static uint32_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

static int open_diag(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
	                NETLINK_SOCK_DIAG);

	assert_true(fd >= 0);
	return fd;
}

static void test_inode(void **state)
{
	struct link l = connect_loopback();
	int diag = open_diag();
	struct sp_attrib_end other = l.there;
	uint32_t inode = 0;

	(void)state;
	assert_int_equal(sp_attrib_inode(diag, &l.here, &l.there, &inode),
	                 SP_OK);
	assert_int_equal(inode, inode_of(l.client));
	other.port = (uint16_t)(other.port ^ 1);
	assert_int_equal(sp_attrib_inode(diag, &l.here, &other, &inode),
	                 SP_E_STATE);
	other.addr.family = 6;
	assert_int_equal(sp_attrib_inode(diag, &l.here, &other, &inode),
	                 SP_E_STATE);
	other.addr.family = 0;
	assert_int_equal(sp_attrib_inode(diag, &other, &other, &inode),
	                 SP_E_STATE);
	/* An error of before must not pass for the next answer. */
	assert_int_equal(sp_attrib_inode(diag, &l.here, &l.there, &inode),
	                 SP_OK);
	close(l.client);
	assert_int_equal(sp_attrib_inode(-1, &l.here, &l.there, &inode),
	                 SP_E_STATE);
	close(l.listener);
	close(diag);
}

static void test_process(void **state)
{
	struct link l = connect_loopback();
	struct sp_attrib_proc p;
	int gate[2], ready[2];
	uint32_t inode = inode_of(l.client);
	char c;
	pid_t child;

	(void)state;
	sp_attrib_find(getpid(), 0, inode, &p);
	assert_int_equal(p.pid, getpid());

	/* A grandchild holds it, nobody else. */
	assert_int_equal(pipe(gate), 0);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pid_t inner;

		close(gate[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		inner = fork();
		if (inner == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			prctl(PR_SET_NAME, "agent-tool");
			(void)!write(ready[1], "x", 1);
			(void)!read(gate[0], &c, 1);
			_exit(0);
		}
		close(l.client);
		waitpid(inner, NULL, 0);
		_exit(0);
	}
	close(l.client);
	assert_int_equal(read(ready[0], &c, 1), 1);
	for (unsigned i = 0; i < 1000 && p.pid != 0; i++) {
		/* The middle one may not have closed its copy yet. */
		sp_attrib_find(getpid(), 0, inode, &p);
		if (strcmp(p.comm, "agent-tool") == 0)
			break;
	}
	assert_string_equal(p.comm, "agent-tool");
	assert_true(p.pid != child && p.pid != getpid());
	{
		pid_t inner = p.pid;

		sp_attrib_find(1 << 22, inner, inode, &p);
		assert_int_equal(p.pid, inner); /* by the hint alone */
		sp_attrib_find(getpid(), getpid(), inode, &p);
		assert_int_equal(p.pid, inner); /* a wrong hint costs nothing */
	}
	sp_attrib_find(getpid(), 0, 1, &p);
	assert_int_equal(p.pid, 0);
	close(gate[1]);
	close(gate[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	sp_attrib_find(getpid(), child, inode, &p);
	assert_int_equal(p.pid, 0);
	close(ready[0]);
	close(ready[1]);
	close(l.listener);
}

static void test_table(void **state)
{
	struct sp_attrib_table t = { 0 };
	struct sp_attrib_proc p = { .pid = 7, .comm = "curl" }, none = { 0 };

	(void)state;
	assert_null(sp_attrib_get(&t, 1));
	sp_attrib_put(&t, 1, &p);
	assert_int_equal(sp_attrib_get(&t, 1)->pid, 7);
	assert_null(sp_attrib_get(&t, 1 + SP_ATTRIB_CONNS));
	sp_attrib_put(&t, 2, &none);
	assert_null(sp_attrib_get(&t, 2));
	assert_int_equal(t.last, 7);
	/* As many as fit; one more displaces the oldest. */
	for (uint64_t c = 0; c < SP_ATTRIB_CONNS; c++)
		sp_attrib_put(&t, c, &p);
	assert_non_null(sp_attrib_get(&t, 0));
	sp_attrib_put(&t, SP_ATTRIB_CONNS, &p);
	assert_null(sp_attrib_get(&t, 0));
	assert_non_null(sp_attrib_get(&t, 1));
	sp_attrib_fini(&t);
	assert_null(sp_attrib_get(&t, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inode),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("role/attrib", tests, NULL, NULL);
}
