/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/place.h - folders that must be ours alone.
 */
#ifndef SP_ROLE_PLACE_H
#define SP_ROLE_PLACE_H

#include "core/err.h"

/* Make a folder with its parents; those made here get mode 0700. */
SP_MUST enum sp_rc sp_place_make(const char *path, struct sp_err *err);
/*
 * The folder a socket lies in: a real directory, owned by us, closed to
 * everybody else. make: create it if it is missing (otherwise that is fine).
 */
SP_MUST enum sp_rc sp_place_check(const char *socket, bool make,
                                  struct sp_err *err);
/*
 * Lock NAME.lock beside a socket; the lock lives as long as *ret. wait: until
 * the holder lets go; else for a moment only, then SP_E_AGAIN.
 */
SP_MUST enum sp_rc sp_place_lock(const char *socket, const char *name,
                                 bool wait, int *ret, struct sp_err *err);

#endif
