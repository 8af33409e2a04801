/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/paths.h"

#include <unistd.h>

/* An unset and an empty variable are the same (XDG base directories). */
static const char *variable(const char *name)
{
	const char *v = secure_getenv(name);

	return v != NULL && v[0] != '\0' ? v : NULL;
}

static enum sp_rc join(char *buf, size_t cap, const char *head,
                       const char *tail)
{
	int n = snprintf(buf, cap, "%s%s", head, tail);

	return n >= 0 && (size_t)n < cap ? SP_OK : SP_E_LIMIT;
}

enum sp_rc sp_state_dir(char *buf, size_t cap)
{
	const char *dir;

	dir = variable("SALLYPORT_STATE");
	if (dir != NULL)
		return join(buf, cap, dir, "");
	if (geteuid() == 0)
		return join(buf, cap, "/var/lib/sallyport", "");
	dir = variable("XDG_STATE_HOME");
	if (dir != NULL)
		return join(buf, cap, dir, "/sallyport");
	dir = variable("HOME");
	if (dir != NULL)
		return join(buf, cap, dir, "/.local/state/sallyport");
	return SP_E_STATE;
}

enum sp_rc sp_audit_dir(char *buf, size_t cap)
{
	char state[SP_PATH_MAX];

	SP_TRY(sp_state_dir(state, sizeof(state)));
	return join(buf, cap, state, "/audit");
}
