/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/retry.h"

#define RECORD_HEAD  5u
#define CHANGE       20u /* types of records */
#define ALERT        21u
#define HANDSHAKE    22u
#define DATA         23u
#define SERVER_HELLO 2u
#define RANDOM_AT    6u
#define RANDOM_LEN   32u

/* The random of a ServerHello that is none (RFC 8446, 4.1.3). */
static const uint8_t retry_random[RANDOM_LEN] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

void sp_retry_init(struct sp_retry *r, const struct sp_hello *first)
{
	*r = (struct sp_retry){
		.has_name = first->has_sni,
		.name = first->sni,
		.pass = first->wire_n,
	};
}

static size_t record_length(const uint8_t *head)
{
	return (size_t)head[3] << 8 | head[4];
}

/* As many bytes as are there and still wanted, up to max in all. */
static void collect(struct sp_str *in, uint8_t *to, size_t *n, size_t max,
                    size_t limit)
{
	size_t k = max - *n;

	if (k > in->n)
		k = in->n;
	if (k > limit)
		k = limit;
	if (k > 0)
		memcpy(to + *n, sp_str_take(in, k).p, k);
	*n += k;
}

static void decide(struct sp_retry *r)
{
	bool asked = r->head[0] == SERVER_HELLO &&
	             memcmp(r->head + RANDOM_AT, retry_random, RANDOM_LEN) == 0;

	r->state = asked ? SP_RETRY_ASKED : SP_RETRY_OVER;
}

/* The message may come in any number of records. What is no handshake is an
 * alert, or no TLS at all. */
void sp_retry_server(struct sp_retry *r, struct sp_str in)
{
	while (in.n > 0 && r->state == SP_RETRY_UNKNOWN) {
		size_t before = r->n_head;

		if (r->record_left == 0) {
			collect(&in, r->record, &r->n_record, RECORD_HEAD,
			        RECORD_HEAD);
			if (r->n_record < RECORD_HEAD)
				return;
			r->n_record = 0;
			r->record_left = record_length(r->record);
			if (r->record[0] != HANDSHAKE || r->record_left == 0)
				r->state = SP_RETRY_OVER;
			continue;
		}
		collect(&in, r->head, &r->n_head, SP_RETRY_HEAD,
		        r->record_left);
		r->record_left -= r->n_head - before;
		if (r->n_head == SP_RETRY_HEAD)
			decide(r);
	}
}

/* The record at the front of in is a handshake message in plain text. */
static enum sp_rc second_hello(struct sp_retry *r, struct sp_str in)
{
	struct sp_hello h;
	enum sp_rc rc;

	if (r->state == SP_RETRY_UNKNOWN)
		return SP_OK;
	rc = sp_hello_parse(in, &h);
	if (rc == SP_OK)
		return SP_OK;
	if (rc < 0 || h.has_sni != r->has_name ||
	    (h.has_sni && !sp_host_eq(&h.sni, &r->name)))
		return SP_E_PROTO;
	r->state = SP_RETRY_OVER;
	return SP_OK;
}

enum sp_rc sp_retry_client(struct sp_retry *r, struct sp_str in, size_t *ret)
{
	*ret = 0;
	if (r->state != SP_RETRY_OVER && r->pass == 0 && in.n > 0) {
		uint8_t type = in.p[0];

		if (type == HANDSHAKE)
			SP_TRY(second_hello(r, in));
		else if (type != CHANGE && type != ALERT && type != DATA)
			return SP_E_PROTO;
		else if (in.n >= RECORD_HEAD)
			r->pass = RECORD_HEAD + record_length(in.p);
	}
	if (r->state == SP_RETRY_OVER)
		*ret = in.n;
	else
		*ret = in.n < r->pass ? in.n : r->pass;
	return SP_OK;
}

void sp_retry_passed(struct sp_retry *r, size_t n)
{
	r->pass -= n < r->pass ? n : r->pass;
}
