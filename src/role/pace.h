/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/pace.h - how often something may happen. Pure: time is an argument.
 */
#ifndef SP_ROLE_PACE_H
#define SP_ROLE_PACE_H

#include "core/base.h"

/* Crashes of one sandbox's proxy. */
#define SP_CRASHES_MAX     3u
#define SP_CRASH_WINDOW_MS 300000u

struct sp_backoff {
	uint64_t at_ms[SP_CRASHES_MAX]; /* the latest crashes, as a ring */
	uint32_t total;
	uint32_t streak; /* without a quiet window between */
};

/*
 * A crash happened: false when there were SP_CRASHES_MAX within the window and
 * nobody should try again; else *ret_ms is how long to wait before trying.
 */
SP_MUST bool sp_backoff_crash(struct sp_backoff *b, uint64_t now_ms,
                              uint64_t *ret_ms);

/* A bucket that fills with per_s tokens a second up to burst. */
struct sp_rate {
	uint32_t per_s, burst;
	uint64_t milli; /* tokens * 1000 */
	uint64_t at_ms;
};

void sp_rate_init(struct sp_rate *r, uint32_t per_s, uint32_t burst,
                  uint64_t now_ms);
/* Takes n tokens; false, and none taken, when there are fewer. */
SP_MUST bool sp_rate_take(struct sp_rate *r, uint64_t now_ms, uint32_t n);
/* What was used without asking; the bucket is empty at the least. */
void sp_rate_spend(struct sp_rate *r, uint64_t n);

#endif
