/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's side of its channel, with the test as its keeper.
 */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "ipc/wire.h"
#include "net/link.h"

struct fix {
	struct sp_loop *loop;
	struct sp_link *link;
	int keeper;
	unsigned recorded, refused, leaves, leaf_done, lost;
	uint64_t last_txn;
};

static void recorded(void *arg, struct sp_ref who, uint64_t txn, bool ok)
{
	struct fix *f = arg;

	assert_int_equal(who.index, (uint32_t)txn);
	assert_true(txn == f->last_txn + 1); /* in order */
	f->last_txn = txn;
	f->recorded += ok;
	f->refused += !ok;
}

static void leaf(void *arg, const struct sp_host *host, struct sp_str der)
{
	assert_true(sp_str_is(sp_host_str(host), "a.example"));
	assert_true(sp_str_is(der, "DER"));
	((struct fix *)arg)->leaves++;
}

static void leaf_done(void *arg, struct sp_ref who, bool ok)
{
	(void)who;
	((struct fix *)arg)->leaf_done += ok;
}

static void lost(void *arg)
{
	((struct fix *)arg)->lost++;
}

static enum sp_rc on_ack(struct sp_peer *p, struct sp_packet *m)
{
	return sp_link_on_ack(((struct fix *)p->owner)->link, m);
}

static enum sp_rc on_leaf(struct sp_peer *p, struct sp_packet *m)
{
	return sp_link_on_leaf(((struct fix *)p->owner)->link, m);
}

static const struct sp_op ops[SP_IPC_TYPES] = {
	[SP_IPC_ACK] = { .from = SP_R_KEEPER, .max = 5, .run = on_ack },
	[SP_IPC_LEAF] = { .from = SP_R_KEEPER, .max = 64, .run = on_leaf },
};

static void start(struct fix *f)
{
	const struct sp_link_calls calls = {
		.recorded = recorded,
		.leaf = leaf,
		.leaf_done = leaf_done,
		.lost = lost,
		.arg = f,
	};
	struct sp_err err;
	int sv[2];

	*f = (struct fix){ .recorded = 0 };
	assert_int_equal(
		socketpair(AF_UNIX,
	                   SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	                   sv),
		0);
	f->keeper = sv[1];
	assert_int_equal(sp_loop_new(&f->loop, &err), SP_OK);
	assert_int_equal(
		sp_link_new(f->loop, sv[0], ops, f, &calls, &f->link, &err),
		SP_OK);
}

static void stop(struct fix *f)
{
	sp_link_free(f->link);
	sp_loop_free(f->loop);
	if (f->keeper >= 0)
		close(f->keeper);
}

static struct sp_rec_open open_record(uint64_t id)
{
	struct sp_rec_open r = { .id = id, .verdict = SP_VERDICT_ALLOW };

	assert_int_equal(sp_host_parse(sp_str("a.example"), &r.host), SP_OK);
	r.method = sp_str("GET");
	r.path = sp_str("/");
	return r;
}

/* Returns the batch number and counts the records in it. */
static uint32_t take_batch(struct fix *f, unsigned *opens)
{
	struct sp_packet m;
	struct sp_str in;
	uint32_t batch;

	*opens = 0;
	if (sp_chan_recv(f->keeper, &m) != SP_OK)
		return 0;
	assert_int_equal(m.type, SP_IPC_AUDIT);
	in = (struct sp_str){ m.body, m.n };
	assert_int_equal(sp_get_u32(&in, &batch), SP_OK);
	while (in.n > 0) {
		struct sp_rec_open r;
		uint8_t kind;

		assert_int_equal(sp_get_u8(&in, &kind), SP_OK);
		assert_int_equal(kind, 1);
		assert_int_equal(sp_rec_open_get(&in, &r), SP_OK);
		assert_true(sp_str_is(r.method, "GET"));
		(*opens)++;
	}
	sp_packet_fini(&m);
	return batch;
}

static void acknowledge(struct fix *f, uint32_t batch, bool ok)
{
	uint8_t buf[5];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };

	sp_put_u32(&w, batch);
	sp_put_u8(&w, ok);
	assert_int_equal(sp_chan_send(f->keeper, SP_IPC_ACK,
	                              (struct sp_str){ buf, w.n }, NULL, 0),
	                 SP_OK);
}

static void test_one_turn_is_one_batch(void **state)
{
	unsigned n;
	uint32_t batch;
	struct fix f;

	(void)state;
	start(&f);
	for (uint64_t id = 1; id <= 20; id++) {
		struct sp_rec_open r = open_record(id);
		struct sp_ref who = { (uint32_t)id, 1 };

		assert_int_equal(sp_link_open(f.link, &r, who), SP_OK);
	}
	assert_int_equal(sp_loop_turn(f.loop, 0), SP_OK);
	batch = take_batch(&f, &n);
	assert_int_equal(n, 20);
	assert_int_equal(f.recorded, 0); /* not before the keeper says so */
	acknowledge(&f, batch, true);
	assert_int_equal(sp_loop_turn(f.loop, 100), SP_OK);
	assert_int_equal(f.recorded, 20);
	stop(&f);
}

/*
 * A keeper that does not read: records wait here, up to a limit; beyond it
 * nothing more is taken. What was taken is delivered, in order, once.
 */
static void test_a_slow_keeper_is_a_bounded_queue(void **state)
{
	uint64_t id = 0, got = 0;
	unsigned n;
	struct fix f;

	(void)state;
	start(&f);
	for (;;) {
		struct sp_rec_open r = open_record(id + 1);
		struct sp_ref who = { (uint32_t)id + 1, 1 };

		if (sp_link_open(f.link, &r, who) != SP_OK)
			break;
		id++;
		if (id % 50 == 0)
			assert_int_equal(sp_loop_turn(f.loop, 0), SP_OK);
	}
	assert_true(id > 100 && id <= SP_LINK_WAIT_MAX);
	for (unsigned i = 0; i < 20000 && got < id; i++) {
		uint32_t batch = take_batch(&f, &n);

		got += n;
		if (batch != 0)
			acknowledge(&f, batch, true);
		assert_int_equal(sp_loop_turn(f.loop, 0), SP_OK);
	}
	assert_int_equal(got, id);
	for (unsigned i = 0; i < 100 && f.recorded < id; i++)
		assert_int_equal(sp_loop_turn(f.loop, 10), SP_OK);
	assert_int_equal(f.recorded, id);
	stop(&f);
}

static void test_a_refused_batch_is_told(void **state)
{
	struct sp_rec_open r = open_record(1);
	unsigned n;
	uint32_t batch;
	struct fix f;

	(void)state;
	start(&f);
	assert_int_equal(sp_link_open(f.link, &r, (struct sp_ref){ 1, 1 }),
	                 SP_OK);
	assert_int_equal(sp_loop_turn(f.loop, 0), SP_OK);
	batch = take_batch(&f, &n);
	acknowledge(&f, batch, false);
	assert_int_equal(sp_loop_turn(f.loop, 100), SP_OK);
	assert_int_equal(f.refused, 1);
	stop(&f);
}

/* Two wait for one name: one question, both are woken. */
static void test_certificates_are_asked_for_once(void **state)
{
	struct sp_packet m;
	struct sp_str in, name;
	struct sp_host host;
	uint32_t request;
	uint8_t buf[64];
	struct sp_wire w = { .p = buf, .cap = sizeof(buf) };
	struct fix f;

	(void)state;
	start(&f);
	assert_int_equal(sp_host_parse(sp_str("a.example"), &host), SP_OK);
	for (uint32_t i = 1; i <= 2; i++)
		assert_int_equal(
			sp_link_mint(f.link, &host, (struct sp_ref){ i, 1 }),
			SP_OK);
	assert_int_equal(sp_chan_recv(f.keeper, &m), SP_OK);
	in = (struct sp_str){ m.body, m.n };
	assert_int_equal(sp_get_u32(&in, &request), SP_OK);
	assert_int_equal(sp_get_str(&in, 255, &name), SP_OK);
	assert_true(sp_str_is(name, "a.example"));
	sp_packet_fini(&m);
	assert_int_equal(sp_chan_recv(f.keeper, &m), SP_E_SYS); /* no more */
	sp_put_u32(&w, request);
	sp_put_u8(&w, 1);
	sp_put_str(&w, sp_str("DER"));
	assert_int_equal(sp_chan_send(f.keeper, SP_IPC_LEAF,
	                              (struct sp_str){ buf, w.n }, NULL, 0),
	                 SP_OK);
	assert_int_equal(sp_loop_turn(f.loop, 100), SP_OK);
	assert_int_equal(f.leaves, 1);
	assert_int_equal(f.leaf_done, 2);
	stop(&f);
}

static void test_a_lost_keeper_is_told_once(void **state)
{
	struct fix f;

	(void)state;
	start(&f);
	close(f.keeper);
	f.keeper = -1;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(sp_loop_turn(f.loop, 0), SP_OK);
	assert_int_equal(f.lost, 1);
	assert_false(sp_link_healthy(f.link));
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_turn_is_one_batch),
		cmocka_unit_test(test_a_slow_keeper_is_a_bounded_queue),
		cmocka_unit_test(test_a_refused_batch_is_told),
		cmocka_unit_test(test_certificates_are_asked_for_once),
		cmocka_unit_test(test_a_lost_keeper_is_told_once),
	};

	return cmocka_run_group_tests_name("net/link", tests, NULL, NULL);
}
