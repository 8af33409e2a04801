/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/answer.h - the resolver that programs in the sandbox see.
 *
 * Role        One query packet to one answer packet. Nothing is forwarded.
 *             Rules: design protocols.md section 9.
 * Limits      SP_DNS_PACKET_MAX in and out; TCP framing is the caller's.
 */
#ifndef SP_DNS_ANSWER_H
#define SP_DNS_ANSWER_H

#include "core/buf.h"
#include "dns/pool.h"

#define SP_DNS_PACKET_MAX 4096u

/* What the caller may want to record. */
struct sp_dns_event {
	bool has_name;
	struct sp_host name;
	uint16_t qtype;
	uint8_t rcode;
	bool denied;
};

struct sp_dns_env {
	struct sp_pool *pool;
	uint64_t now_ms;
	bool tcp; /* no truncation */
	/* Does policy allow anything to this name? */
	bool (*allowed)(void *arg, const struct sp_host *name);
	bool denied_nxdomain; /* else denied names get an address too */
	void *arg;
};

/*
 * SP_OK    the answer is in out (which is reset first); *event filled in
 * < 0      drop the packet silently (too short to answer, a response, ...)
 */
SP_MUST enum sp_rc sp_dns_answer(struct sp_str query,
                                 const struct sp_dns_env *env,
                                 struct sp_buf *out,
                                 struct sp_dns_event *event);

#endif
