/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pool.h"

#include "core/alloc.h"

struct sp_uppool {
	struct sp_loop *loop;
	struct sp_upstream *first; /* latest put */
	size_t n;
};

struct sp_uppool *sp_uppool_new(struct sp_loop *loop)
{
	struct sp_uppool *p = SP_NEW(struct sp_uppool);

	p->loop = loop;
	return p;
}

static void unlink_it(struct sp_uppool *p, struct sp_upstream *u)
{
	sp_assert(u != NULL);
	if (u->prev != NULL)
		u->prev->next = u->next;
	else
		p->first = u->next;
	if (u->next != NULL)
		u->next->prev = u->prev;
	u->next = u->prev = NULL;
	u->pool = NULL;
	p->n--;
	sp_timer_del(p->loop, &u->timer);
}

static void drop(struct sp_uppool *p, struct sp_upstream *u)
{
	unlink_it(p, u);
	sp_upstream_free(u);
}

void sp_uppool_clear(struct sp_uppool *p)
{
	while (p->first != NULL)
		drop(p, p->first);
}

void sp_uppool_free(struct sp_uppool *p)
{
	if (p == NULL)
		return;
	sp_uppool_clear(p);
	sp_free(p);
}

/*
 * Has nothing happened on it? Readiness to write says nothing; TLS 1.3 session
 * tickets arrive after the handshake and are welcome, but not without end.
 */
static bool is_quiet(struct sp_upstream *u)
{
	struct sp_flow *f = &u->flow;

	sp_flow_fill(f);
	return !f->eof && !f->dead && !f->gone && sp_buf_len(&f->plain) == 0 &&
	       !sp_flow_may_have_more(f);
}

static void on_noise(void *arg)
{
	struct sp_upstream *u = arg;

	if (!is_quiet(u))
		drop(u->pool, u);
}

/* Taken, but its new owner does not listen yet: the flow remembers. */
static void on_early_noise(void *arg)
{
	(void)arg;
}

static void on_expired(struct sp_timer *t)
{
	struct sp_upstream *u = SP_OWNER(t, struct sp_upstream, timer);

	drop(u->pool, u);
}

struct sp_upstream *sp_uppool_take(struct sp_uppool *p,
                                   const struct sp_upkey *key)
{
	for (struct sp_upstream *u = p->first, *next; u != NULL; u = next) {
		next = u->next;
		if (!sp_upkey_eq(&u->key, key))
			continue;
		if (!is_quiet(u)) {
			drop(p, u);
			continue;
		}
		unlink_it(p, u);
		u->flow.on_ready = on_early_noise;
		u->reused = true;
		return u;
	}
	return NULL;
}

/* The oldest of this key, or of all, makes room. */
static void make_room(struct sp_uppool *p, const struct sp_upkey *key)
{
	struct sp_upstream *oldest = NULL, *same = NULL;
	size_t n = 0;

	for (struct sp_upstream *u = p->first; u != NULL; u = u->next) {
		oldest = u;
		if (sp_upkey_eq(&u->key, key)) {
			same = u;
			n++;
		}
	}
	if (n >= SP_UPPOOL_KEY_MAX)
		drop(p, same);
	else if (p->n >= SP_UPPOOL_MAX)
		drop(p, oldest);
}

void sp_uppool_put(struct sp_uppool *p, struct sp_upstream *u)
{
	if (!is_quiet(u)) {
		sp_upstream_free(u);
		return;
	}
	make_room(p, &u->key);
	u->pool = p;
	u->flow.on_ready = on_noise;
	u->flow.arg = u;
	u->timer = (struct sp_timer){ .run = on_expired };
	u->prev = NULL;
	u->next = p->first;
	if (p->first != NULL)
		p->first->prev = u;
	p->first = u;
	p->n++;
	sp_flow_shrink(&u->flow);
	sp_timer_set(p->loop, &u->timer, SP_UPPOOL_IDLE_MS);
}
