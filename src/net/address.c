/* SPDX-License-Identifier: MIT */
/* Addresses, see address.h. */
#include "net/address.h"

#include <string.h>

bool sr_net_parse(const char *text, SrIoAddress *address) {
  memset(address, 0, sizeof *address);
  return uv_ip4_addr(text, 0, &address->v4) == 0 || uv_ip6_addr(text, 0, &address->v6) == 0;
}

void sr_net_set_port(SrIoAddress *address, int port) {
  if (address->any.sa_family == AF_INET6)
    address->v6.sin6_port = htons((uint16_t)port);
  else
    address->v4.sin_port = htons((uint16_t)port);
}
