/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/inherit.h - the three descriptors that a program inherits.
 *
 * Contract    After SP_OK all of 0 to 2 are open (with /dev/null where they
 *             were not), so that nothing of ours gets one of these numbers.
 * Strictness  Files, pipes, devices and connected unix sockets are passed on.
 *             A network socket would be a socket of the network outside:
 *             connect() with AF_UNSPEC frees it for another destination. A
 *             unix socket that has no peer yet could find one outside. A
 *             directory leads to the files around it.
 */
#ifndef SP_CLI_INHERIT_H
#define SP_CLI_INHERIT_H

#include "core/err.h"

SP_MUST enum sp_rc sp_cli_inherit(struct sp_err *err);

#endif
