/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the answer to any bytes must be: readable by a second reader, a
 * response with the id of the question, no longer than the asker can take,
 * and the same addresses when asked again. The first byte chooses transport
 * and mode.
 */
#include "../tests/unit/dns_check.h"
#include "dns/answer.h"

#define MODE_TCP      1u
#define MODE_NXDOMAIN 2u
#define MODE_DENY     4u

static bool by_mode(void *arg, const struct sp_host *name)
{
	const unsigned *mode = arg;

	sp_assert(name->kind == SP_HOST_NAME && name->n <= SP_HOST_MAX);
	return (*mode & MODE_DENY) == 0;
}

/* Asked the other way round: the pool knows the name of what was answered. */
static void check_address(const struct sp_pool *pool, const struct seen *s,
                          const struct sp_dns_event *event)
{
	struct sp_addr a = { .family = s->rr_type == 1 ? 4 : 6 };
	const struct sp_host *name;

	if (s->rr_type != 1 && s->rr_type != 28)
		return;
	sp_assert(s->n_rdata == (s->rr_type == 1 ? 4 : 16));
	memcpy(a.b, s->rdata, s->n_rdata);
	name = sp_pool_name(pool, &a);
	sp_assert(event->has_name);
	sp_assert(name == NULL ? sp_addr_class(&a) == SP_ADDR_LOOPBACK
	                       : sp_host_eq(name, &event->name));
}

static void check_answer(struct sp_str query, struct sp_str answer,
                         unsigned mode, const struct sp_pool *pool,
                         const struct sp_dns_event *event)
{
	struct seen s;

	sp_assert(dns_check(answer, &s));
	sp_assert(memcmp(answer.p, query.p, 2) == 0);
	sp_assert((s.flags & 0x8000u) != 0); /* QR */
	sp_assert((s.flags & 0x0460u) == 0); /* AA, Z, AD */
	sp_assert(answer.n <= ((mode & MODE_TCP) != 0 ? 4096 : 1232));
	sp_assert(s.opt == 1 || answer.n <= 512);
	sp_assert(s.rcode == event->rcode);
	sp_assert(s.answers <= 1 && (s.rcode == 0 || s.answers == 0));
	sp_assert(!event->denied || event->has_name);
	sp_assert((s.ede == 15) == (event->denied && s.opt == 1));
	sp_assert(s.questions == 0 ||
	          memcmp(answer.p + 12, query.p + 12, 5) == 0);
	check_address(pool, &s, event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned mode = size > 0 ? data[0] : 0;
	struct sp_str query = { data + 1, size - 1 };
	struct sp_pool *pool;
	struct sp_dns_env env;
	struct sp_buf first, second;
	struct sp_dns_event event;

	if (size < 1)
		return 0;
	pool = sp_pool_new();
	env = (struct sp_dns_env){
		.pool = pool,
		.tcp = (mode & MODE_TCP) != 0,
		.denied_nxdomain = (mode & MODE_NXDOMAIN) != 0,
		.allowed = by_mode,
		.arg = &mode,
	};
	sp_buf_init(&first, SP_DNS_PACKET_MAX);
	sp_buf_init(&second, SP_DNS_PACKET_MAX);
	if (sp_dns_answer(query, &env, &first, &event) == SP_OK) {
		check_answer(query, sp_buf_str(&first), mode, pool, &event);
		sp_assert(sp_dns_answer(query, &env, &second, &event) == SP_OK);
		sp_assert(sp_str_eq(sp_buf_str(&first), sp_buf_str(&second)));
	}
	sp_buf_fini(&first);
	sp_buf_fini(&second);
	sp_pool_free(pool);
	return 0;
}
