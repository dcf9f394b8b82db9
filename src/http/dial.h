/* SPDX-License-Identifier: MIT */
/*
** Dialling: from a name, an address or a path to a connected socket. C only; it belongs to the transfer that waits for
** it and goes with it.
*/
#ifndef SR_HTTP_DIAL_H
#define SR_HTTP_DIAL_H

#include "http/names.h"
#include "http/request.h"
#include "net/race.h"
#include "net/resolver.h"

typedef struct SrHttpDial SrHttpDial;

/* Why there is no connection. */
typedef struct SrHttpDialFailure {
  const char *code, *message;
  int lookup_failed; /* the name was not found */
} SrHttpDialFailure;

/* Zeroed before sr_http_dial_start, but for what its owner sets. */
struct SrHttpDial {
  /* The owner's to set; one of the two is called once, which lets go of the dial: it may be freed. */
  void (*on_connected)(void *owner, SrIoPlain *plain); /* which is the owner's now */
  void (*on_failed)(void *owner, const SrHttpDialFailure *failure);
  void *owner;
  SrIoContext *context;
  SrHttpNames *names;
  const SrHttpRequest *request; /* says where to */

  SrNetLookup *lookup; /* while the name is looked up */
  SrIoPlain *path;     /* while a Unix socket is connected */
  SrNetRace race;
  bool is_by_name; /* it goes to what is remembered of a name, which is forgotten unless it succeeds */
};

/* Begins. It may have come to its end when this returns. */
void sr_http_dial_start(SrHttpDial *dial);
/* Nothing remains of it, and nobody is called any more. */
void sr_http_dial_end(SrHttpDial *dial);

#endif
