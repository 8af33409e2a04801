/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/keeper_connect.h - how commands reach the keeper, and start one.
 *
 * Role        Finds the socket, connects, exchanges HELLO. When nobody
 *             listens, starts a keeper that lives on its own and exits when
 *             idle. Two commands that do so at once start one keeper: the
 *             start is made under a lock.
 * Strictness  The folder of the socket must belong to us and to nobody else;
 *             a keeper of another uid is refused (and refuses us).
 * Limits      SP_KEEPER_START_MS for a keeper to be ready, and for HELLO.
 */
#ifndef SP_ROLE_KEEPER_CONNECT_H
#define SP_ROLE_KEEPER_CONNECT_H

#include "core/err.h"

#define SP_KEEPER_PATH_MAX 256u
#define SP_KEEPER_START_MS 10000
#define SP_KEEPER_IDLE_MS  5000u

/*
 * Where things are. SALLYPORT_SOCKET and SALLYPORT_STATE override the places;
 * SALLYPORT_IDLE_MS the time after which an idle keeper exits (0: never).
 */
struct sp_keeper_place {
	char socket[108]; /* sockaddr_un */
	char state[SP_KEEPER_PATH_MAX];
	uint32_t idle_ms;
};

SP_MUST enum sp_rc sp_keeper_place(struct sp_keeper_place *ret,
                                   struct sp_err *err);

/*
 * A connected, greeted SOCK_SEQPACKET for a role (SP_R_LAUNCHER or
 * SP_R_CLIENT). start: start a keeper if there is none; otherwise that is
 * SP_E_STATE. The descriptor is blocking and O_CLOEXEC.
 */
SP_MUST enum sp_rc sp_keeper_connect(unsigned role_bit, bool start, int *ret,
                                     struct sp_err *err);

/*
 * Become the keeper in this process (for a service manager); returns only on
 * failure. It stays until a signal ends it.
 */
enum sp_rc sp_keeper_become(struct sp_err *err);

#endif
