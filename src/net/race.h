/* SPDX-License-Identifier: MIT */
/*
** Connecting to one of several addresses (RFC 8305, "happy eyeballs"): C only, for whoever waits for it.
**
** A race owns the transports of its attempts, and lets go of all but the one that was first; however it ends no other
** socket remains. An attempt that is discarded knows nobody any more.
*/
#ifndef SR_NET_RACE_H
#define SR_NET_RACE_H

#include "io/plain.h"
#include "io/stream.h"

typedef struct SrNetTry {
  SrIoAddress address;
  SrIoPlain *plain; /* NULL: not begun, or over */
} SrNetTry;

/* Zeroed before use; the first four are its owner's to set. */
typedef struct SrNetRace SrNetRace;
struct SrNetRace {
  SrIoContext *context;
  void (*on_done)(SrNetRace *race); /* there is a winner, or all have failed; not called from within begin */
  SrIoAddress local;                /* where connections come from; family 0: anywhere */
  SrNetTry *tries;                  /* room for all addresses */
  saros_timer stagger;
  SrIoPlain *winner; /* connected; whoever takes it sets NULL */
  int status;        /* why it failed: of all attempts the first that says more than that there is no way */
  unsigned count;    /* of addresses */
  unsigned started;  /* so many of them have been tried, or are */
  unsigned open;     /* so many have not answered */
};

/* Puts the addresses that can be tried in order: families take turns, beginning with that of the first address. */
void sr_net_race_fill(SrNetRace *race, const SrIoAddress *addresses, size_t count, int port);
/* Begins. `open` is 0 if nothing could even begin: see status. */
void sr_net_race_begin(SrNetRace *race);
/* Nothing remains of it. */
void sr_net_race_end(SrNetRace *race);

#endif
