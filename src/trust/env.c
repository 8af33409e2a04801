/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/env.h"

#include "core/alloc.h"
#include "trust/trust.h"

#define NAME_LEN 128u

/* Passed on as they are. A name that ends with _ stands for all that begin
 * with it. */
static const char *const kept[] = {
	"PATH",     "SHELL",    "TERM",        "COLORTERM", "LANG",
	"LANGUAGE", "LC_",      "TZ",          "EDITOR",    "VISUAL",
	"PAGER",    "NO_COLOR", "FORCE_COLOR", "CLICOLOR",
};

/* These replace a program's roots: the merged bundle. */
static const char *const replacing[] = {
	"SSL_CERT_FILE",
	"CURL_CA_BUNDLE",
	"REQUESTS_CA_BUNDLE",
	"PIP_CERT",
	"GIT_SSL_CAINFO",
	"AWS_CA_BUNDLE",
	"CARGO_HTTP_CAINFO",
	"NPM_CONFIG_CAFILE",
	"NIX_SSL_CERT_FILE",
	"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
	"PERL_LWP_SSL_CA_FILE",
	"HEX_CACERTS_PATH",
	"BUNDLE_SSL_CA_CERT",
	"CODEX_CA_CERTIFICATE",
};

static const struct {
	const char *name, *value;
} fixed[] = {
	/* These add to a program's roots: our certificate alone. */
	{ "NODE_EXTRA_CA_CERTS", SP_TRUST_CA },
	{ "DENO_CERT", SP_TRUST_CA },
	{ "NODE_USE_SYSTEM_CA", "1" },
	{ "DENO_TLS_CA_STORE", "system,mozilla" },
	/* Images can install it themselves. */
	{ "SALLYPORT_CA_CERT", SP_TRUST_CA },
	{ "SANDBOX_CA_CERT", SP_TRUST_CA },
};

const char *sp_env_get(const char *const *list, const char *name)
{
	size_t n = strlen(name);

	for (; *list != NULL; list++)
		if (strncmp(*list, name, n) == 0 && (*list)[n] == '=')
			return *list + n + 1;
	return NULL;
}

/* The first to set a name wins. */
static void set(struct sp_env *e, const char *name, const char *value)
{
	size_t n = strlen(name) + strlen(value) + 2;
	char *text;

	if (e->vars.n > 0 && sp_env_get(e->vars.v, name) != NULL)
		return;
	text = sp_alloc(n, 1);
	snprintf(text, n, "%s=%s", name, value);
	sp_words_add(&e->vars, text);
}

/* NAME=VALUE as it is, if its name is short enough to be one. */
static void set_text(struct sp_env *e, const char *text)
{
	const char *eq = strchr(text, '=');
	char name[NAME_LEN];

	if (eq == NULL || eq == text || (size_t)(eq - text) >= sizeof(name))
		return;
	memcpy(name, text, (size_t)(eq - text));
	name[eq - text] = '\0';
	set(e, name, eq + 1);
}

static bool is_kept(const char *text)
{
	for (size_t i = 0; i < SP_COUNT(kept); i++) {
		size_t n = strlen(kept[i]);

		if (strncmp(text, kept[i], n) == 0 &&
		    (kept[i][n - 1] == '_' || text[n] == '='))
			return true;
	}
	return false;
}

static void add_asked(struct sp_env *e, const struct sp_env_facts *f)
{
	for (size_t i = 0; i < f->asked->n; i++) {
		const char *text = f->asked->v[i], *value;

		if (strchr(text, '=') != NULL) {
			set_text(e, text);
			continue;
		}
		value = sp_env_get(f->outer, text);
		if (value != NULL)
			set(e, text, value);
	}
}

/* Where a variable pointed elsewhere before, its file is merged as well, and
 * the value is kept for those who look for it. */
static void replace(struct sp_env *e, const struct sp_env_facts *f,
                    const char *name)
{
	const char *old = sp_env_get(f->outer, name);
	char orig[NAME_LEN];

	if (old != NULL && old[0] != '\0') {
		snprintf(orig, sizeof(orig), "SALLYPORT_ORIG_%s", name);
		set(e, orig, old);
		if (old[0] == '/')
			sp_words_copy(&e->bundles, sp_str(old));
	}
	set(e, name, SP_TRUST_BUNDLE);
}

static void add_trust(struct sp_env *e, const struct sp_env_facts *f)
{
	const char *extra = sp_env_get(f->outer, "NODE_EXTRA_CA_CERTS");

	if (extra != NULL && extra[0] == '/')
		sp_words_copy(&e->bundles, sp_str(extra));
	/* A bundle that held only ours would break hosts that are spliced. */
	for (size_t i = 0; f->bundle && i < SP_COUNT(replacing); i++)
		replace(e, f, replacing[i]);
	for (size_t i = 0; i < SP_COUNT(fixed); i++)
		set(e, fixed[i].name, fixed[i].value);
}

void sp_env_build(struct sp_env *e, const struct sp_env_facts *f)
{
	char run[64];

	*e = (struct sp_env){ 0 };
	add_asked(e, f);
	set(e, "HOME", f->home);
	set(e, "USER", f->user);
	set(e, "LOGNAME", f->user);
	set(e, "PWD", f->cwd);
	snprintf(run, sizeof(run), "/run/user/%u", (unsigned)f->uid);
	set(e, "XDG_RUNTIME_DIR", run);
	set(e, "SALLYPORT_TIER", f->tier);
	add_trust(e, f);
	for (const char *const *p = f->outer; *p != NULL; p++)
		if (is_kept(*p))
			set_text(e, *p);
	set(e, "PATH",
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

void sp_env_fini(struct sp_env *e)
{
	sp_words_free(&e->vars);
	sp_words_free(&e->bundles);
}
