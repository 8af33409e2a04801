/* SPDX-License-Identifier: Apache-2.0 */
#include "role/source.h"

#include "core/alloc.h"
#include "ipc/wire.h"
#include "role/memfd.h"

static void put_list(struct sp_wire *w, const char *const *text, size_t n)
{
	sp_put_u16(w, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		struct sp_str s = sp_str(text[i]);

		w->bad = w->bad || s.n > SP_SOURCE_ARG_MAX;
		sp_put_str(w, s);
	}
}

static size_t list_size(const char *const *text, size_t n)
{
	size_t sum = 2;

	for (size_t i = 0; i < n; i++)
		sum += 2 + strlen(text[i]);
	return sum;
}

enum sp_rc sp_source_put(struct sp_buf *out, const struct sp_policy_source *src)
{
	const char *file = src->file != NULL ? src->file : "";
	struct sp_wire w = { 0 };

	if (src->text.n > SP_SOURCE_TEXT_MAX ||
	    strlen(file) > SP_SOURCE_FILE_MAX ||
	    src->n_allow > SP_SOURCE_ARGS_MAX ||
	    src->n_deny > SP_SOURCE_ARGS_MAX)
		return SP_E_LIMIT;
	w.cap = 4 + src->text.n + 2 + strlen(file) +
	        list_size(src->allow, src->n_allow) +
	        list_size(src->deny, src->n_deny);
	w.p = sp_buf_room(out, w.cap);
	if (w.p == NULL)
		return SP_E_LIMIT;
	sp_put_u32(&w, (uint32_t)src->text.n);
	if (src->text.n > 0)
		memcpy(w.p + w.n, src->text.p, src->text.n);
	w.n += src->text.n;
	sp_put_str(&w, sp_str(file));
	put_list(&w, src->allow, src->n_allow);
	put_list(&w, src->deny, src->n_deny);
	if (w.bad)
		return SP_E_LIMIT;
	sp_buf_commit(out, w.n);
	return SP_OK;
}

static enum sp_rc get_text(struct sp_str *in, size_t max, char **ret)
{
	struct sp_str s;

	SP_TRY(sp_get_str(in, max, &s));
	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
		return SP_E_PROTO;
	*ret = sp_strdup(s);
	return SP_OK;
}

/* *n counts what was read even when a later one fails: fini frees those. */
static enum sp_rc get_list(struct sp_str *in, char ***ret, size_t *n)
{
	uint16_t count;

	SP_TRY(sp_get_u16(in, &count));
	if (count > SP_SOURCE_ARGS_MAX)
		return SP_E_LIMIT;
	*ret = sp_alloc(count + 1u, sizeof(char *));
	for (; *n < count; (*n)++)
		SP_TRY(get_text(in, SP_SOURCE_ARG_MAX, &(*ret)[*n]));
	return SP_OK;
}

static enum sp_rc get(struct sp_str in, struct sp_source *s)
{
	uint32_t n;

	SP_TRY(sp_get_u32(&in, &n));
	if (n > SP_SOURCE_TEXT_MAX)
		return SP_E_LIMIT;
	if (n > in.n)
		return SP_E_PROTO;
	s->src.text = sp_str_take(&in, n);
	SP_TRY(get_text(&in, SP_SOURCE_FILE_MAX, &s->file));
	SP_TRY(get_list(&in, &s->allow, &s->src.n_allow));
	SP_TRY(get_list(&in, &s->deny, &s->src.n_deny));
	return sp_get_end(&in);
}

enum sp_rc sp_source_get(struct sp_str in, struct sp_source *ret)
{
	struct sp_source s = { 0 };
	enum sp_rc rc = get(in, &s);

	if (rc < 0) {
		sp_source_fini(&s);
		return rc;
	}
	s.src.file = s.file;
	s.src.allow = (const char *const *)s.allow;
	s.src.deny = (const char *const *)s.deny;
	*ret = s;
	return SP_OK;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sp_free(list[i]);
	sp_free(list);
}

void sp_source_fini(struct sp_source *s)
{
	free_list(s->allow, s->src.n_allow);
	free_list(s->deny, s->src.n_deny);
	sp_free(s->file);
	*s = (struct sp_source){ 0 };
}

enum sp_rc sp_source_memfd(const struct sp_policy_source *src, int *ret,
                           struct sp_err *err)
{
	struct sp_buf b;
	enum sp_rc rc;

	sp_buf_init(&b, SP_SOURCE_MAX);
	rc = sp_source_put(&b, src);
	if (rc < 0)
		sp_err_set(err, "policy and options are too long");
	else
		rc = sp_memfd_make("sallyport-source", sp_buf_str(&b), ret,
		                   err);
	sp_buf_fini(&b);
	return rc;
}
