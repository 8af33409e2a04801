/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/role.c - the list of roles. Kept apart from what starts them, so that
 * tests can link the one without the other.
 */
#include "role/role.h"

#include <sys/socket.h>
#include <sysexits.h>

#include "ipc/ops.h"

static const struct sp_role roles[] = {
	{ "keeper", SP_R_KEEPER, sp_keeper_main },
	{ "launcher", SP_R_LAUNCHER, sp_launcher_main },
	{ "proxy", SP_R_PROXY, sp_proxy_main },
};

const struct sp_role *sp_role_find(const char *name)
{
	for (size_t i = 0; i < SP_COUNT(roles); i++)
		if (strcmp(roles[i].name, name) == 0)
			return &roles[i];
	return NULL;
}

/* Somebody who types the flag by hand has no channel on descriptor 3. */
static bool has_channel(void)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(SP_ROLE_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &n) ==
	               0 &&
	       type == SOCK_SEQPACKET;
}

int sp_role_enter(const char *name)
{
	const struct sp_role *role = sp_role_find(name);

	if (role == NULL || !has_channel())
		return EX_USAGE;
	return role->main();
}
