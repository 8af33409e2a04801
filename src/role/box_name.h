/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role/box_name.h - what sandboxes are called. Pure: randomness is an argument.
 *
 * The id is for programs: twelve characters of lower-case base32 (60 bits).
 * The name is for people: given, or two words and a digit.
 */
#ifndef SP_ROLE_BOX_NAME_H
#define SP_ROLE_BOX_NAME_H

#include "core/base.h"

#define SP_BOX_ID_LEN   12u
#define SP_BOX_NAME_MAX 48u

void sp_box_id(const uint8_t rnd[8], char ret[SP_BOX_ID_LEN + 1]);
void sp_box_name(const uint8_t rnd[4], char ret[SP_BOX_NAME_MAX + 1]);
/* Letters, digits, '.', '_', '-'; begins with a letter or digit. */
bool sp_box_name_ok(struct sp_str name);

#endif
