/* SPDX-License-Identifier: MIT */
/*
** A resolver for the specs, to be loaded before the system's: again.invalid cannot be looked up at
** present, mute.invalid is not found at first and then never answered for, other names do not exist.
*/
#define _GNU_SOURCE
#include <netdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  static atomic_int mute;
  (void)service, (void)hints;
  *result = NULL;
  if (strcmp(node, "again.invalid") == 0) return EAI_AGAIN;
  if (strcmp(node, "mute.invalid") != 0 || mute++ == 0) return EAI_NONAME;
  for (;;) pause();
}
