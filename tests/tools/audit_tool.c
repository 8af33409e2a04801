/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/tools/audit_tool.c - for tests that compare the verifiers:
 *
 *	audit_tool make FOLDER N [crash]    a log of N transactions
 *	audit_tool audit ...                as `sallyport audit ...`
 *	audit_tool logs ...                 as `sallyport logs ...`
 *
 * Two sandboxes, DNS, denials, odd bytes in paths. With "crash" the keeper
 * ends without closing anything.
 */
#include <unistd.h>

#include "audit/log.h"
#include "cli/commands.h"

static struct sp_rec_open request(uint64_t i)
{
	struct sp_rec_open r = {
		.id = i,
		.conn = i / 4 + 1,
		.proto = SP_PROTO_HTTP,
		.scheme = SP_SCHEME_HTTPS,
		.verdict = SP_VERDICT_ALLOW,
		.port = 443,
		.addr = { 4, { 93, 184, 215, 14 } },
		.host = { .kind = SP_HOST_NAME,
		          .n = 11,
		          .text = "example.com" },
		.start_us = UINT64_C(1760000000000000) + i,
		.pid = 4711,
	};

	r.method = sp_str("GET");
	r.path = sp_str(i % 4 == 1 ? "/\xff\x1b[31m\"\xe2\x80\xae\\x" : "/x");
	r.rule = sp_str("allowed_hosts[0] example.com");
	r.comm = sp_str("curl");
	if (i % 5 == 3) {
		r.verdict = SP_VERDICT_DENY;
		r.reason = SP_REASON_HOST_DENIED;
		r.status = 403;
		r.final = true;
		r.rule = sp_str("default");
	}
	if (i % 7 == 6) {
		r.proto = SP_PROTO_DNS;
		r.qtype = 28;
		r.final = true;
		r.method = r.path = (struct sp_str){ 0 };
	}
	return r;
}

static int make(const char *dir, uint64_t n, bool crash)
{
	struct sp_log_clock now = { UINT64_C(1760000000000000), 1000 };
	struct sp_log_sb sb[2] = { { .name = "red" }, { .name = "blue" } };
	struct sp_log_head head;
	struct sp_log *l;
	struct sp_err err;

	if (sp_log_open(dir, "a boot", now, &l, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	/* The log is never empty here, so the ids are new in each run. */
	sp_log_head(l, &head);
	for (unsigned i = 0; i < 2; i++)
		snprintf(sb[i].id, sizeof(sb[i].id), "s%llu-%u",
		         (unsigned long long)head.n, i);
	for (uint64_t i = 0; i < n; i++, now.wall_us += 9, now.mono_us += 9) {
		struct sp_rec_open r = request(i);
		struct sp_rec_close c = {
			.id = i, .status = 200, .down = i, .us = 1234
		};

		sp_log_tx_open(l, &sb[i % 2], now, &r);
		if (!r.final && (!crash || i + 5 < n))
			sp_log_tx_close(l, &sb[i % 2], now, &c);
	}
	sp_log_event(l, &sb[0], now, "sandbox.stop", NULL, 0);
	sp_log_event(l, &sb[0], now, "kill", NULL, 0);
	if (sp_log_commit(l) < 0)
		return 1;
	if (crash)
		_exit(0);
	sp_log_close(l, now);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], strtoull(argv[3], NULL, 10), argc > 4);
	if (argc >= 2 && strcmp(argv[1], "audit") == 0)
		return sp_cli_audit(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "logs") == 0)
		return sp_cli_logs(argc - 1, argv + 1);
	return SP_EXIT_USAGE;
}
