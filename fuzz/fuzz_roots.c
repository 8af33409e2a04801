/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index of any origin opens or is refused, and looking something up in it
 * touches nothing outside. What is no index is taken for PEM: what indexes
 * must open.
 */
#include "tls/roots_int.h"

#include "core/buf.h"

/* The subject in the seeds. */
static const char CN[] = "Sallyport sandbox seed";

static X509_NAME *subject(void)
{
	X509_NAME *name = X509_NAME_new();
	int ok = X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
	                                    (const unsigned char *)CN, -1, -1,
	                                    0);

	sp_assert(ok == 1);
	return name;
}

static void look_up(struct sp_str index)
{
	struct sp_roots *roots;
	X509_STORE_CTX *ctx;
	X509_STORE *store;
	X509_OBJECT *found;
	X509_NAME *name;

	if (sp_roots_open(index, &roots) < 0)
		return;
	store = sp_roots_store(roots);
	ctx = X509_STORE_CTX_new();
	found = X509_OBJECT_new();
	name = subject();
	sp_assert(X509_STORE_CTX_init(ctx, store, NULL, NULL) == 1);
	(void)X509_STORE_CTX_get_by_subject(ctx, X509_LU_X509, name, found);
	X509_NAME_free(name);
	X509_OBJECT_free(found);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sp_roots_free(roots);
	ERR_clear_error();
}

static void index_it(struct sp_str pem)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf out;
	struct sp_roots *roots;
	struct sp_err err;

	sp_buf_init(&out, 1 << 20);
	if (sp_roots_index(pem, &out, &err) < 0)
		return;
	sp_assert(sp_roots_open(sp_buf_str(&out), &roots) == SP_OK);
	sp_roots_free(roots);
	look_up(sp_buf_str(&out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_str in = { data, size };

	if (size >= 4 && memcmp(data, "SPR1", 4) == 0)
		look_up(in);
	else
		index_it(in);
	return 0;
}
