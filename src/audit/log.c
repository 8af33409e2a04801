/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/fd.h"

#include "audit/log_int.h"

/* Above SP_LOG_BATCH_MAX by the line that reached it. */
#define BATCH_CAP (SP_LOG_BATCH_MAX + SP_LINE_MAX * 6u)

static enum sp_rc flush(struct sp_log *l)
{
	struct sp_str s = sp_buf_str(&l->batch);
	ssize_t n;

	if (l->broken)
		return SP_E_SYS;
	if (s.n == 0)
		return SP_OK;
	do
		n = write(l->fd, s.p, s.n);
	while (n < 0 && errno == EINTR);
	/*
	 * A short write is not finished: what follows it would have to be
	 * told apart from it. The next sp_log_open() cuts it off.
	 */
	l->broken = n != (ssize_t)s.n || !sp_buf_ok(&l->batch);
	sp_buf_reset(&l->batch);
	return l->broken ? SP_E_SYS : SP_OK;
}

static void append(struct sp_log *l, struct sp_log_sb *sb,
                   struct sp_log_clock now, enum sp_record_type type,
                   struct sp_line *line)
{
	struct sp_line_head head = {
		.type = type,
		.seq = l->seq,
		.prev = l->prev,
		.boot = l->boot,
		.at = now,
		.sb = sb,
		.name = type != SP_REC_TX_CLOSE,
	};
	size_t start = sp_buf_len(&l->batch);
	struct sp_str text;

	if (l->broken)
		return;
	/* A clock read before the last record's must not look tampered with. */
	if (head.at.mono_us < l->mono)
		head.at.mono_us = l->mono;
	l->mono = head.at.mono_us;
	sp_line_put(&l->batch, &head, line);
	text = sp_buf_str(&l->batch);
	sp_str_take(&text, start);
	sp_assert(text.n <= SP_LINE_MAX);
	sp_leaf_hex(&l->leaf, text, l->prev);
	sp_buf_byte(&l->batch, '\n');
	l->seq++;
	if (sb != NULL)
		sb->sbseq++;
	/* Failure is remembered in l->broken; commit reports it. */
	if (sp_buf_len(&l->batch) >= SP_LOG_BATCH_MAX)
		(void)flush(l);
}

static size_t tx_id(const struct sp_log_sb *sb, uint64_t counter,
                    char ret[SP_TX_ID_MAX])
{
	int n = snprintf(ret, SP_TX_ID_MAX, "%s.%u.%llu", sb->id, sb->instance,
	                 (unsigned long long)counter);

	sp_assert(n > 0 && (size_t)n < SP_TX_ID_MAX);
	return (size_t)n;
}

enum sp_rc sp_log_tx_open(struct sp_log *l, struct sp_log_sb *sb,
                          struct sp_log_clock now, const struct sp_rec_open *r)
{
	bool dns = r->proto == SP_PROTO_DNS;
	char text[SP_TX_ID_MAX];
	struct sp_str id = { (const uint8_t *)text, tx_id(sb, r->id, text) };
	struct sp_line line;

	if (l->broken)
		return SP_E_SYS;
	if (r->final) {
		if (sp_ids_find(&l->opens, id) != NULL)
			return SP_E_STATE;
	} else {
		if (sb->opens == SP_LOG_SB_OPENS_MAX)
			return SP_E_LIMIT;
		SP_TRY(sp_ids_add(&l->opens, id, l->seq));
		sb->opens++;
	}
	sp_line_open(&line, id, r);
	append(l, sb, now, dns ? SP_REC_DNS : SP_REC_TX_OPEN, &line);
	return SP_OK;
}

enum sp_rc sp_log_tx_close(struct sp_log *l, struct sp_log_sb *sb,
                           struct sp_log_clock now,
                           const struct sp_rec_close *r)
{
	char text[SP_TX_ID_MAX];
	struct sp_str id = { (const uint8_t *)text, tx_id(sb, r->id, text) };
	struct sp_line line;
	uint64_t seq;

	if (l->broken)
		return SP_E_SYS;
	if (!sp_ids_take(&l->opens, id, &seq))
		return SP_E_STATE;
	if (sb->opens > 0)
		sb->opens--;
	sp_line_close(&line, id, seq, r);
	append(l, sb, now, SP_REC_TX_CLOSE, &line);
	return SP_OK;
}

void sp_log_abort_one(struct sp_log *l, struct sp_log_sb *sb,
                      struct sp_log_clock now, const struct sp_id_row *tx)
{
	const struct sp_rec_close r = {
		.outcome = SP_OUT_ABORTED,
		.reason = SP_REASON_INTERNAL,
	};
	struct sp_str id = sp_str(tx->id);
	struct sp_line line;
	uint64_t seq;

	if (!sp_ids_take(&l->opens, id, &seq))
		return;
	if (sb->opens > 0)
		sb->opens--;
	sp_line_close(&line, id, seq, &r);
	append(l, sb, now, SP_REC_TX_CLOSE, &line);
}

size_t sp_log_abort(struct sp_log *l, struct sp_log_sb *sb,
                    struct sp_log_clock now)
{
	struct sp_id_row *list;
	size_t n;

	list = sp_ids_list(&l->opens, sp_str(sb->id), &n);
	for (size_t i = 0; i < n; i++)
		sp_log_abort_one(l, sb, now, &list[i]);
	sp_free(list);
	return n;
}

void sp_log_event(struct sp_log *l, struct sp_log_sb *sb,
                  struct sp_log_clock now, const char *type,
                  const struct sp_log_field *f, size_t n)
{
	enum sp_record_type t;
	struct sp_line line;
	bool known = sp_record_type_find(sp_str(type), &t);

	sp_assert(known);
	sp_line_event(&line, f, n);
	append(l, sb, now, t, &line);
}

enum sp_rc sp_log_commit(struct sp_log *l)
{
	return flush(l);
}

enum sp_rc sp_log_sync(struct sp_log *l)
{
	if (l->broken)
		return SP_E_SYS;
	/* Not tried again: the kernel may have dropped the pages. */
	l->broken = fdatasync(l->fd) < 0;
	return l->broken ? SP_E_SYS : SP_OK;
}

void sp_log_head(const struct sp_log *l, struct sp_log_head *ret)
{
	ret->n = l->seq;
	memcpy(ret->hash, l->prev, sizeof(ret->hash));
}

void sp_log_recovered(const struct sp_log *l, struct sp_log_recovered *ret)
{
	*ret = l->recovered;
}

/* mkdir -p, for the owner alone. */
static enum sp_rc make_dir(const char *dir, struct sp_err *err)
{
	char path[4096];
	size_t n = strlen(dir);

	if (n == 0 || n >= sizeof(path)) {
		sp_err_set(err, "the name of the log's folder is too long");
		return SP_E_LIMIT;
	}
	memcpy(path, dir, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return sp_err_sys(err, path);
		path[i] = dir[i];
	}
	return SP_OK;
}

/* Who could write to the folder could replace the log. */
static enum sp_rc check_dir(int fd, const char *dir, struct sp_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return sp_err_sys(err, dir);
	if (st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return SP_OK;
	sp_err_set(err,
	           "%s: the folder of the log must belong to this user and be "
	           "writable by nobody else (chmod 700)",
	           dir);
	return SP_E_DENIED;
}

static enum sp_rc lock_dir(int fd, const char *dir, struct sp_err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return SP_OK;
	if (errno != EWOULDBLOCK)
		return sp_err_sys(err, dir);
	sp_err_set(err,
	           "%s: another keeper writes this log; stop it, or give this "
	           "one a state folder of its own",
	           dir);
	return SP_E_STATE;
}

static enum sp_rc open_file(struct sp_log *l, struct sp_err *err)
{
	struct stat st;

	l->fd = openat(l->dir, SP_LOG_FILE,
	               O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	               0600);
	if (l->fd < 0 || fstat(l->fd, &st) < 0)
		return sp_err_sys(err, SP_LOG_FILE);
	if (!S_ISREG(st.st_mode)) {
		sp_err_set(err, SP_LOG_FILE ": not a regular file");
		return SP_E_DENIED;
	}
	/* The name itself must survive a power cut. */
	if (st.st_size == 0 && fsync(l->dir) < 0)
		return sp_err_sys(err, SP_LOG_FILE);
	return SP_OK;
}

static enum sp_rc open_all(struct sp_log *l, const char *dir,
                           struct sp_log_clock now, struct sp_err *err)
{
	const struct sp_log_field version = { .key = "version",
		                              .text = sp_str(SP_VERSION) };

	SP_TRY(make_dir(dir, err));
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return sp_err_sys(err, dir);
	SP_TRY(check_dir(l->dir, dir, err));
	SP_TRY(lock_dir(l->dir, dir, err));
	SP_TRY(open_file(l, err));
	SP_TRY(sp_log_recover(l, now, err));
	sp_log_event(l, NULL, now, "log.open", &version, 1);
	if (sp_log_commit(l) < 0 || sp_log_sync(l) < 0)
		return sp_err_sys(err, "write " SP_LOG_FILE);
	return SP_OK;
}

static void destroy(struct sp_log *l)
{
	sp_fd_close(&l->fd);
	sp_fd_close(&l->dir); /* gives the lock back */
	sp_leaf_fini(&l->leaf);
	sp_buf_fini(&l->batch);
	sp_ids_fini(&l->opens);
	sp_free(l);
}

enum sp_rc sp_log_open(const char *dir, const char *boot,
                       struct sp_log_clock now, struct sp_log **ret,
                       struct sp_err *err)
{
	struct sp_log *l = SP_NEW(struct sp_log);
	enum sp_rc rc;

	l->fd = l->dir = -1;
	snprintf(l->boot, sizeof(l->boot), "%s", boot);
	memset(l->prev, '0', SP_LEAF_HEX);
	sp_leaf_init(&l->leaf);
	sp_buf_init(&l->batch, BATCH_CAP);
	sp_ids_init(&l->opens);
	rc = open_all(l, dir, now, err);
	if (rc < 0) {
		sp_err_wrap(err, "open the audit log");
		destroy(l);
		return rc;
	}
	*ret = l;
	return SP_OK;
}

void sp_log_close(struct sp_log *l, struct sp_log_clock now)
{
	if (l == NULL)
		return;
	/* Without their sandboxes they cannot be closed here: next time. */
	if (l->opens.n == 0)
		sp_log_event(l, NULL, now, "log.close", NULL, 0);
	/* Nobody is left to tell; the next open will find what is missing. */
	if (sp_log_commit(l) == SP_OK)
		fdatasync(l->fd);
	destroy(l);
}
