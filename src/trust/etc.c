/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust/etc.c - files of /etc that are the same in every sandbox.
 *
 * Any address would answer DNS; a fixed one looks tidy. glibc asks files and
 * DNS only: other modules would talk to daemons that are not there.
 */
#include "sandbox/net.h"
#include "trust/trust.h"

static const char nsswitch[] = "passwd:    files\n"
			       "group:     files\n"
			       "shadow:    files\n"
			       "hosts:     files dns\n"
			       "networks:  files\n"
			       "protocols: files\n"
			       "services:  files\n"
			       "ethers:    files\n"
			       "rpc:       files\n";

/* Is there a line name:x:ID: ...? */
static bool has_id(struct sp_str text, uint64_t id)
{
	char want[32];
	size_t n;

	snprintf(want, sizeof(want), ":%llu:", (unsigned long long)id);
	n = strlen(want);
	while (text.n > 0) {
		const uint8_t *eol = memchr(text.p, '\n', text.n);
		size_t len = eol == NULL ? text.n : (size_t)(eol - text.p) + 1;
		struct sp_str line = sp_str_take(&text, len);
		const uint8_t *c = memchr(line.p, ':', line.n);
		size_t left;

		c = c == NULL ? NULL
		              : memchr(c + 1, ':',
		                       line.n - (size_t)(c + 1 - line.p));
		left = c == NULL ? 0 : line.n - (size_t)(c - line.p);
		if (c != NULL && left >= n && memcmp(c, want, n) == 0)
			return true;
	}
	return false;
}

static void end_line(struct sp_buf *b)
{
	struct sp_str s = sp_buf_str(b);

	if (s.n > 0 && s.p[s.n - 1] != '\n')
		sp_buf_byte(b, '\n');
}

/* Many programs cannot live without a name for their uid. */
static void add_ids(const struct sp_plan *p, struct sp_buf *pack)
{
	struct sp_buf b;

	sp_buf_init(&b, SP_TRUST_FILE_MAX);
	if (sp_trust_read("/etc/passwd", &b) == SP_OK &&
	    !has_id(sp_buf_str(&b), p->uid)) {
		end_line(&b);
		sp_buf_printf(&b, "%s:x:%u:%u::%s:/bin/sh\n", p->user,
		              (unsigned)p->uid, (unsigned)p->gid, p->home);
		sp_pack_add(pack, SP_PACK_ETC, "passwd", sp_buf_str(&b));
	}
	sp_buf_reset(&b);
	if (sp_trust_read("/etc/group", &b) == SP_OK &&
	    !has_id(sp_buf_str(&b), p->gid)) {
		end_line(&b);
		sp_buf_printf(&b, "%s:x:%u:\n", p->user, (unsigned)p->gid);
		sp_pack_add(pack, SP_PACK_ETC, "group", sp_buf_str(&b));
	}
	sp_buf_fini(&b);
}

enum sp_rc sp_trust_etc(const struct sp_plan *p, const char *hostname,
                        struct sp_buf *pack, struct sp_err *err)
{
	char text[256];

	sp_pack_add(pack, SP_PACK_ETC, "resolv.conf",
	            sp_str("nameserver " SP_DNS4 "\n"));
	sp_pack_add(pack, SP_PACK_ETC, "nsswitch.conf", sp_str(nsswitch));
	snprintf(text, sizeof(text), "127.0.0.1 localhost %s\n::1 localhost\n",
	         hostname);
	sp_pack_add(pack, SP_PACK_ETC, "hosts", sp_str(text));
	snprintf(text, sizeof(text), "%s\n", hostname);
	sp_pack_add(pack, SP_PACK_ETC, "hostname", sp_str(text));
	add_ids(p, pack);
	if (sp_buf_ok(pack))
		return SP_OK;
	sp_err_set(err, "files of /etc are too long");
	return SP_E_LIMIT;
}
