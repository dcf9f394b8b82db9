/* SPDX-License-Identifier: MIT */
/* Addresses as text and as the system has them. */
#ifndef SR_NET_ADDRESS_H
#define SR_NET_ADDRESS_H

#include "io/stream.h"

/* Reads "127.0.0.1" or "::1", "fe80::1%eth0"; false if it is no address. The port is 0. */
bool sr_net_parse(const char *text, SrIoAddress *address);
void sr_net_set_port(SrIoAddress *address, int port);

#endif
