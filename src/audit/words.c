/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/words.h"

static const char *const type_names[] = {
#define X(id, name) [SP_REC_##id] = (name),
	SP_RECORD_TYPE_LIST(X)
#undef X
};

static const char *const proto_names[] = {
	[SP_PROTO_HTTP] = "http",
	[SP_PROTO_TLS] = "tls",
	[SP_PROTO_TCP] = "tcp",
	[SP_PROTO_DNS] = "dns",
};

static const char *const outcome_names[] = {
	[SP_OUT_COMPLETE] = "complete",
	[SP_OUT_DENIED] = "denied",
	[SP_OUT_CLIENT_GONE] = "client_gone",
	[SP_OUT_UPSTREAM_ERROR] = "upstream_error",
	[SP_OUT_TIMEOUT] = "timeout",
	[SP_OUT_ABORTED] = "aborted",
};

static const char *const verdict_names[] = {
	[SP_VERDICT_DENY] = "deny",
	[SP_VERDICT_ALLOW] = "allow",
};

static bool find(const char *const *names, size_t n, struct sp_str name,
                 size_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (sp_str_is(name, names[i])) {
			*ret = i;
			return true;
		}
	}
	return false;
}

const char *sp_record_type_name(enum sp_record_type t)
{
	sp_assert((size_t)t < SP_COUNT(type_names));
	return type_names[t];
}

const char *sp_rec_proto_name(enum sp_rec_proto p)
{
	sp_assert((size_t)p < SP_COUNT(proto_names));
	return proto_names[p];
}

const char *sp_outcome_name(enum sp_outcome o)
{
	sp_assert((size_t)o < SP_COUNT(outcome_names));
	return outcome_names[o];
}

const char *sp_verdict_name(enum sp_verdict v)
{
	sp_assert((size_t)v < SP_COUNT(verdict_names));
	return verdict_names[v];
}

bool sp_record_type_find(struct sp_str name, enum sp_record_type *ret)
{
	size_t i;

	if (!find(type_names, SP_COUNT(type_names), name, &i))
		return false;
	*ret = (enum sp_record_type)i;
	return true;
}

bool sp_rec_proto_find(struct sp_str name)
{
	size_t i;

	return find(proto_names, SP_COUNT(proto_names), name, &i);
}

bool sp_outcome_find(struct sp_str name, enum sp_outcome *ret)
{
	size_t i;

	if (!find(outcome_names, SP_COUNT(outcome_names), name, &i))
		return false;
	*ret = (enum sp_outcome)i;
	return true;
}

bool sp_verdict_find(struct sp_str name, enum sp_verdict *ret)
{
	size_t i;

	if (!find(verdict_names, SP_COUNT(verdict_names), name, &i))
		return false;
	*ret = (enum sp_verdict)i;
	return true;
}

bool sp_reason_find(struct sp_str name)
{
	for (unsigned r = 0; r < SP_REASON_COUNT; r++)
		if (sp_str_is(name, sp_reason_code((enum sp_reason)r)))
			return true;
	return false;
}

bool sp_scheme_find(struct sp_str name)
{
	for (unsigned s = SP_SCHEME_HTTP; s <= SP_SCHEME_OTHER; s++)
		if (sp_str_is(name, sp_scheme_name((enum sp_scheme)s)))
			return true;
	return false;
}
