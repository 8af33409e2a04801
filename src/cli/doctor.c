/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/doctor.c - `sallyport doctor`: how well can this machine isolate?
 *
 * The last line says it in one; the exit status is 0 when tier A is reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/opts.h"
#include "core/fd.h"
#include "json/write.h"
#include "sandbox/landlock.h"
#include "sandbox/net.h"
#include "sandbox/probe.h"
#include "trust/env.h"
#include "trust/trust.h"

struct args {
	bool json, help;
};

static const struct sp_opt options[] = {
	{ "json", 0, SP_OPT_FLAG, offsetof(struct args, json), NULL,
	  "For machines." },
	{ "help", 'h', SP_OPT_FLAG, offsetof(struct args, help), NULL,
	  "This text." },
};

struct report {
	enum sp_rc rc[SP_PROBES];
	struct sp_err err[SP_PROBES];
	int landlock;
	bool tier_a, cgroup;
	enum sp_capture capture;
};

/* ---- looking ---------------------------------------------------------------
 */

/* A small file of the kernel's, as one line; empty when it is not there. */
static void read_line(const char *path, char *ret, size_t cap)
{
	SP_CLEANUP(sp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, cap - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

/* Is our own cgroup v2 directory ours to write? */
static bool has_cgroup(void)
{
	char line[PATH_MAX], path[PATH_MAX + 64];

	read_line("/proc/self/cgroup", line, sizeof(line));
	if (strncmp(line, "0::", 3) != 0)
		return false;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", line + 3);
	return access(path, W_OK) == 0;
}

static void look(struct report *r)
{
	r->tier_a = true;
	for (unsigned i = 0; i < SP_PROBES; i++) {
		/* Without namespaces the others would fail alike. */
		r->rc[i] = r->rc[SP_PROBE_NAMESPACES] < 0
		                   ? SP_DONE
		                   : sp_probe_run((enum sp_probe)i, &r->err[i]);
		if (r->rc[i] < 0 && sp_probe_rows[i].needed)
			r->tier_a = false;
	}
	r->capture = SP_CAPTURE_PORTS;
	if (r->rc[SP_PROBE_REDIRECT] == SP_OK)
		r->capture = SP_CAPTURE_REDIRECT;
	if (r->rc[SP_PROBE_TPROXY] == SP_OK)
		r->capture = SP_CAPTURE_TPROXY;
	r->landlock = sp_landlock_abi();
	r->cgroup = has_cgroup();
}

/* ---- advice ---------------------------------------------------------- */

static bool is_value(const char *path, const char *value)
{
	char line[64];

	read_line(path, line, sizeof(line));
	return strcmp(line, value) == 0;
}

/* Why namespaces fail, as far as the host says. */
static const char *advise_namespaces(void)
{
	if (is_value("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	             "1"))
		return "AppArmor restricts them: install the package's profile "
		       "(/etc/apparmor.d/sallyport), or start as root";
	if (is_value("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return "sysctl kernel.unprivileged_userns_clone=1, or start as "
		       "root";
	if (is_value("/proc/sys/user/max_user_namespaces", "0"))
		return "sysctl user.max_user_namespaces=15000";
	return "a container's profile may forbid them: run sallyport on its "
	       "host, or start the container with seccomp=unconfined";
}

static const char *advise(enum sp_probe which)
{
	switch (which) {
	case SP_PROBE_NAMESPACES:
	case SP_PROBE_ADDRESSES:
	case SP_PROBE_NESTED:
		return advise_namespaces();
	case SP_PROBE_TPROXY:
		return "modprobe nft_tproxy (as root, on the host)";
	case SP_PROBE_REDIRECT:
		return "modprobe nft_redir nft_nat (as root, on the host)";
	case SP_PROBE_OVERLAY:
		return "Linux 5.11 and the overlay module";
	case SP_PROBE_MOUNTS:
		return "Linux 5.12";
	case SP_PROBE_PROC:
		return "part of /proc is masked here, as in containers";
	case SP_PROBE_IDMAP:
		return "this file system cannot: use a project that belongs to "
		       "the user of the program";
	case SP_PROBE_LISTEN:
	case SP_PROBE_TERMINAL:
	case SP_PROBE_SECCOMP:
		return "a kernel built without it";
	}
	return "";
}

static void summary(const struct report *r, struct sp_buf *b)
{
	if (r->tier_a)
		sp_buf_printf(b, "tier %s (%s), ", geteuid() == 0 ? "A'" : "A",
		              sp_capture_name(r->capture));
	else
		sp_buf_text(b, "no tier A, ");
	if (r->landlock > 0)
		sp_buf_printf(b, "landlock %d, ", r->landlock);
	else
		sp_buf_text(b, "no landlock, ");
	sp_buf_text(b, r->cgroup ? "cgroup delegated" : "no cgroup delegated");
}

/* ---- for people ------------------------------------------------------ */

static void print_environment(void)
{
	static const char *const told[] = {
		"http_proxy",   "https_proxy",         "HTTP_PROXY",
		"HTTPS_PROXY",  "ALL_PROXY",           "SSL_CERT_FILE",
		"SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
	};
	const char *bundle = sp_trust_host_bundle();
	char target[PATH_MAX];
	ssize_t n = readlink("/etc/resolv.conf", target, sizeof(target) - 1);

	for (size_t i = 0; i < SP_COUNT(told); i++)
		if (getenv(told[i]) != NULL)
			printf("note  %s is set: sandboxes do not inherit it\n",
			       told[i]);
	printf("%-5s roots of this host: %s\n", bundle != NULL ? "ok" : "note",
	       bundle != NULL ? bundle
	                      : "none found; variables that replace "
	                        "roots are not set");
	if (n > 0)
		printf("note  /etc/resolv.conf is a link to %.*s\n", (int)n,
		       target);
}

static void print_people(const struct report *r)
{
	struct sp_buf line;

	for (unsigned i = 0; i < SP_PROBES; i++) {
		const struct sp_probe_row *row = &sp_probe_rows[i];

		if (r->rc[i] == SP_DONE)
			continue;
		if (r->rc[i] == SP_OK) {
			printf("ok    %s\n", row->name);
			continue;
		}
		printf("%-5s %s: %s\n      %s; %s\n",
		       row->needed ? "FAIL" : "note", row->name, r->err[i].text,
		       row->why, advise((enum sp_probe)i));
	}
	if (r->landlock == 0)
		puts("note  landlock: this kernel has none; the namespaces "
		     "carry the load alone");
	print_environment();
	sp_buf_init(&line, 256);
	summary(r, &line);
	printf("%.*s\n", (int)sp_buf_len(&line),
	       (const char *)sp_buf_str(&line).p);
	sp_buf_fini(&line);
}

/* ---- for machines ---------------------------------------------------- */

static void json_probe(const struct report *r, unsigned i, struct sp_buf *b)
{
	const struct sp_probe_row *row = &sp_probe_rows[i];

	sp_buf_text(b, i == 0 ? "{\"name\":" : ",{\"name\":");
	sp_json_put_text(b, sp_str(row->name));
	sp_buf_printf(b, ",\"needed\":%s,\"status\":",
	              row->needed ? "true" : "false");
	sp_buf_text(b, r->rc[i] == SP_OK     ? "\"ok\""
	               : r->rc[i] == SP_DONE ? "\"skipped\""
	                                     : "\"failed\"");
	if (r->rc[i] < 0) {
		sp_buf_text(b, ",\"error\":");
		sp_json_put_text(b, sp_str(r->err[i].text));
		sp_buf_text(b, ",\"advice\":");
		sp_json_put_text(b, sp_str(advise((enum sp_probe)i)));
	}
	sp_buf_text(b, "}");
}

static void print_json(const struct report *r)
{
	struct sp_buf b, line;

	sp_buf_init(&b, SP_KIB(64));
	sp_buf_init(&line, 256);
	summary(r, &line);
	sp_buf_printf(&b, "{\"tier\":%s,\"capture\":\"%s\",\"landlock\":%d,",
	              !r->tier_a       ? "null"
	              : geteuid() == 0 ? "\"A'\""
	                               : "\"A\"",
	              sp_capture_name(r->capture), r->landlock);
	sp_buf_printf(
		&b, "\"cgroup\":%s,\"summary\":", r->cgroup ? "true" : "false");
	sp_json_put_text(&b, sp_buf_str(&line));
	sp_buf_text(&b, ",\"probes\":[");
	for (unsigned i = 0; i < SP_PROBES; i++)
		json_probe(r, i, &b);
	sp_buf_text(&b, "]}");
	printf("%.*s\n", (int)sp_buf_len(&b), (const char *)sp_buf_str(&b).p);
	sp_buf_fini(&line);
	sp_buf_fini(&b);
}

int sp_cli_doctor(int argc, char **argv)
{
	struct args a = { 0 };
	struct report r = { 0 };
	struct sp_err err;
	int rest = 0;

	if (sp_opts_parse(options, SP_COUNT(options), argc, argv, &a, &rest,
	                  &err) < 0) {
		fprintf(stderr, "sallyport: %s\n", err.text);
		return SP_EXIT_USAGE;
	}
	if (rest < argc) {
		fputs("sallyport: doctor takes no arguments\n", stderr);
		return SP_EXIT_USAGE;
	}
	if (a.help) {
		puts("usage: sallyport doctor [OPTIONS]\n\n"
		     "Says how well this machine can isolate, and what is "
		     "missing.\n");
		sp_opts_help(options, SP_COUNT(options));
		return SP_EXIT_OK;
	}
	look(&r);
	if (a.json)
		print_json(&r);
	else
		print_people(&r);
	return r.tier_a ? SP_EXIT_OK : SP_EXIT_FAIL;
}
