/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>

#include "test.h"

#include "trust/bundle.h"
#include "trust/env.h"

/* ---- PEM ----------------------------------------------------------------- */

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"
/* 30 03 02 01 05, and with one byte more */
#define SMALL "MAMCAQU=\n"
#define OTHER "MAMCAQY=\n"

static const struct {
	const char *name, *pem;
	size_t want;
} pems[] = {
	{ "nothing", "", 0 },
	{ "text", "hello\n", 0 },
	{ "one", BEGIN SMALL END, 1 },
	{ "text around", "# a comment\n" BEGIN SMALL END "more\n", 1 },
	{ "two", BEGIN SMALL END BEGIN OTHER END, 2 },
	{ "the same twice", BEGIN SMALL END BEGIN SMALL END, 1 },
	{ "CRLF", "-----BEGIN CERTIFICATE-----\r\nMAMCAQU=\r\n" END, 1 },
	{ "two lines", BEGIN "MAMC\nAQU=\n" END, 1 },
	{ "no end", BEGIN SMALL, 0 },
	{ "no begin", SMALL END, 0 },
	{ "private key",
	  "-----BEGIN PRIVATE KEY-----\n" SMALL "-----END PRIVATE KEY-----\n",
	  0 },
	{ "key, then certificate",
	  "-----BEGIN PRIVATE KEY-----\n" SMALL
	  "-----END PRIVATE KEY-----\n" BEGIN SMALL END,
	  1 },
	{ "not base64", BEGIN "MAMC!QU=\n" END, 0 },
	{ "no padding", BEGIN "MAMCAQU\n" END, 0 },
	{ "padding in the middle", BEGIN "MAM=\nCAQU\n" END, 0 },
	{ "group cut by a line", BEGIN "MAMCA\nQU=\n" END, 0 },
	{ "bytes behind the sequence", BEGIN "MAMCAQUA\n" END, 0 },
	{ "sequence too short", BEGIN "MAQCAQU=\n" END, 0 },
	{ "not a sequence", BEGIN "AgEF\n" END, 0 },
	{ "trusted: what follows is cut off",
	  "-----BEGIN TRUSTED CERTIFICATE-----\nMAMCAQUA\n"
	  "-----END TRUSTED CERTIFICATE-----\n",
	  1 },
	{ "empty", BEGIN END, 0 },
};

static void test_pem(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(pems); i++) {
		struct sp_bundle b;

		sp_bundle_init(&b);
		if (sp_bundle_add_pem(&b, sp_str(pems[i].pem)) != pems[i].want)
			fail_msg("%s", pems[i].name);
		sp_bundle_fini(&b);
	}
}

/* A sequence of n + 4 bytes that differ by seed. */
static void add_cert(struct sp_buf *pem, size_t n, uint8_t seed)
{
	uint8_t der[4 + 4096] = { 0x30, 0x82, (uint8_t)(n >> 8), (uint8_t)n };
	struct sp_bundle b;
	struct sp_buf one;

	memset(der + 4, seed, n);
	sp_buf_init(&one, 16384);
	sp_buf_text(&one, BEGIN);
	sp_base64((struct sp_str){ der, n + 4 }, &one);
	sp_buf_text(&one, "\n" END);
	/* sp_base64 has no breaks: the reader takes any length of line */
	sp_bundle_init(&b);
	assert_int_equal(sp_bundle_add_pem(&b, sp_buf_str(&one)), 1);
	sp_bundle_pem(&b, pem);
	sp_bundle_fini(&b);
	sp_buf_fini(&one);
}

static void test_pem_round_trip(void **state)
{
	struct sp_bundle b;
	struct sp_buf in, out;

	(void)state;
	sp_buf_init(&in, SP_MIB(1));
	sp_buf_init(&out, SP_MIB(1));
	for (size_t n = 256; n < 300; n++)
		add_cert(&in, n, (uint8_t)n);
	sp_bundle_init(&b);
	assert_int_equal(sp_bundle_add_pem(&b, sp_buf_str(&in)), 44);
	sp_bundle_pem(&b, &out);
	assert_true(sp_str_eq(sp_buf_str(&in), sp_buf_str(&out)));
	assert_int_equal(sp_bundle_add_pem(&b, sp_buf_str(&out)), 0);
	sp_bundle_fini(&b);
	sp_buf_fini(&in);
	sp_buf_fini(&out);
}

static void test_bundle_limit(void **state)
{
	struct sp_buf in;
	struct sp_bundle *b = malloc(sizeof(*b));

	(void)state;
	assert_non_null(b);
	sp_buf_init(&in, SP_MIB(4));
	for (size_t i = 0; i < SP_BUNDLE_CERTS + 1; i++)
		add_cert(&in, 256 + i, 7);
	sp_bundle_init(b);
	assert_int_equal(sp_bundle_add_pem(b, sp_buf_str(&in)),
	                 SP_BUNDLE_CERTS);
	sp_bundle_fini(b);
	sp_buf_fini(&in);
	free(b);
}

/* ---- JKS ----------------------------------------------------------------- */

static void test_jks(void **state)
{
	static const uint8_t want[] = {
		0xfe, 0xed, 0xfe, 0xed, 0,    0,   0,   2,   0,   0,   0,
		1,    0,    0,    0,    2,    0,   11,  's', 'a', 'l', 'l',
		'y',  'p',  'o',  'r',  't',  '-', '0', 0,   0,   0,   0,
		0,    1,    2,    3,    0,    5,   'X', '.', '5', '0', '9',
		0,    0,    0,    5,    0x30, 3,   2,   1,   5
	};
	static const uint8_t prefix[] = "\0c\0h\0a\0n\0g\0e\0i\0tMighty "
					"Aphrodite";
	uint8_t text[sizeof(prefix) - 1 + sizeof(want)], sum[20];
	struct sp_bundle b;
	struct sp_buf out;

	(void)state;
	memcpy(text, prefix, sizeof(prefix) - 1);
	memcpy(text + sizeof(prefix) - 1, want, sizeof(want));
	assert_int_equal(
		EVP_Digest(text, sizeof(text), sum, NULL, EVP_sha1(), NULL), 1);
	sp_bundle_init(&b);
	assert_int_equal(sp_bundle_add_pem(&b, sp_str(BEGIN SMALL END)), 1);
	sp_buf_init(&out, 4096);
	sp_buf_text(&out, "before");
	sp_bundle_jks(&b, 0x010203, &out);
	assert_int_equal(sp_buf_len(&out), 6 + sizeof(want) + 20);
	assert_memory_equal(sp_buf_str(&out).p + 6, want, sizeof(want));
	assert_memory_equal(sp_buf_str(&out).p + 6 + sizeof(want), sum, 20);
	sp_bundle_fini(&b);
	sp_buf_fini(&out);
}

/* ---- environment -----------------------------------------------------------
 */

static const char *const outer[] = {
	"PATH=/bin",
	"HOME=/home/outer",
	"TERM=xterm",
	"LC_ALL=C",
	"LC=not a prefix",
	"TERMINFO=no",
	"SSH_AUTH_SOCK=/run/agent",
	"AWS_SECRET_ACCESS_KEY=x",
	"HTTPS_PROXY=http://proxy:3128",
	"LD_PRELOAD=/evil.so",
	"NODE_TLS_REJECT_UNAUTHORIZED=0",
	"SSL_CERT_FILE=/corp/ca.pem",
	"PIP_CERT=relative.pem",
	"CURL_CA_BUNDLE=",
	"NODE_EXTRA_CA_CERTS=/corp/node.pem",
	"WANTED=yes",
	"EMPTY=",
	NULL,
};

static const struct {
	const char *name, *want; /* NULL: not there */
} vars[] = {
	{ "PATH", "/bin" },
	{ "HOME", "/home/inner" },
	{ "USER", "me" },
	{ "LOGNAME", "me" },
	{ "PWD", "/p" },
	{ "TERM", "xterm" },
	{ "LC_ALL", "C" },
	{ "LC", NULL },
	{ "TERMINFO", NULL },
	{ "SSH_AUTH_SOCK", NULL },
	{ "AWS_SECRET_ACCESS_KEY", NULL },
	{ "HTTPS_PROXY", NULL },
	{ "LD_PRELOAD", NULL },
	{ "NODE_TLS_REJECT_UNAUTHORIZED", NULL },
	{ "SSL_CERT_FILE", "/run/sallyport/bundle.pem" },
	{ "SALLYPORT_ORIG_SSL_CERT_FILE", "/corp/ca.pem" },
	{ "SALLYPORT_ORIG_PIP_CERT", "relative.pem" },
	{ "SALLYPORT_ORIG_CURL_CA_BUNDLE", NULL },
	{ "CURL_CA_BUNDLE", "/run/sallyport/bundle.pem" },
	{ "NODE_EXTRA_CA_CERTS", "/run/sallyport/ca.pem" },
	{ "XDG_RUNTIME_DIR", "/run/user/7" },
	{ "SALLYPORT_TIER", "A" },
	{ "WANTED", "yes" },
	{ "EMPTY", "" },
	{ "SET", "a=b" },
	{ "ABSENT", NULL },
	{ "TMPDIR", NULL },
};

static struct sp_env_facts facts(const struct sp_words *asked, bool bundle)
{
	return (struct sp_env_facts){
		.outer = outer,
		.asked = asked,
		.home = "/home/inner",
		.user = "me",
		.cwd = "/p",
		.tier = "A",
		.uid = 7,
		.bundle = bundle,
	};
}

static void test_environment(void **state)
{
	struct sp_words asked = { 0 };
	struct sp_env_facts f;
	struct sp_env e;

	(void)state;
	sp_words_add(&asked, "WANTED");
	sp_words_add(&asked, "EMPTY");
	sp_words_add(&asked, "ABSENT");
	sp_words_add(&asked, "SET=a=b");
	f = facts(&asked, true);
	sp_env_build(&e, &f);
	for (size_t i = 0; i < SP_COUNT(vars); i++) {
		const char *got = sp_env_get(e.vars.v, vars[i].name);

		if ((got == NULL) != (vars[i].want == NULL))
			fail_msg("%s", vars[i].name);
		if (got != NULL)
			assert_string_equal(got, vars[i].want);
	}
	assert_int_equal(e.bundles.n, 2);
	assert_string_equal(e.bundles.v[0], "/corp/node.pem");
	assert_string_equal(e.bundles.v[1], "/corp/ca.pem");
	sp_env_fini(&e);
	sp_env_fini(&e); /* twice is harmless */
	free(asked.v);
}

/* Each name once, whoever asks for it; what was asked for wins. */
static void test_names_are_unique(void **state)
{
	struct sp_words asked = { 0 };
	struct sp_env_facts f;
	struct sp_env e;

	(void)state;
	sp_words_add(&asked, "PATH=/mine");
	sp_words_add(&asked, "SSL_CERT_FILE=/mine.pem");
	sp_words_add(&asked, "PATH=/second");
	f = facts(&asked, true);
	sp_env_build(&e, &f);
	assert_string_equal(sp_env_get(e.vars.v, "PATH"), "/mine");
	assert_string_equal(sp_env_get(e.vars.v, "SSL_CERT_FILE"), "/mine.pem");
	for (size_t i = 0; i < e.vars.n; i++)
		for (size_t k = i + 1; k < e.vars.n; k++) {
			size_t n = strcspn(e.vars.v[i], "=") + 1;

			assert_int_not_equal(
				strncmp(e.vars.v[i], e.vars.v[k], n), 0);
		}
	sp_env_fini(&e);
	free(asked.v);
}

/* Without a bundle of the host, ours would be all there is. */
static void test_no_host_bundle(void **state)
{
	struct sp_words asked = { 0 };
	struct sp_env_facts f = facts(&asked, false);
	struct sp_env e;

	(void)state;
	sp_env_build(&e, &f);
	assert_null(sp_env_get(e.vars.v, "SSL_CERT_FILE"));
	assert_non_null(sp_env_get(e.vars.v, "NODE_EXTRA_CA_CERTS"));
	sp_env_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_pem_round_trip),
		cmocka_unit_test(test_bundle_limit),
		cmocka_unit_test(test_jks),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_no_host_bundle),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
