/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/paths.h - where the state of a keeper is kept.
 *
 * Role        $SALLYPORT_STATE, else /var/lib/sallyport for root, else
 *             $XDG_STATE_HOME/sallyport, else ~/.local/state/sallyport.
 *             Names only: nothing is created or looked at.
 */
#ifndef SP_CLI_PATHS_H
#define SP_CLI_PATHS_H

#include "core/base.h"

#define SP_PATH_MAX 4096u

/* SP_E_STATE: no home is known; SP_E_LIMIT: longer than cap. */
SP_MUST enum sp_rc sp_state_dir(char *buf, size_t cap);
/* The folder for sp_log_open(): the state's "audit". */
SP_MUST enum sp_rc sp_audit_dir(char *buf, size_t cap);

#endif
