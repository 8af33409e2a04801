/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the packets split must not change the outcome: a whole conversation,
 * the client's bytes cut at every place, then the server's. What the other
 * side gets (bodies without their chunk framing, which follows the pieces) and
 * what is recorded must be the same.
 */
#include "test.h"

#include "a_gate.h"
#include "http_check.h"

static const char policy[] = "allowed_hosts: [a.test]\n"
			     "rules:\n"
			     "  - host: a.test\n"
			     "    paths: [\"/no\"]\n"
			     "    action: deny\n"
			     "resolve:\n"
			     "  \"a.test:80\": \"127.0.0.1:%P\"\n";

#define H       " HTTP/1.1\r\nHost: a.test\r\n"
#define STEPS   4u
#define BYTES   (1u << 20)
#define QUIET   4u /* turns without anything new: it is over */
#define TALK_MS 2000u

static const struct talk {
	const char *name;
	const char *client;
	/* When the server has seen this, it says that. */
	struct {
		const char *seen, *say;
	} server[STEPS];
	bool server_ends; /* after the last one */
} talks[] = {
	{ "two requests and a denial in between",
	  "GET /1" H "\r\nGET /no" H "\r\nGET /2" H "X-A: b\r\n\r\n",
	  { { "GET /1" H "\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\none" },
	    { "X-A: b\r\n\r\n", "HTTP/1.1 204 None\r\n\r\n" } },
	  false },
	{ "bodies of each kind",
	  "POST /1" H "Content-Length: 5\r\n\r\nabcde"
	  "PUT /2" H "Transfer-Encoding: chunked\r\nTrailer: t\r\n\r\n"
	  "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nt: v\r\n\r\n"
	  "GET /3" H "\r\n",
	  { { "abcde", "HTTP/1.1 100 Continue\r\n\r\n"
	               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	               "4\r\nfour\r\n1\r\n!\r\n0\r\n\r\n" },
	    { "0\r\nt: v\r\n\r\n",
	      "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
	      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
	    { "GET /3" H "\r\n", "HTTP/1.1 200 OK\r\n\r\nto the end" } },
	  true },
	{ "HEAD, and a request that cannot be",
	  "HEAD /1" H "\r\nGET /2" H "Content-Length: x\r\n\r\n"
	  "GET /never" H "\r\n",
	  { { "HEAD /1" H "\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" } },
	  false },
	{ "smuggling by two framings",
	  "POST /1" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "0\r\n\r\nGET /no" H "\r\n",
	  { { NULL, NULL } },
	  false },
	{ "a body that breaks",
	  "POST /1" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
	  { { NULL, NULL } },
	  false },
	{ "an answer that breaks",
	  "GET /1" H "\r\n",
	  { { "GET /1" H "\r\n",
	      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	      "3\r\nabc\r\n3\r\nabcd" } },
	  false },
	{ "an answer that is cut",
	  "GET /1" H "\r\n",
	  { { "GET /1" H "\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc" } },
	  true },
};

struct outcome {
	struct sp_buf client, server; /* what each has received */
	unsigned opens, closes, finals;
	enum sp_reason reason;
	uint16_t status;
	uint64_t up, down;
};

struct play {
	struct world *w;
	const struct talk *t;
	int client, server;
	size_t step;
	bool news;
	struct outcome *out;
};

static void take(struct play *p, int fd, struct sp_buf *b)
{
	uint8_t *to = sp_buf_room(b, 4096);
	ssize_t n = recv(fd, to, 4096, 0);

	if (n <= 0)
		return;
	sp_buf_commit(b, (size_t)n);
	p->news = true;
}

static bool has(const struct sp_buf *b, const char *text)
{
	return sp_buf_len(b) > 0 &&
	       memmem(b->p, sp_buf_len(b), text, strlen(text)) != NULL;
}

static void turn(struct play *p)
{
	p->news = false;
	world_turn(p->w, 0);
	take(p, p->client, &p->out->client);
	if (p->server < 0) {
		p->server = accept4(p->w->listener, NULL, NULL,
		                    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (p->server >= 0)
			sp_sock_nodelay(p->server);
		p->news |= p->server >= 0;
	}
	if (p->server >= 0)
		take(p, p->server, &p->out->server);
}

static void settle(struct play *p)
{
	for (unsigned quiet = 0; quiet < QUIET; quiet++) {
		turn(p);
		if (p->news)
			quiet = 0;
	}
}

/* In two pieces. */
static void say_cut(struct play *p, int fd, const char *text, size_t cut)
{
	size_t n = strlen(text);

	if (cut > n)
		cut = n;
	(void)send(fd, text, cut, MSG_NOSIGNAL);
	settle(p);
	if (cut < n) /* it may be over already */
		(void)send(fd, text + cut, n - cut, MSG_NOSIGNAL);
	settle(p);
}

/* The server says what is due; false when nothing is. */
static bool server_turn(struct play *p, size_t cut)
{
	const char *seen;

	if (p->step == STEPS || p->server < 0)
		return false;
	seen = p->t->server[p->step].seen;
	if (seen == NULL || !has(&p->out->server, seen))
		return false;
	say_cut(p, p->server, p->t->server[p->step++].say, cut);
	if (p->t->server_ends &&
	    (p->step == STEPS || p->t->server[p->step].seen == NULL))
		shutdown(p->server, SHUT_WR);
	settle(p);
	return true;
}

/* Bodies in one piece, whatever chunks they came in. */
static void unchunk(struct sp_buf *b)
{
	struct sp_buf plain;
	struct sp_str in = sp_buf_str(b), before = in;
	struct seen m;

	sp_buf_init(&plain, BYTES);
	for (;;) {
		struct sp_buf body;
		enum check c;

		sp_buf_init(&body, BYTES);
		c = check_message(&in, &m, &body);
		if (c == CHECK_WHOLE || (c == CHECK_MORE && m.codings > 0)) {
			const uint8_t *end =
				memmem(before.p, before.n, "\r\n\r\n", 4);

			sp_buf_add(&plain,
			           (struct sp_str){ before.p,
			                            (size_t)(end - before.p) });
			sp_buf_add(&plain, sp_buf_str(&body));
			sp_buf_text(&plain, c == CHECK_WHOLE ? "$" : "...");
		} else {
			sp_buf_add(&plain, in);
		}
		sp_buf_fini(&body);
		if (c != CHECK_WHOLE)
			break;
		before = in;
	}
	sp_buf_fini(b);
	*b = plain;
}

static void play(const struct talk *t, size_t client_cut, size_t server_cut,
                 struct outcome *out)
{
	struct play p = { .w = world_new(policy), .t = t, .server = -1 };

	*out = (struct outcome){ .opens = 0 };
	sp_buf_init(&out->client, BYTES);
	sp_buf_init(&out->server, BYTES);
	p.out = out;
	p.client = world_client(p.w, "a.test", 80);
	sp_sock_nodelay(p.client);
	say_cut(&p, p.client, t->client, client_cut);
	while (server_turn(&p, server_cut))
		continue;
	settle(&p);
	close(p.client);
	if (p.server >= 0)
		reset(p.server);
	for (unsigned i = 0; i < QUIET; i++)
		world_turn(p.w, 0);
	out->opens = p.w->opens;
	out->closes = p.w->closes;
	out->finals = p.w->finals;
	out->reason = p.w->reason;
	out->status = p.w->status;
	out->up = p.w->up;
	out->down = p.w->down;
	unchunk(&out->client);
	unchunk(&out->server);
	world_free(p.w);
}

static void fini(struct outcome *o)
{
	sp_buf_fini(&o->client);
	sp_buf_fini(&o->server);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->opens == b->opens && a->closes == b->closes &&
	       a->finals == b->finals && a->reason == b->reason &&
	       a->status == b->status && a->up == b->up && a->down == b->down &&
	       sp_str_eq(sp_buf_str(&a->client), sp_buf_str(&b->client)) &&
	       sp_str_eq(sp_buf_str(&a->server), sp_buf_str(&b->server));
}

static void compare(const struct talk *t, const struct outcome *whole,
                    size_t client_cut, size_t server_cut)
{
	struct outcome o;

	play(t, client_cut, server_cut, &o);
	if (!same(whole, &o)) {
		print_error("%s, cut at %zu, %zu: %s %u/%u/%u %llu %llu\n"
		            "%.*s\n--\n%.*s\n==\n%.*s\n--\n%.*s",
		            t->name, client_cut, server_cut,
		            sp_reason_code(o.reason), o.opens, o.closes,
		            o.finals, (unsigned long long)o.up,
		            (unsigned long long)o.down,
		            (int)sp_buf_len(&whole->client), whole->client.p,
		            (int)sp_buf_len(&whole->server), whole->server.p,
		            (int)sp_buf_len(&o.client), o.client.p,
		            (int)sp_buf_len(&o.server), o.server.p);
		fail();
	}
	fini(&o);
}

static void test_cuts_change_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(talks); i++) {
		const struct talk *t = &talks[i];
		struct outcome whole;
		size_t longest = 0;

		play(t, SIZE_MAX, SIZE_MAX, &whole);
		assert_true(sp_buf_len(&whole.client) > 0);
		for (size_t cut = 1; cut < strlen(t->client); cut++)
			compare(t, &whole, cut, SIZE_MAX);
		for (size_t k = 0; k < STEPS && t->server[k].say != NULL; k++)
			if (strlen(t->server[k].say) > longest)
				longest = strlen(t->server[k].say);
		for (size_t cut = 1; cut < longest; cut++)
			compare(t, &whole, SIZE_MAX, cut);
		fini(&whole);
	}
}

/* The tests above compare runs with each other; this is what the first of
 * them must be. */
static void test_one_of_them(void **state)
{
	struct outcome o;

	(void)state;
	play(&talks[0], SIZE_MAX, SIZE_MAX, &o);
	assert_true(has(&o.client, "X: y\r\nContent") == false);
	assert_true(has(&o.client, "X: yone$HTTP/1.1 403 Forbidden"));
	assert_true(has(&o.client, "HTTP/1.1 204 None"));
	assert_int_equal(o.opens, 2);
	assert_int_equal(o.closes, 2);
	assert_int_equal(o.finals, 1);
	fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_them),
		cmocka_unit_test(test_cuts_change_nothing),
	};

	return cmocka_run_group_tests_name("txn/gate split", tests, NULL, NULL);
}
