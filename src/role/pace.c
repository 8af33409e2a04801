/* SPDX-License-Identifier: Apache-2.0 */
#include "role/pace.h"

static const uint32_t delays_ms[] = { 0, 50, 200, 1000, 5000 };

bool sp_backoff_crash(struct sp_backoff *b, uint64_t now_ms, uint64_t *ret_ms)
{
	uint32_t at = b->total % SP_CRASHES_MAX;
	uint64_t oldest = b->at_ms[(at + 1) % SP_CRASHES_MAX];
	uint64_t last = b->at_ms[(at + SP_CRASHES_MAX - 1) % SP_CRASHES_MAX];
	uint32_t step;

	if (b->total > 0 && now_ms - last > SP_CRASH_WINDOW_MS)
		b->streak = 0;
	b->at_ms[at] = now_ms;
	b->total++;
	b->streak++;
	if (b->total >= SP_CRASHES_MAX && now_ms - oldest <= SP_CRASH_WINDOW_MS)
		return false;
	step = b->streak - 1;
	if (step >= SP_COUNT(delays_ms))
		step = SP_COUNT(delays_ms) - 1;
	*ret_ms = delays_ms[step];
	return true;
}

void sp_rate_init(struct sp_rate *r, uint32_t per_s, uint32_t burst,
                  uint64_t now_ms)
{
	*r = (struct sp_rate){
		.per_s = per_s,
		.burst = burst,
		.milli = (uint64_t)burst * 1000u,
		.at_ms = now_ms,
	};
}

/* A millisecond adds per_s thousandths of a token. */
static void fill(struct sp_rate *r, uint64_t now_ms)
{
	uint64_t full = (uint64_t)r->burst * 1000u;
	uint64_t passed = now_ms - r->at_ms;

	r->at_ms = now_ms;
	if (r->per_s > 0 && passed >= full / r->per_s)
		r->milli = full;
	else
		r->milli += passed * r->per_s;
	if (r->milli > full)
		r->milli = full;
}

bool sp_rate_take(struct sp_rate *r, uint64_t now_ms, uint32_t n)
{
	uint64_t want = (uint64_t)n * 1000u;

	fill(r, now_ms);
	if (r->milli < want)
		return false;
	r->milli -= want;
	return true;
}

void sp_rate_spend(struct sp_rate *r, uint64_t n)
{
	r->milli -= n < r->milli / 1000u ? n * 1000u : r->milli;
}
