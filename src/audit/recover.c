/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/recover.c - from whatever a keeper left behind to a log that can be
 * appended to.
 *
 *	... log.open  a  b  c  d  {"addr":"93.1
 *	    |<---- verified --->|  |<-- cut -->|
 *
 * Nothing was open at the last log.open, so what is open now was opened after
 * it, and no more than this last run has to be read.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"

#include "audit/log_int.h"
#include "audit/verify.h"

#define BLOCK (256u << 10)

/* No text can hold this: the quotes within would be escaped. */
static const char run_mark[] = "\"type\":\"log.open\"";

struct tail {
	int fd;
	uint64_t size, end, start; /* of file, last line's end, last run */
	uint8_t *block;
};

static enum sp_rc read_at(int fd, uint8_t *buf, size_t n, uint64_t at,
                          struct sp_err *err)
{
	while (n > 0) {
		ssize_t got = pread(fd, buf, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO; /* the file shrinks under our lock */
		if (got <= 0)
			return sp_err_sys(err, "read " SP_LOG_FILE);
		buf += got;
		n -= (size_t)got;
		at += (size_t)got;
	}
	return SP_OK;
}

static enum sp_rc damaged(struct sp_err *err, uint64_t at, const char *what)
{
	sp_err_set(err,
	           SP_LOG_FILE ": damaged at byte %llu (%s); look at it with "
	                       "'sallyport audit verify', then move the file "
	                       "away to begin a new log",
	           (unsigned long long)at, what);
	return SP_E_PROTO;
}

/* *ret is the offset behind the last newline at or before end. */
static enum sp_rc line_start(struct tail *t, uint64_t end, uint64_t *ret,
                             struct sp_err *err)
{
	uint64_t from = end > SP_LINE_MAX + 1 ? end - SP_LINE_MAX - 1 : 0;
	size_t n = (size_t)(end - from);
	const uint8_t *nl;

	SP_TRY(read_at(t->fd, t->block, n, from, err));
	nl = n > 0 ? memrchr(t->block, '\n', n) : NULL;
	if (nl == NULL && from > 0)
		return damaged(err, from, "no line ends here");
	*ret = nl == NULL ? 0 : from + (uint64_t)(nl - t->block) + 1;
	return SP_OK;
}

static const uint8_t *find_last(const uint8_t *p, size_t n)
{
	const size_t len = sizeof(run_mark) - 1;
	const uint8_t *found = NULL, *at;
	size_t from = 0;

	while (n - from >= len &&
	       (at = memmem(p + from, n - from, run_mark, len)) != NULL) {
		found = at;
		from = (size_t)(at - p) + 1;
	}
	return found;
}

/* Backwards in blocks that overlap by a mark that lies across their border. */
static enum sp_rc find_run(struct tail *t, struct sp_err *err)
{
	uint64_t hi = t->end;

	t->start = 0;
	while (hi > 0) {
		uint64_t lo = hi > BLOCK ? hi - BLOCK : 0;
		const uint8_t *at;

		SP_TRY(read_at(t->fd, t->block, (size_t)(hi - lo), lo, err));
		at = find_last(t->block, (size_t)(hi - lo));
		if (at != NULL)
			return line_start(t, lo + (uint64_t)(at - t->block),
			                  &t->start, err);
		hi = lo == 0 ? 0 : lo + sizeof(run_mark);
	}
	return SP_OK;
}

static enum sp_rc verify_run(struct tail *t, struct sp_verify *v,
                             struct sp_err *err)
{
	const struct sp_verify_sum *s = sp_verify_sum(v);

	for (uint64_t at = t->start; at < t->end;) {
		size_t n = t->end - at < BLOCK ? (size_t)(t->end - at) : BLOCK;

		SP_TRY(read_at(t->fd, t->block, n, at, err));
		sp_verify_feed(v, (struct sp_str){ t->block, n });
		at += n;
	}
	if (sp_verify_end(v) == SP_OK)
		return SP_OK;
	if (s->n > 0)
		return damaged(err, s->at[0].offset,
		               sp_fault_code(s->at[0].fault));
	return damaged(err, t->start, "too many transactions are open");
}

/* Closes what the last keeper, or a proxy of it, left open. */
static void close_all(struct sp_log *l, const struct sp_ids *boxes,
                      struct sp_log_clock now)
{
	struct sp_id_row *list;
	size_t n;

	list = sp_ids_list(&l->opens, (struct sp_str){ 0 }, &n);
	for (size_t i = 0; i < n; i++) {
		struct sp_log_sb sb = { 0 };
		struct sp_tx_id id;
		uint64_t *sbseq;

		sp_assert(sp_tx_id_parse(sp_str(list[i].id), &id));
		sbseq = sp_ids_find(boxes, id.sb);
		sp_assert(sbseq != NULL && id.sb.n < sizeof(sb.id));
		memcpy(sb.id, id.sb.p, id.sb.n);
		sb.sbseq = *sbseq;
		sb.instance = (uint32_t)id.instance;
		sp_log_abort_one(l, &sb, now, &list[i]);
		*sbseq = sb.sbseq;
	}
	sp_free(list);
}

static void take_over(struct sp_log *l, struct sp_verify *v, uint64_t cut,
                      struct sp_log_clock now)
{
	const struct sp_verify_sum *s = sp_verify_sum(v);
	const struct sp_ids *opens = sp_verify_opens(v);
	struct sp_log_field f[2];

	if (s->records > 0) {
		l->seq = s->last_seq + 1;
		memcpy(l->prev, s->head, sizeof(l->prev));
		l->mono = sp_verify_mono(v, l->boot);
	}
	l->recovered = (struct sp_log_recovered){
		.unclean = cut > 0 || (s->records > 0 && !s->closed),
		.cut = cut,
		.aborted = opens->n,
	};
	if (!l->recovered.unclean)
		return;
	f[0] = (struct sp_log_field){ .key = "aborted", .number = opens->n };
	f[1] = (struct sp_log_field){ .key = "cut", .number = cut };
	sp_log_event(l, NULL, now, "log.recover", f, 2);
	sp_ids_copy(&l->opens, opens);
	close_all(l, sp_verify_sandboxes(v), now);
}

static enum sp_rc recover(struct sp_log *l, struct tail *t,
                          struct sp_verify **v, struct sp_log_clock now,
                          struct sp_err *err)
{
	struct sp_verify_want want = { 0 };
	uint64_t cut;

	SP_TRY(line_start(t, t->size, &t->end, err));
	SP_TRY(find_run(t, err));
	want.tail = t->start > 0;
	want.offset = t->start;
	*v = sp_verify_new(&want);
	if (t->end > 0)
		SP_TRY(verify_run(t, *v, err));
	cut = t->size - t->end;
	if (cut > 0 && ftruncate(l->fd, (off_t)t->end) < 0)
		return sp_err_sys(err, "cut " SP_LOG_FILE);
	take_over(l, *v, cut, now);
	return SP_OK;
}

enum sp_rc sp_log_recover(struct sp_log *l, struct sp_log_clock now,
                          struct sp_err *err)
{
	struct tail t = { .fd = l->fd };
	struct sp_verify *v = NULL;
	struct stat st;
	enum sp_rc rc;

	if (fstat(l->fd, &st) < 0)
		return sp_err_sys(err, SP_LOG_FILE);
	t.size = (uint64_t)st.st_size;
	t.block = sp_alloc(1, BLOCK);
	rc = recover(l, &t, &v, now, err);
	sp_verify_free(v);
	sp_free(t.block);
	return rc;
}
