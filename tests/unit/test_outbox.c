/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/outbox.h"

#define MAX 8u

struct pair {
	int ours, theirs;
};

static struct pair open_pair(void)
{
	int sv[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv), 0);
	return (struct pair){ sv[0], sv[1] };
}

/* Bodies large enough to fill a socket soon; the first byte counts. */
static enum sp_rc send_one(struct sp_outbox *o, int sock, uint8_t number)
{
	static uint8_t body[SP_IPC_BODY_MAX];

	body[0] = number;
	return sp_outbox_send(o, sock, 7, (struct sp_str){ body, sizeof(body) },
	                      NULL, 0);
}

static unsigned read_all(int sock, uint8_t *next)
{
	static struct sp_packet m;
	unsigned n = 0;

	while (sp_chan_recv(sock, &m) == SP_OK) {
		assert_int_equal(m.type, 7);
		assert_int_equal(m.n, SP_IPC_BODY_MAX);
		assert_int_equal(m.body[0], *next);
		(*next)++;
		n++;
		sp_packet_fini(&m);
	}
	return n;
}

/* A slow reader gets everything, in order; too slow is the limit. */
static void test_order_and_limit(void **state)
{
	struct pair p = open_pair();
	struct sp_outbox o;
	uint8_t sent = 0, got = 0;

	(void)state;
	sp_outbox_init(&o, MAX);
	while (!sp_outbox_waits(&o))
		assert_int_equal(send_one(&o, p.ours, sent++), SP_OK);
	assert_int_equal(sp_outbox_flush(&o, p.ours), SP_E_AGAIN);
	for (unsigned i = 1; i < MAX; i++)
		assert_int_equal(send_one(&o, p.ours, sent++), SP_OK);
	assert_int_equal(send_one(&o, p.ours, sent), SP_E_LIMIT);
	while (sp_outbox_waits(&o)) {
		enum sp_rc rc;

		assert_true(read_all(p.theirs, &got) > 0);
		rc = sp_outbox_flush(&o, p.ours);
		assert_true(rc == SP_OK || rc == SP_E_AGAIN);
	}
	read_all(p.theirs, &got);
	assert_int_equal(got, sent);
	/* And directly again. */
	assert_int_equal(send_one(&o, p.ours, sent++), SP_OK);
	assert_false(sp_outbox_waits(&o));
	sp_outbox_fini(&o);
	close(p.ours);
	close(p.theirs);
}

/* The sender closes its descriptor at once; the waiting one still works. */
static void test_descriptors_wait_as_duplicates(void **state)
{
	struct pair p = open_pair();
	struct sp_outbox o;
	static struct sp_packet m;
	uint8_t sent = 0, got = 0;
	int fd[2];

	(void)state;
	sp_outbox_init(&o, MAX);
	while (!sp_outbox_waits(&o))
		assert_int_equal(send_one(&o, p.ours, sent++), SP_OK);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(
		sp_outbox_send(&o, p.ours, 9, (struct sp_str){ 0 }, &fd[1], 1),
		SP_OK);
	close(fd[1]);
	while (got < sent) {
		enum sp_rc rc;

		if (sp_chan_recv(p.theirs, &m) == SP_OK) {
			got++;
			sp_packet_fini(&m);
		}
		rc = sp_outbox_flush(&o, p.ours);
		assert_true(rc == SP_OK || rc == SP_E_AGAIN);
	}
	assert_int_equal(sp_chan_recv(p.theirs, &m), SP_OK);
	assert_int_equal(m.n_fds, 1);
	assert_int_equal(write(m.fd[0], "x", 1), 1);
	sp_packet_fini(&m);
	/* Nobody else holds the writing end: end of file after the byte. */
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	{
		char c[2];

		assert_int_equal(read(fd[0], c, 2), 1);
		assert_int_equal(read(fd[0], c, 2), 0);
	}
	sp_outbox_fini(&o);
	close(fd[0]);
	close(p.ours);
	close(p.theirs);
}

static void test_a_lost_peer_is_an_error(void **state)
{
	struct pair p = open_pair();
	struct sp_outbox o;
	uint8_t sent = 0;

	(void)state;
	sp_outbox_init(&o, MAX);
	while (!sp_outbox_waits(&o))
		assert_int_equal(send_one(&o, p.ours, sent++), SP_OK);
	close(p.theirs);
	assert_int_equal(sp_outbox_flush(&o, p.ours), SP_E_SYS);
	sp_outbox_fini(&o);
	assert_int_equal(send_one(&o, p.ours, 0), SP_E_SYS);
	sp_outbox_fini(&o);
	close(p.ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_limit),
		cmocka_unit_test(test_descriptors_wait_as_duplicates),
		cmocka_unit_test(test_a_lost_peer_is_an_error),
	};

	return cmocka_run_group_tests_name("ipc/outbox", tests, NULL, NULL);
}
