/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/session_int.h"

#include "core/alloc.h"

/* Header, IV or nonce, MAC, padding, content type: TLS 1.2 with CBC is the
 * worst case (5 + 16 + 48 + 16). */
#define RECORD_OVERHEAD 96u
#define RECORD_MAX      16384u
/* A KeyUpdate or an alert that waited may go out before the data. */
#define SLACK 128u

/* ---- the BIO: the caller's buffers as OpenSSL sees them ----------------- */

static int bio_read(BIO *bio, char *to, int max)
{
	struct sp_tls *t = BIO_get_data(bio);
	size_t n;

	BIO_clear_retry_flags(bio);
	if (max <= 0 || t->in == NULL || sp_buf_len(t->in) == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = sp_buf_len(t->in);
	if (n > (size_t)max)
		n = (size_t)max;
	memcpy(to, sp_buf_str(t->in).p, n);
	sp_buf_consume(t->in, n);
	return (int)n;
}

static int bio_write(BIO *bio, const char *from, int len)
{
	struct sp_tls *t = BIO_get_data(bio);
	size_t room = t->out != NULL ? sp_buf_free_space(t->out) : 0;
	size_t n = len > 0 ? (size_t)len : 0;

	BIO_clear_retry_flags(bio);
	if (n > room)
		n = room;
	if (n == 0) {
		BIO_set_retry_write(bio);
		return -1;
	}
	sp_buf_add(t->out, (struct sp_str){ (const uint8_t *)from, n });
	return (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH; /* nothing is held back here */
}

BIO_METHOD *sp_tls_bio_method(void)
{
	/* No index of its own: they are few, and nobody looks for this BIO. */
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sp_buf");

	sp_assert(m != NULL && BIO_meth_set_read(m, bio_read) == 1 &&
	          BIO_meth_set_write(m, bio_write) == 1 &&
	          BIO_meth_set_ctrl(m, bio_ctrl) == 1);
	return m;
}

/* ---- life ------------------------------------------------------------ */

bool sp_tls_ctx_setup(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx,
	                    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Idle sessions give their record buffers back: 97 -> 32 KB. */
	SSL_CTX_set_mode(ctx,
	                 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_read_ahead(ctx, 0); /* what follows stays in `in` */
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_early_data(ctx, 0) == 1;
}

struct sp_tls *sp_tls_session(SSL_CTX *ctx, BIO_METHOD *bio)
{
	struct sp_tls *t = SP_NEW(struct sp_tls);
	BIO *b = BIO_new(bio);

	t->ssl = SSL_new(ctx);
	sp_assert(b != NULL && t->ssl != NULL);
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	sp_assert(SSL_set_app_data(t->ssl, t) == 1);
	return t;
}

struct sp_tls *sp_tls_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

void sp_tls_free(struct sp_tls *t)
{
	if (t == NULL)
		return;
	/* A connection that merely ends does not make its session unfit for
	 * resumption; without this OpenSSL would think so. */
	if (t->phase == TLS_OPEN)
		SSL_set_shutdown(t->ssl,
		                 SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	sp_free(t->peer);
	sp_free(t->error);
	sp_free(t);
}

/* ---- failures -------------------------------------------------------- */

void sp_tls_note(struct sp_tls *t, enum sp_tls_fail kind, int alert,
                 const char *text)
{
	if (t->error != NULL)
		return;
	t->error = SP_NEW(struct sp_tls_error);
	t->error->kind = kind;
	t->error->alert = alert;
	snprintf(t->error->text, sizeof(t->error->text), "%s", text);
}

/* OpenSSL reports a received alert as reason 1000 + its number. */
static int alert_of(unsigned long code)
{
	int reason = ERR_GET_REASON(code);

	if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
	    reason > SSL_AD_REASON_OFFSET + 255)
		return -1;
	return reason - SSL_AD_REASON_OFFSET;
}

static enum sp_rc die(struct sp_tls *t)
{
	unsigned long code = ERR_peek_error();
	int alert = alert_of(code);
	const char *text = ERR_reason_error_string(code);

	if (alert >= 0)
		sp_tls_note(t, SP_TLS_FAIL_ALERT, alert,
		            SSL_alert_desc_string_long(alert));
	else
		sp_tls_note(t, SP_TLS_FAIL_PROTO, 0,
		            text != NULL ? text : "connection failed");
	ERR_clear_error(); /* nothing of this session reaches another one */
	t->phase = TLS_DEAD;
	return SP_E_PROTO;
}

void sp_tls_error(const struct sp_tls *t, struct sp_tls_error *ret)
{
	*ret = t->error != NULL ? *t->error
	                        : (struct sp_tls_error){ .kind = 0 };
}

/* ---- driving --------------------------------------------------------- */

static void enter(struct sp_tls *t, struct sp_buf *in, struct sp_buf *out)
{
	ERR_clear_error();
	t->in = in;
	t->out = out;
}

static enum sp_rc leave(struct sp_tls *t, enum sp_rc rc)
{
	t->in = t->out = NULL;
	return rc;
}

static enum sp_rc outcome(struct sp_tls *t, int result)
{
	int why = SSL_get_error(t->ssl, result);

	if (why == SSL_ERROR_WANT_READ)
		return SP_OK;
	if (why == SSL_ERROR_WANT_WRITE)
		return SP_E_AGAIN; /* out is full */
	if (why == SSL_ERROR_ZERO_RETURN && t->phase == TLS_OPEN)
		return SP_DONE;
	return die(t);
}

/* We offer and select one protocol: an answer with another is a lie, which
 * not every OpenSSL 3.0 notices. */
static enum sp_rc established(struct sp_tls *t)
{
	struct sp_tls_info info;

	t->phase = TLS_OPEN;
	sp_tls_info(t, &info);
	if (info.alpn.n == 0 || sp_str_is(info.alpn, "http/1.1"))
		return SP_DONE;
	sp_tls_note(t, SP_TLS_FAIL_PROTO, 0, "peer selected unknown protocol");
	return die(t);
}

enum sp_rc sp_tls_handshake(struct sp_tls *t, struct sp_buf *in,
                            struct sp_buf *out)
{
	int result;

	if (t->phase == TLS_DEAD)
		return SP_E_STATE;
	if (t->phase == TLS_OPEN)
		return SP_DONE;
	enter(t, in, out);
	result = SSL_do_handshake(t->ssl);
	return leave(t, result == 1 ? established(t) : outcome(t, result));
}

/*
 * How much room to ask for: what is decrypted already, else no more than what
 * came in, so that an idle connection with small messages keeps small buffers.
 */
static size_t read_size(const struct sp_tls *t, const struct sp_buf *plain)
{
	size_t n = (size_t)SSL_pending(t->ssl);

	if (n == 0)
		n = sp_buf_len(t->in);
	if (n > RECORD_MAX)
		n = RECORD_MAX;
	if (n == 0)
		n = 1; /* a call that was stopped by a full `out` goes on */
	return n < sp_buf_free_space(plain) ? n : sp_buf_free_space(plain);
}

static enum sp_rc read_some(struct sp_tls *t, struct sp_buf *plain)
{
	size_t n = read_size(t, plain), got;
	uint8_t *to = sp_buf_room(plain, n);
	int result = SSL_read_ex(t->ssl, to, n, &got);

	if (result != 1)
		return outcome(t, result);
	sp_buf_commit(plain, got);
	return SP_OK;
}

static bool read_more(const struct sp_tls *t)
{
	return sp_buf_len(t->in) > 0 || SSL_pending(t->ssl) > 0;
}

static enum sp_rc read_loop(struct sp_tls *t, struct sp_buf *plain)
{
	enum sp_rc rc = SP_OK;

	do {
		if (sp_buf_free_space(plain) == 0)
			return read_more(t) ? SP_E_AGAIN : SP_OK;
		rc = read_some(t, plain);
	} while (rc == SP_OK && read_more(t));
	return rc;
}

enum sp_rc sp_tls_read(struct sp_tls *t, struct sp_buf *in,
                       struct sp_buf *plain, struct sp_buf *out)
{
	if (t->phase != TLS_OPEN)
		return SP_E_STATE;
	if ((SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) != 0)
		return SP_DONE;
	enter(t, in, out);
	return leave(t, read_loop(t, plain));
}

size_t sp_tls_overhead(size_t n)
{
	return n + (n / RECORD_MAX + 1) * RECORD_OVERHEAD + SLACK;
}

enum sp_rc sp_tls_write(struct sp_tls *t, struct sp_str data,
                        struct sp_buf *out)
{
	size_t done, need = sp_tls_overhead(data.n);
	int result;

	if (t->phase != TLS_OPEN || t->sent_close)
		return SP_E_STATE;
	if (data.n == 0)
		return SP_OK;
	if (sp_buf_free_space(out) < need || sp_buf_room(out, need) == NULL)
		return SP_E_AGAIN;
	enter(t, NULL, out);
	result = SSL_write_ex(t->ssl, data.p, data.n, &done);
	return leave(t, result == 1 ? SP_OK : die(t));
}

void sp_tls_close(struct sp_tls *t, struct sp_buf *out)
{
	if (t->phase != TLS_OPEN || t->sent_close)
		return;
	t->sent_close = true;
	enter(t, NULL, out);
	(void)SSL_shutdown(t->ssl); /* half a shutdown is what we want */
	ERR_clear_error();
	(void)leave(t, SP_OK);
}

enum sp_rc sp_tls_eof(struct sp_tls *t)
{
	if (t->phase == TLS_DEAD)
		return SP_E_STATE;
	if ((SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) != 0)
		return SP_DONE;
	sp_tls_note(t, SP_TLS_FAIL_PROTO, 0,
	            "connection ended without close_notify");
	return die(t);
}

/* ---- facts ----------------------------------------------------------- */

void sp_tls_info(const struct sp_tls *t, struct sp_tls_info *ret)
{
	const unsigned char *alpn = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(t->ssl, &alpn, &n);
	*ret = (struct sp_tls_info){
		.version = SSL_get_version(t->ssl),
		.resumed = SSL_session_reused(t->ssl) == 1,
		.alpn = { alpn, n },
	};
}

void sp_tls_plain_alert(uint8_t description, struct sp_buf *out)
{
	uint8_t record[] = { 21, 3, 3, 0, 2, 2 /* fatal */, description };

	sp_buf_add(out, (struct sp_str){ record, sizeof(record) });
}
