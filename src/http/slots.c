/* SPDX-License-Identifier: MIT */
/*
** Slots of a pool: two limits, first come first served, see slots.h.
**
** A slot first needs its host's leave, then a place in the pool. Who has the leave
** stands in the pool's line in order of arrival, so a crowded host holds up its own
** requests and nobody else's. A release hands the place on itself; it is never free
** in between, so nobody can step in.
*/
#include "http/slots.h"

#include <stdlib.h>
#include <string.h>

struct SrHttpHost {
  SrHttpHost *next;  /* of its chain */
  unsigned admitted; /* slots that have the host's leave */
  unsigned users;    /* slots that point here */
  SrHttpLine line;   /* those who wait for its leave */
  char key[];
};

static void insert_after(SrHttpLine *line, SrHttpSlot *before, SrHttpSlot *slot) {
  slot->prev = before;
  slot->next = before != NULL ? before->next : line->first;
  if (slot->next != NULL)
    slot->next->prev = slot;
  else
    line->last = slot;
  if (before != NULL)
    before->next = slot;
  else
    line->first = slot;
}

static void insert_in_order(SrHttpLine *line, SrHttpSlot *slot) {
  SrHttpSlot *before = line->last;
  while (before != NULL && before->order > slot->order) before = before->prev;
  insert_after(line, before, slot);
}

static void leave(SrHttpLine *line, SrHttpSlot *slot) {
  if (slot->prev != NULL)
    slot->prev->next = slot->next;
  else
    line->first = slot->next;
  if (slot->next != NULL)
    slot->next->prev = slot->prev;
  else
    line->last = slot->prev;
  slot->prev = slot->next = NULL;
}

static SrHttpHost **chain_of(SrHttpSlots *slots, const char *key) {
  unsigned hash = 2166136261u; /* FNV-1a */
  for (const char *c = key; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
  return &slots->hosts[hash % SR_HTTP_HOST_CHAINS];
}

static SrHttpHost *use_host(SrHttpSlots *slots, const char *key) {
  SrHttpHost **chain = chain_of(slots, key);
  for (SrHttpHost *host = *chain; host != NULL; host = host->next) {
    if (strcmp(host->key, key) == 0) {
      host->users++;
      return host;
    }
  }
  size_t size = strlen(key) + 1;
  SrHttpHost *host = calloc(1, sizeof *host + size);
  if (host == NULL) return NULL;
  memcpy(host->key, key, size);
  host->users = 1;
  host->next = *chain;
  *chain = host;
  return host;
}

static void drop_host(SrHttpSlots *slots, SrHttpHost *host) {
  if (--host->users > 0) return;
  SrHttpHost **place = chain_of(slots, host->key);
  while (*place != host) place = &(*place)->next;
  *place = host->next;
  free(host);
}

/* The slot has its host's leave: it is held, or waits as the pool is full. */
static SrHttpSlotState enter_pool(SrHttpSlots *slots, SrHttpSlot *slot) {
  if (slots->held < slots->limit && slots->line.first == NULL) {
    slot->state = SR_HTTP_SLOT_HELD;
    slots->held++;
    return slot->state;
  }
  slot->state = SR_HTTP_SLOT_WAITS_POOL;
  slots->waiting++;
  insert_in_order(&slots->line, slot);
  return slot->state;
}

SrHttpSlotState sr_http_slot_take(SrHttpSlots *slots, SrHttpSlot *slot, const char *key) {
  slot->order = slots->arrivals++;
  if (slots->host_limit == SR_HTTP_UNLIMITED) return enter_pool(slots, slot);
  slot->host = use_host(slots, key);
  if (slot->host == NULL) return SR_HTTP_SLOT_NONE;
  if (slot->host->admitted < slots->host_limit && slot->host->line.first == NULL) {
    slot->host->admitted++;
    return enter_pool(slots, slot);
  }
  slot->state = SR_HTTP_SLOT_WAITS_HOST;
  slots->waiting++;
  insert_after(&slot->host->line, slot->host->line.last, slot);
  return slot->state;
}

/* The host's leave has become free: its next one moves on to the pool's line. */
static void pass_leave(SrHttpSlots *slots, SrHttpHost *host) {
  SrHttpSlot *slot = host->line.first;
  host->admitted--;
  if (slot == NULL) return;
  leave(&host->line, slot);
  host->admitted++;
  slot->state = SR_HTTP_SLOT_WAITS_POOL;
  insert_in_order(&slots->line, slot);
}

static void pass_places(SrHttpSlots *slots) {
  while (slots->held < slots->limit && slots->line.first != NULL) {
    SrHttpSlot *slot = slots->line.first;
    leave(&slots->line, slot);
    slots->waiting--;
    slots->held++;
    slot->state = SR_HTTP_SLOT_HELD;
    slots->on_grant(slot);
  }
}

void sr_http_slot_release(SrHttpSlots *slots, SrHttpSlot *slot) {
  SrHttpSlotState state = slot->state;
  SrHttpHost *host = slot->host;
  slot->state = SR_HTTP_SLOT_NONE;
  slot->host = NULL;
  if (state == SR_HTTP_SLOT_WAITS_HOST) leave(&host->line, slot);
  if (state == SR_HTTP_SLOT_WAITS_POOL) leave(&slots->line, slot);
  if (state == SR_HTTP_SLOT_WAITS_HOST || state == SR_HTTP_SLOT_WAITS_POOL) slots->waiting--;
  if (state == SR_HTTP_SLOT_HELD) slots->held--;
  if (host != NULL) {
    if (state != SR_HTTP_SLOT_WAITS_HOST) pass_leave(slots, host);
    drop_host(slots, host);
  }
  pass_places(slots);
}
