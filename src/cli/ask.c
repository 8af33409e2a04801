/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <poll.h>

#include "core/fd.h"
#include "ipc/ops.h"
#include "role/keeper_connect.h"

enum sp_rc sp_ask(uint8_t type, const struct sp_wire *w, int fd, int *ret,
                  struct sp_err *err)
{
	SP_CLEANUP(sp_fd_close) int sock = -1;
	struct sp_str body = { w->p, w->n };

	if (w->bad) {
		sp_err_set(err, "too long");
		return SP_E_LIMIT;
	}
	SP_TRY(sp_keeper_connect(SP_R_CLIENT, false, &sock, err));
	if (sp_chan_send(sock, type, body, &fd, fd >= 0 ? 1 : 0) < 0)
		return sp_err_sys(err, "ask the keeper");
	*ret = sp_fd_steal(&sock);
	return SP_OK;
}

static enum sp_rc fail_text(const struct sp_packet *m, struct sp_err *err)
{
	struct sp_str in = { m->body, m->n }, text;

	if (sp_get_str(&in, SP_ERR_MAX, &text) < 0)
		text = sp_str("the keeper does not say why");
	sp_err_set(err, "%.*s", (int)text.n, (const char *)text.p);
	return SP_E_DENIED;
}

enum sp_rc sp_answer(int sock, uint8_t type, uint8_t or_type,
                     struct sp_packet *ret, struct sp_err *err)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	enum sp_rc rc;

	if (poll(&p, 1, SP_ASK_MS) != 1) {
		sp_err_set(err, "the keeper does not answer");
		return SP_E_AGAIN;
	}
	rc = sp_chan_recv(sock, ret);
	if (rc != SP_OK) {
		sp_err_set(err, "the keeper went away");
		return SP_E_STATE;
	}
	sp_packet_fini(ret);
	if (ret->type == SP_IPC_FAIL)
		return fail_text(ret, err);
	if (ret->type == type || ret->type == or_type)
		return SP_OK;
	sp_err_set(err, "the keeper answers something else");
	return SP_E_PROTO;
}
