/* SPDX-License-Identifier: MIT */
/*
** Who may have a request under way: a limit for the pool, a limit for each host,
** and the line of those who wait. Knows neither libcurl nor Lua.
*/
#ifndef SR_HTTP_SLOTS_H
#define SR_HTTP_SLOTS_H

#include <limits.h>

#define SR_UNLIMITED UINT_MAX

typedef struct SrSlot SrSlot;
typedef struct SrHost SrHost;

typedef enum SrSlotState {
  SR_SLOT_NONE,       /* neither held nor waited for */
  SR_SLOT_WAITS_HOST, /* in its host's line */
  SR_SLOT_WAITS_POOL, /* has its host's leave, stands in the pool's line */
  SR_SLOT_HELD
} SrSlotState;

/* One request's place, in its owner's memory. Zeroed before use. */
struct SrSlot {
  SrSlotState state;
  unsigned long long order; /* of arrival: nobody overtakes */
  SrHost *host;             /* NULL where hosts have no limit */
  SrSlot *prev, *next;      /* in the line it waits in */
};

/* A line of waiting slots, first come first. */
typedef struct SrLine {
  SrSlot *first, *last;
} SrLine;

#define SR_HOST_CHAINS 64

typedef struct SrSlots {
  unsigned limit, host_limit;     /* SR_UNLIMITED for none */
  unsigned held, waiting;         /* slots in each state */
  unsigned long long arrivals;    /* the order of the next slot */
  SrLine line;                    /* those who have their host's leave */
  SrHost *hosts[SR_HOST_CHAINS];  /* hosts with slots held or waited for */
  void (*on_grant)(SrSlot *slot); /* the slot that waited is held now */
} SrSlots;

/* Takes a slot for the host named `key`. 1: held; 0: it waits for on_grant; -1: no memory. */
int sr_slot_take(SrSlots *slots, SrSlot *slot, const char *key);

/* Gives it back, or leaves the line; whoever is next is granted it at once. Harmless when not held. */
void sr_slot_release(SrSlots *slots, SrSlot *slot);

#endif
