/* SPDX-License-Identifier: MIT */
/*
** A resolver for the specs, to be loaded before the system's: again.invalid cannot be looked up at
** present, mute.invalid is not found at first and then never answered for, both.invalid is this machine, by IPv6 and
** by IPv4, moves.invalid is at 127.0.0.9 but for the second time that one
** asks, when it is at 127.0.0.1; other names do not exist.
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As the C library has it: one block for both, which freeaddrinfo frees. */
static struct addrinfo *entry(int family, struct addrinfo *next) {
  struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in6));
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(info + 1);
  struct sockaddr_in *v4 = (struct sockaddr_in *)(info + 1);
  *info = (struct addrinfo){.ai_family = family, .ai_addr = (struct sockaddr *)v6, .ai_next = next};
  info->ai_addrlen = family == AF_INET6 ? sizeof *v6 : sizeof *v4;
  if (family == AF_INET6)
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  else
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return info;
}

static int both(int family, struct addrinfo **result) {
  if (family != AF_INET6) *result = entry(AF_INET, NULL);
  if (family != AF_INET) *result = entry(AF_INET6, *result);
  return 0;
}

static int moves(struct addrinfo **result) {
  static atomic_int asked;
  *result = entry(AF_INET, NULL);
  if (asked++ != 1) ((struct sockaddr_in *)(*result)->ai_addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 8);
  return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  static atomic_int mute;
  (void)service;
  *result = NULL;
  if (strcmp(node, "both.invalid") == 0) return both(hints->ai_family, result);
  if (strcmp(node, "moves.invalid") == 0) return moves(result);
  if (strcmp(node, "again.invalid") == 0) return EAI_AGAIN;
  if (strcmp(node, "mute.invalid") != 0 || mute++ == 0) return EAI_NONAME;
  for (;;) pause();
}
