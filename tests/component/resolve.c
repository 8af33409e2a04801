/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve SERVERS HOSTS WORD... - put questions to dns/resolver.
 *
 *	name    ask
 *	-name   ask and cancel
 *	/       wait until everything asked so far is answered
 *	+ms     let time pass
 *	.       free the resolver with what is in flight, and end
 *
 * Prints "ready" when no file may be opened any more, then a line for each
 * answer: name, reason, milliseconds, addresses.
 */
#include "core/alloc.h"
#include "dns/resolver.h"

struct asked {
	struct asked *next;
	const char *name;
	uint64_t since;
};

static unsigned waiting;
static struct asked *all;

static void on_result(void *arg, const struct sp_resolved *r)
{
	struct asked *a = arg;
	uint64_t ms = sp_loop_mono_us() / 1000 - a->since;

	printf("%s %d %llu", a->name, (int)r->reason, (unsigned long long)ms);
	for (size_t i = 0; i < r->n; i++) {
		char text[SP_ADDR_TEXT_MAX];

		sp_addr_text(&r->addr[i], text);
		printf(" %s", text);
	}
	printf("\n");
	fflush(stdout);
	waiting--;
}

static void ask(struct sp_resolver *r, const char *name)
{
	bool cancel = name[0] == '-';
	struct asked *a = SP_NEW(struct asked);
	struct sp_query *q;
	struct sp_host host;
	unsigned before = waiting;

	a->next = all;
	all = a;
	a->name = name + cancel;
	a->since = sp_loop_mono_us() / 1000;
	if (sp_host_parse(sp_str(a->name), &host) < 0) {
		printf("%s not-a-host\n", a->name);
		return;
	}
	waiting++;
	if (sp_resolver_ask(r, &host, on_result, a, &q) < 0) {
		printf("%s limit\n", a->name);
		waiting--;
		return;
	}
	sp_assert(waiting == before + 1); /* never from within */
	if (!cancel)
		return;
	sp_resolver_cancel(q);
	waiting--;
}

static void pass(struct sp_loop *l, uint64_t ms)
{
	uint64_t until = sp_loop_mono_us() / 1000 + ms;

	while (sp_loop_mono_us() / 1000 < until)
		sp_assert(sp_loop_turn(l, 10) == SP_OK);
}

static void run_word(struct sp_loop *l, struct sp_resolver *r, const char *word)
{
	if (word[0] == '+') {
		pass(l, strtoul(word + 1, NULL, 10));
		return;
	}
	if (strcmp(word, "/") != 0) {
		ask(r, word);
		return;
	}
	while (waiting > 0)
		sp_assert(sp_loop_turn(l, -1) == SP_OK);
}

static struct sp_str read_hosts(const char *path, uint8_t *b, size_t size)
{
	FILE *f = fopen(path, "re");
	struct sp_str s = { b, 0 };

	if (f != NULL) {
		s.n = fread(b, 1, size, f);
		fclose(f);
	}
	return s;
}

int main(int argc, char **argv)
{
	static uint8_t hosts[2 << 20];
	struct sp_loop *l = NULL;
	struct sp_resolver *r;
	struct sp_err err;

	if (argc < 3)
		return 2;
	if (sp_loop_new(&l, &err) < 0 ||
	    sp_resolver_new(l, argv[1],
	                    read_hosts(argv[2], hosts, sizeof(hosts)), &r,
	                    &err) < 0) {
		printf("%s\n", err.text);
		sp_loop_free(l);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (int i = 3; i < argc && strcmp(argv[i], ".") != 0; i++)
		run_word(l, r, argv[i]);
	sp_resolver_free(r);
	sp_loop_free(l);
	while (all != NULL) {
		struct asked *a = all;

		all = a->next;
		sp_free(a);
	}
	return 0;
}
