/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc/chan.h - packets between roles over SOCK_SEQPACKET.
 *
 * Role        One packet is one message: u8 type, u8 count of descriptors,
 *             body. The kernel keeps packet borders, so there is no framing
 *             to get wrong and no partial read.
 * Ownership   Received descriptors belong to the packet until they are taken
 *             (set the entry to -1); sp_packet_fini() closes the rest.
 * Limits      SP_IPC_BODY_MAX bytes and SP_IPC_FDS_MAX descriptors. A longer
 *             packet, or a count that does not match what arrived, is
 *             SP_E_PROTO and the peer is to be treated as compromised.
 */
#ifndef SP_IPC_CHAN_H
#define SP_IPC_CHAN_H

#include "core/base.h"

#define SP_IPC_BODY_MAX 12288u
#define SP_IPC_FDS_MAX  32u /* a port list has many listeners */

struct sp_packet {
	uint8_t type;
	uint8_t n_fds;
	int fd[SP_IPC_FDS_MAX];
	size_t n;
	uint8_t body[SP_IPC_BODY_MAX];
};

SP_MUST enum sp_rc sp_chan_send(int sock, uint8_t type, struct sp_str body,
                                const int *fd, uint8_t n_fds);

/*
 * SP_OK    a packet; call sp_packet_fini() after use
 * SP_DONE  the peer has closed its end
 * < 0      *ret holds nothing that must be released
 */
SP_MUST enum sp_rc sp_chan_recv(int sock, struct sp_packet *ret);

void sp_packet_fini(struct sp_packet *p);

#endif
