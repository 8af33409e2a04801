/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"

#include "core/buf.h"

#define RECORD_HANDSHAKE 22u
#define RECORD_HEAD      5u
#define FRAGMENT_MAX     16384u /* RFC 8446, 5.1 */
#define CLIENT_HELLO     1u
#define MESSAGE_HEAD     4u
#define MESSAGE_MAX      (SP_HELLO_MAX - RECORD_HEAD)
#define RANDOM_LEN       32u
#define SESSION_ID_MAX   32u
#define TLS12            0x0303u
#define TLS13            0x0304u
/* Real hellos have below 30; each one may occur once (RFC 8446, 4.2). */
#define EXTENSIONS_MAX 128u

/* ---- vectors --------------------------------------------------------- */

static enum sp_rc take(struct sp_str *in, size_t n, struct sp_str *ret)
{
	if (in->n < n)
		return SP_E_PROTO;
	*ret = sp_str_take(in, n);
	return SP_OK;
}

static enum sp_rc take_uint(struct sp_str *in, size_t width, uint32_t *ret)
{
	struct sp_str bytes;
	uint32_t v = 0;

	SP_TRY(take(in, width, &bytes));
	for (size_t i = 0; i < width; i++)
		v = v << 8 | bytes.p[i];
	*ret = v;
	return SP_OK;
}

/* A vector with a length field of this width and so many bytes at least. */
static enum sp_rc take_vec(struct sp_str *in, size_t width, size_t min,
                           struct sp_str *ret)
{
	uint32_t n = 0;

	SP_TRY(take_uint(in, width, &n));
	if (n < min)
		return SP_E_PROTO;
	return take(in, n, ret);
}

/* The vector that fills the whole extension. */
static enum sp_rc only_vec(struct sp_str in, size_t width, size_t min,
                           struct sp_str *ret)
{
	SP_TRY(take_vec(&in, width, min, ret));
	return in.n == 0 ? SP_OK : SP_E_PROTO;
}

/* ---- extensions ------------------------------------------------------ */

/*
 * A name on the wire is letters, digits, hyphens, dots (RFC 6066, 3), and
 * underscores in practice. Whatever needs decoding to become a name could be
 * decoded differently by someone else.
 */
static bool is_plain_name(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = sp_lower(s.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' &&
		    c != '.' && c != '_')
			return false;
	}
	return true;
}

static enum sp_rc on_server_name(struct sp_str body, struct sp_hello *h)
{
	struct sp_str list, name;
	uint32_t type = 0;

	SP_TRY(only_vec(body, 2, 1, &list));
	SP_TRY(take_uint(&list, 1, &type));
	SP_TRY(only_vec(list, 2, 1, &name)); /* a second entry is refused */
	if (type != 0 || !is_plain_name(name))
		return SP_E_PROTO;
	SP_TRY(sp_host_parse(name, &h->sni));
	if (h->sni.kind != SP_HOST_NAME)
		return SP_E_PROTO;
	h->has_sni = true;
	return SP_OK;
}

static enum sp_rc on_alpn(struct sp_str body, struct sp_hello *h)
{
	struct sp_str list, name;

	SP_TRY(only_vec(body, 2, 2, &list));
	h->has_alpn = true;
	while (list.n > 0) {
		SP_TRY(take_vec(&list, 1, 1, &name));
		h->alpn_h2 |= sp_str_is(name, "h2");
		h->alpn_http11 |= sp_str_is(name, "http/1.1");
	}
	return SP_OK;
}

/* Unknown values (also those of GREASE, RFC 8701) mean nothing. */
static enum sp_rc on_versions(struct sp_str body, struct sp_hello *h)
{
	struct sp_str list;
	uint32_t v = 0;

	SP_TRY(only_vec(body, 1, 2, &list));
	h->has_tls12 = false; /* the list replaces legacy_version */
	while (list.n > 0) {
		SP_TRY(take_uint(&list, 2, &v));
		h->has_tls12 |= v == TLS12;
		h->has_tls13 |= v == TLS13;
	}
	return SP_OK;
}

/* ecdsa_secp256r1_sha256; in TLS 1.2 other hashes sign with P-256, too. */
static enum sp_rc on_signatures(struct sp_str body, struct sp_hello *h)
{
	struct sp_str list;
	uint32_t v = 0;

	SP_TRY(only_vec(body, 2, 2, &list));
	while (list.n > 0) {
		SP_TRY(take_uint(&list, 2, &v));
		h->has_ecdsa |= v == 0x0403 || v == 0x0503 || v == 0x0603;
	}
	return SP_OK;
}

/* Encrypted ClientHello, real or GREASE: nobody outside can tell. */
static enum sp_rc on_ech(struct sp_str body, struct sp_hello *h)
{
	h->has_ech = true;
	return body.n > 0 ? SP_OK : SP_E_PROTO;
}

static const struct {
	uint16_t type;
	enum sp_rc (*read)(struct sp_str body, struct sp_hello *h);
} extensions[] = {
	{ 0, on_server_name }, { 13, on_signatures }, { 16, on_alpn },
	{ 43, on_versions },   { 0xfe0d, on_ech },
};

static enum sp_rc on_extension(uint32_t type, struct sp_str body,
                               struct sp_hello *h)
{
	for (size_t i = 0; i < SP_COUNT(extensions); i++)
		if (extensions[i].type == type)
			return extensions[i].read(body, h);
	return SP_OK;
}

static enum sp_rc parse_extensions(struct sp_str list, struct sp_hello *h)
{
	uint32_t seen[EXTENSIONS_MAX], type = 0;
	struct sp_str body;

	for (size_t n = 0; list.n > 0; n++) {
		SP_TRY(take_uint(&list, 2, &type));
		SP_TRY(take_vec(&list, 2, 0, &body));
		if (n == EXTENSIONS_MAX)
			return SP_E_LIMIT;
		for (size_t i = 0; i < n; i++)
			if (seen[i] == type)
				return SP_E_PROTO;
		seen[n] = type;
		SP_TRY(on_extension(type, body, h));
	}
	return SP_OK;
}

/* ---- the message ----------------------------------------------------- */

/* RFC 8446, 4.1.2, without the head of the handshake message. */
static enum sp_rc parse_body(struct sp_str in, struct sp_hello *h)
{
	struct sp_str nonce, session, ciphers, compression, list;
	uint32_t version = 0;

	SP_TRY(take_uint(&in, 2, &version));
	SP_TRY(take(&in, RANDOM_LEN, &nonce));
	SP_TRY(take_vec(&in, 1, 0, &session));
	SP_TRY(take_vec(&in, 2, 2, &ciphers));
	SP_TRY(take_vec(&in, 1, 1, &compression));
	if (version >> 8 != 3 || session.n > SESSION_ID_MAX ||
	    ciphers.n % 2 != 0)
		return SP_E_PROTO;
	h->has_tls12 = version >= TLS12;
	if (in.n == 0) /* TLS 1.2 without extensions */
		return SP_OK;
	SP_TRY(only_vec(in, 2, 0, &list));
	return parse_extensions(list, h);
}

/* ---- records --------------------------------------------------------- */

struct message {
	uint8_t head[MESSAGE_HEAD];
	size_t have;     /* bytes of the message in the records so far */
	size_t promised; /* as the heads of these records say */
	size_t want;     /* all of it; 0 until the head is there */
};

/*
 * Takes one record off *in, or as much of it as is there; an empty body means
 * that more is needed. Empty fragments are not allowed (RFC 8446, 5.1).
 */
static enum sp_rc take_record(struct sp_str *in, struct sp_str *ret,
                              size_t *ret_promised)
{
	const uint8_t *p = in->p;
	size_t n;

	*ret = (struct sp_str){ 0 };
	*ret_promised = 0;
	/* What is wrong is said at once, not when the record is complete. */
	if ((in->n > 0 && p[0] != RECORD_HANDSHAKE) || (in->n > 1 && p[1] != 3))
		return SP_E_PROTO;
	if (in->n < RECORD_HEAD)
		return SP_OK;
	n = (size_t)p[3] << 8 | p[4];
	if (n == 0 || n > FRAGMENT_MAX)
		return SP_E_PROTO;
	(void)sp_str_take(in, RECORD_HEAD);
	*ret = sp_str_take(in, in->n < n ? in->n : n);
	*ret_promised = n;
	return SP_OK;
}

/* Counts a fragment; the head of the message may span several. */
static enum sp_rc count_fragment(struct message *m, struct sp_str f,
                                 size_t promised)
{
	for (size_t i = 0; m->have + i < MESSAGE_HEAD && i < f.n; i++)
		m->head[m->have + i] = f.p[i];
	m->have += f.n;
	m->promised += promised;
	if (m->have > 0 && m->head[0] != CLIENT_HELLO)
		return SP_E_PROTO;
	if (m->have < MESSAGE_HEAD)
		return SP_OK;
	m->want = MESSAGE_HEAD + ((size_t)m->head[1] << 16 |
	                          (size_t)m->head[2] << 8 | m->head[3]);
	if (m->want > MESSAGE_MAX)
		return SP_E_LIMIT;
	/* Nothing may follow in the record of a ClientHello: what comes next
	 * waits for the ServerHello. */
	return m->promised > m->want ? SP_E_PROTO : SP_OK;
}

/* SP_DONE when the whole message is in the records; *in is what follows. */
static enum sp_rc measure(struct sp_str *in, struct message *m)
{
	struct sp_str f;
	size_t promised;

	do {
		SP_TRY(take_record(in, &f, &promised));
		SP_TRY(count_fragment(m, f, promised));
		if (m->want > 0 && m->have == m->want)
			return SP_DONE;
	} while (f.n > 0);
	return SP_OK;
}

/* The body in one piece, copied together from the records. */
static enum sp_rc parse_fragments(struct sp_str in, size_t want,
                                  struct sp_hello *h)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf b;
	struct sp_str f, message;
	size_t promised;

	sp_buf_init(&b, MESSAGE_MAX);
	while (sp_buf_len(&b) < want) {
		SP_TRY(take_record(&in, &f, &promised));
		sp_buf_add(&b, f);
	}
	sp_assert(sp_buf_ok(&b) && sp_buf_len(&b) == want);
	message = sp_buf_str(&b);
	(void)sp_str_take(&message, MESSAGE_HEAD);
	return parse_body(message, h);
}

enum sp_rc sp_hello_parse(struct sp_str in, struct sp_hello *ret)
{
	struct message m = { 0 };
	struct sp_hello h = { 0 };
	struct sp_str rest;
	enum sp_rc rc;

	if (in.n > SP_HELLO_MAX)
		in.n = SP_HELLO_MAX;
	rest = in;
	rc = measure(&rest, &m);
	if (rc == SP_OK && in.n == SP_HELLO_MAX)
		return SP_E_LIMIT;
	if (rc != SP_DONE)
		return rc;
	SP_TRY(parse_fragments(in, m.want, &h));
	h.wire_n = in.n - rest.n;
	*ret = h;
	return SP_DONE;
}
