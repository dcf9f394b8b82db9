/* SPDX-License-Identifier: MIT */
/*
** Who may have a request under way: a limit for the pool, a limit for each host,
** and the line of those who wait. Knows neither libcurl nor Lua.
*/
#ifndef SR_HTTP_SLOTS_H
#define SR_HTTP_SLOTS_H

#include <limits.h>

#define SR_HTTP_UNLIMITED UINT_MAX

typedef struct SrHttpSlot SrHttpSlot;
typedef struct SrHttpHost SrHttpHost;

typedef enum SrHttpSlotState {
  SR_HTTP_SLOT_NONE,       /* neither held nor waited for */
  SR_HTTP_SLOT_WAITS_HOST, /* in its host's line */
  SR_HTTP_SLOT_WAITS_POOL, /* has its host's leave, stands in the pool's line */
  SR_HTTP_SLOT_HELD
} SrHttpSlotState;

/* One request's place, in its owner's memory. Zeroed before use. */
struct SrHttpSlot {
  SrHttpSlotState state;
  unsigned long long order; /* of arrival: nobody overtakes */
  SrHttpHost *host;         /* NULL where hosts have no limit */
  SrHttpSlot *prev, *next;  /* in the line it waits in */
};

/* A line of waiting slots, first come first. */
typedef struct SrHttpLine {
  SrHttpSlot *first, *last;
} SrHttpLine;

enum { SR_HTTP_HOST_CHAINS = 64 };

typedef struct SrHttpSlots {
  unsigned limit, host_limit;             /* SR_HTTP_UNLIMITED for none */
  unsigned held, waiting;                 /* slots in each state */
  unsigned long long arrivals;            /* the order of the next slot */
  SrHttpLine line;                        /* those who have their host's leave */
  SrHttpHost *hosts[SR_HTTP_HOST_CHAINS]; /* hosts with slots held or waited for */
  void (*on_grant)(SrHttpSlot *slot);     /* the slot that waited is held now */
} SrHttpSlots;

/* Takes a slot for the host named `key`: its state then. It is held, or waits for on_grant; NONE: no memory. */
SrHttpSlotState sr_http_slot_take(SrHttpSlots *slots, SrHttpSlot *slot, const char *key);

/* Gives it back, or leaves the line; whoever is next is granted it at once. Harmless when not held. */
void sr_http_slot_release(SrHttpSlots *slots, SrHttpSlot *slot);

#endif
