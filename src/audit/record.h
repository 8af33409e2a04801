/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/record.h - what is recorded, as values.
 *
 * The proxy fills these in and sends them as typed IPC fields; the keeper adds
 * seq, prev, times and writes canonical JSON. Text from outside is cut to the
 * maxima here and made valid UTF-8 by the writer.
 */
#ifndef SP_AUDIT_RECORD_H
#define SP_AUDIT_RECORD_H

#include "core/buf.h"
#include "name/url.h"
#include "policy/policy.h"

#define SP_REC_METHOD_MAX 32u
#define SP_REC_PATH_MAX   512u /* longer paths are cut, with a flag */
#define SP_REC_DETAIL_MAX 160u
#define SP_REC_COMM_MAX   16u

enum sp_rec_proto {
	SP_PROTO_HTTP, /* plain or intercepted HTTP/1 */
	SP_PROTO_TLS,  /* a TLS connection that was refused or spliced */
	SP_PROTO_TCP,  /* something else on a connection */
	SP_PROTO_DNS,
};

enum sp_outcome {
	SP_OUT_COMPLETE,
	SP_OUT_DENIED,
	SP_OUT_CLIENT_GONE,
	SP_OUT_UPSTREAM_ERROR,
	SP_OUT_TIMEOUT,
	SP_OUT_ABORTED, /* written by the keeper for a proxy that died */
};

/* One transaction is about to be decided or has been. */
struct sp_rec_open {
	uint64_t id;   /* counter of this proxy instance */
	uint64_t conn; /* downstream connection, to join with the process */
	enum sp_rec_proto proto;
	enum sp_scheme scheme;
	enum sp_verdict verdict;
	bool observed;
	bool final; /* a denial known at once: no close follows */
	enum sp_reason reason;
	uint16_t status; /* of a final denial's answer, else 0 */
	uint16_t port;
	struct sp_addr addr; /* to be dialed; family 0 if none */
	struct sp_host host;
	uint16_t qtype;    /* DNS */
	uint64_t start_us; /* wall clock */
	struct sp_str method, path, rule, detail;
	bool path_cut;
	uint32_t pid; /* host pid; 0 unknown */
	struct sp_str comm;
};

struct sp_rec_close {
	uint64_t id;
	enum sp_outcome outcome;
	enum sp_reason reason; /* NONE when complete */
	uint16_t status;
	uint64_t up, down;      /* body (or relayed) bytes */
	uint64_t us;            /* duration */
	uint64_t first_byte_us; /* until the first response byte; 0 if none */
	struct sp_addr addr;    /* actually used; family 0 if none */
	struct sp_str detail;
};

/* Typed wire form, in both directions; spans of *ret point into the input. */
struct sp_wire;
void sp_rec_open_put(struct sp_wire *w, const struct sp_rec_open *r);
void sp_rec_close_put(struct sp_wire *w, const struct sp_rec_close *r);
SP_MUST enum sp_rc sp_rec_open_get(struct sp_str *in, struct sp_rec_open *ret);
SP_MUST enum sp_rc sp_rec_close_get(struct sp_str *in,
                                    struct sp_rec_close *ret);

#endif
