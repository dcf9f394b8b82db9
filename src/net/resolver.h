/* SPDX-License-Identifier: MIT */
/*
** Asking the system's resolver, in threads of our own.
**
** A look-up can take long and cannot be stopped, and libuv's four threads are for files. So a bounded number of
** threads, the same ones for all loops of the process, takes look-ups in order and ends when there are none. One that
** is left behind while it is asked holds up nobody: within another bound its thread is not counted any more. Two own a
** look-up, the loop and the threads; the last to let go frees it.
*/
#ifndef SR_NET_RESOLVER_H
#define SR_NET_RESOLVER_H

#include "io/stream.h"

typedef struct SrNetLookup SrNetLookup;
struct SrNetLookup {
  /* The loop's; the answer is there before on_done is called. */
  uv_async_t async;
  void (*on_done)(SrNetLookup *lookup);
  void *owner;

  /* The question: a name and a family, or an address. */
  char *name; /* NULL: the name of `address` is asked for */
  int family;
  SrIoAddress address;

  /* The answer. */
  int result;             /* 0, or what getaddrinfo said */
  int error;              /* errno, should the result be EAI_SYSTEM */
  SrIoAddress *addresses; /* without doubles, in the system's order */
  size_t count;
  char found[1025]; /* the name of an address */

  /* Of the line, under its lock. */
  SrNetLookup *next;
  int owners;
  bool is_asked;   /* a thread waits for the system */
  bool is_dropped; /* the loop is not to be called any more */
};

/* Starts a look-up of a copy of `name`, or of `address` if that is NULL. NULL: see status. */
SrNetLookup *sr_net_lookup(uv_loop_t *loop, const char *name, int family, const SrIoAddress *address, int *status);
/* The name of what the system answered, should that be no address. */
const char *sr_net_lookup_code(const SrNetLookup *lookup);
/* The loop lets go. */
void sr_net_lookup_drop(SrNetLookup *lookup);

#endif
