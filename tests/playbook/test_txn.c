/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Playbooks: what the outside answers, and what the transaction asks next.
 * No socket, no clock, no other process, so every order of events is one line.
 */
#include "test.h"

#include "rng.h"
#include "txn/txn.h"

#define OK_ SP_REASON_NONE

struct line {
	enum sp_step_id step;   /* the answer is for this step's command */
	enum sp_reason reason;  /* and says this */
	enum sp_command expect; /* then we are asked to do this */
};

struct playbook {
	const char *name;
	enum sp_reason reason; /* at the end */
	struct line line[10];
};

/* clang-format off */
static const struct playbook books[] = {
	{ "allowed", OK_, {
		{ SP_TX_MATCH, OK_, SP_CMD_RESOLVE },
		{ SP_TX_RESOLVE, OK_, SP_CMD_AUDIT_OPEN },
		{ SP_TX_RECORD, OK_, SP_CMD_CONNECT },
		{ SP_TX_CONNECT, OK_, SP_CMD_RELAY },
		{ SP_TX_RELAY, OK_, SP_CMD_CLOSE },
		{ SP_TX_CLOSE, OK_, SP_CMD_FREE } } },
	{ "no rule: nothing is resolved", SP_REASON_HOST_DENIED, {
		{ SP_TX_MATCH, SP_REASON_HOST_DENIED, SP_CMD_CLOSE },
		{ SP_TX_CLOSE, OK_, SP_CMD_FREE } } },
	{ "forbidden address: nothing is recorded as open",
	  SP_REASON_ADDRESS_DENIED, {
		{ SP_TX_MATCH, OK_, SP_CMD_RESOLVE },
		{ SP_TX_RESOLVE, SP_REASON_ADDRESS_DENIED, SP_CMD_CLOSE },
		{ SP_TX_CLOSE, OK_, SP_CMD_FREE } } },
	{ "open record fails: no connection", SP_REASON_AUDIT, {
		{ SP_TX_MATCH, OK_, SP_CMD_RESOLVE },
		{ SP_TX_RESOLVE, OK_, SP_CMD_AUDIT_OPEN },
		{ SP_TX_RECORD, SP_REASON_AUDIT, SP_CMD_CLOSE },
		{ SP_TX_CONNECT, OK_, SP_CMD_NONE },
		{ SP_TX_CLOSE, OK_, SP_CMD_FREE } } },
	{ "doubled answer to record changes nothing",
	  SP_REASON_CONNECT_REFUSED, {
		{ SP_TX_MATCH, OK_, SP_CMD_RESOLVE },
		{ SP_TX_RESOLVE, OK_, SP_CMD_AUDIT_OPEN },
		{ SP_TX_RECORD, OK_, SP_CMD_CONNECT },
		{ SP_TX_RECORD, OK_, SP_CMD_NONE },
		{ SP_TX_CONNECT, SP_REASON_CONNECT_REFUSED, SP_CMD_CLOSE },
		{ SP_TX_RECORD, OK_, SP_CMD_NONE },
		{ SP_TX_CLOSE, OK_, SP_CMD_FREE } } },
};
/* clang-format on */

static bool is_last(const struct line *l)
{
	return l->step == SP_TX_MATCH && l->expect == SP_CMD_NONE;
}

static void play(const struct playbook *b)
{
	struct sp_txn t;

	assert_int_equal(sp_txn_start(&t).command, SP_CMD_MATCH);
	for (const struct line *l = b->line; !is_last(l); l++) {
		struct sp_todo todo = sp_txn_answer(&t, l->step, l->reason);

		if (todo.command != l->expect)
			fail_msg("%s: line %td gave %d", b->name, l - b->line,
			         todo.command);
		assert_int_equal(todo.step, t.step);
	}
	assert_int_equal(t.step, SP_TX_END);
	assert_int_equal(t.reason, b->reason);
}

static void test_playbooks(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(books); i++)
		play(&books[i]);
}

/* A command without a deadline could wait for ever; the relay has its own. */
static void test_every_command_has_a_deadline(void **state)
{
	struct sp_txn t;
	struct sp_todo todo = sp_txn_start(&t);

	(void)state;
	while (todo.command != SP_CMD_FREE) {
		assert_true(todo.wait_ms > 0 || todo.command == SP_CMD_RELAY);
		assert_int_not_equal(sp_txn_timeout(&t), SP_REASON_NONE);
		assert_true(sp_txn_step_name(&t)[0] != '\0');
		todo = sp_txn_answer(&t, todo.step, SP_REASON_NONE);
	}
	assert_int_equal(t.reason, SP_REASON_NONE);
}

struct seen {
	unsigned opened, connected, closed, ended;
	bool matched, open_ok;
};

/* The promises of txn.h, checked after every command. */
static void check(struct seen *s, const struct sp_txn *t, struct sp_todo todo)
{
	if (todo.command == SP_CMD_NONE)
		return;
	assert_int_equal(s->ended, 0);
	s->opened += todo.command == SP_CMD_AUDIT_OPEN;
	s->connected += todo.command == SP_CMD_CONNECT;
	s->closed += todo.command == SP_CMD_CLOSE;
	s->ended += t->step == SP_TX_END;
	if (todo.command == SP_CMD_RESOLVE || todo.command == SP_CMD_CONNECT)
		assert_true(s->matched);
	if (todo.command == SP_CMD_CONNECT)
		assert_true(s->open_ok);
	assert_true(s->opened <= 1 && s->connected <= 1 && s->closed <= 1);
}

/* Answers for random steps, right or wrong, early or late or twice. */
static void test_promises_hold_in_any_order(void **state)
{
	struct rng rng = { .state = 42 };

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct sp_txn t;
		struct seen s = { 0 };

		check(&s, &t, sp_txn_start(&t));
		while (t.step != SP_TX_END) {
			enum sp_step_id step = rng_below(&rng, SP_TX_STEPS);
			enum sp_reason r = SP_REASON_NONE;

			if (rng_below(&rng, 8) == 0)
				r = rng_below(&rng, SP_REASON_COUNT);
			if (t.step == step && r == SP_REASON_NONE) {
				s.matched |= step == SP_TX_MATCH;
				s.open_ok |= step == SP_TX_RECORD;
			}
			check(&s, &t,
			      rng_below(&rng, 64) == 0
			              ? sp_txn_cancel(&t, SP_REASON_CLIENT_GONE)
			              : sp_txn_answer(&t, step, r));
		}
		assert_int_equal(s.closed, 1);
		assert_int_equal(s.ended, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_playbooks),
		cmocka_unit_test(test_every_command_has_a_deadline),
		cmocka_unit_test(test_promises_hold_in_any_order),
	};

	return cmocka_run_group_tests_name("txn", tests, NULL, NULL);
}
