/* SPDX-License-Identifier: MIT */
/* Connecting to one of several addresses, see race.h. */
#include "net/race.h"

#include "net/address.h"

/* After so many seconds the next address is tried beside those that have not answered. */
static const double STAGGER = 0.25;

/* --- attempts ------------------------------------------------------------------------ */

static void drop(SrNetTry *try) {
  if (try->plain != NULL) sr_io_plain_discard(try->plain);
  try->plain = NULL;
}

static void drop_all(SrNetRace *race) {
  sr_io_saros->timer_stop(race->context->runtime, &race->stagger);
  for (unsigned i = 0; i < race->count; i++) drop(&race->tries[i]);
}

void sr_net_race_end(SrNetRace *race) {
  drop_all(race);
  if (race->winner != NULL) sr_io_plain_discard(race->winner);
  race->winner = NULL;
}

static SrNetTry *find_try(SrNetRace *race, const SrIoPlain *plain) {
  SrNetTry *try = race->tries;
  while (try->plain != plain) try++;
  return try;
}

/* Whether a status tells of this machine rather than of the peer: that it has no way to such an address. */
static bool says_little(int status) {
  return status == UV_ENETUNREACH || status == UV_EADDRNOTAVAIL || status == UV_EAFNOSUPPORT || status == UV_EINVAL;
}

static void note_failure(SrNetRace *race, SrNetTry *try, int status) {
  drop(try);
  bool is_first = race->status == 0 || (says_little(race->status) && !says_little(status));
  if (is_first || status == UV_ENOMEM) race->status = status;
}

static void on_connected(uv_connect_t *request, int status);

/* 0, or why it could not even begin. */
static int begin_try(SrNetRace *race, SrNetTry *try) {
  int status;
  SrIoPlain *plain = sr_io_plain_new(race->context, UV_TCP, &status);
  if (plain == NULL) return status;
  try->plain = plain;
  plain->base.owner = race;
  if (race->local.any.sa_family != 0) status = uv_tcp_bind(&plain->own.tcp, &race->local.any, 0);
  if (status != 0) return status;
  return uv_tcp_connect(&plain->request.connect, &plain->own.tcp, &try->address.any, on_connected);
}

/* Whether the next address has its time; where there is no memory for that it is tried at once. */
static bool waits_for_next(SrNetRace *race) {
  return sr_io_saros->timer_start(race->context->runtime, &race->stagger, STAGGER) != 0;
}

/* Begins with the next address that can be tried. */
static void begin_next(SrNetRace *race) {
  while (race->started < race->count) {
    SrNetTry *try = &race->tries[race->started++];
    int status = begin_try(race, try);
    if (status != 0) {
      note_failure(race, try, status);
      continue;
    }
    race->open++;
    if (race->started < race->count && waits_for_next(race)) return;
  }
  sr_io_saros->timer_stop(race->context->runtime, &race->stagger);
}

static void on_stagger(saros_timer *timer) {
  begin_next(SR_IO_CONTAINER(timer, SrNetRace, stagger));
}

static void on_connected(uv_connect_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  SrNetRace *race = (SrNetRace *)plain->base.owner;
  if (race == NULL) return;
  SrNetTry *try = find_try(race, plain);
  race->open--;
  if (status != 0) {
    note_failure(race, try, status);
    begin_next(race);
    if (race->open == 0) race->on_done(race);
    return;
  }
  try->plain = NULL;
  plain->base.owner = NULL;
  race->winner = plain;
  drop_all(race);
  race->on_done(race);
}

void sr_net_race_begin(SrNetRace *race) {
  race->stagger.on_fire = on_stagger;
  begin_next(race);
}

/* --- the order of addresses ---------------------------------------------------------------- */

/* The next address of that family, from `from` on; `count` if there is none. */
static size_t next_of(const SrIoAddress *addresses, size_t count, int family, size_t from) {
  while (from < count && addresses[from].any.sa_family != family) from++;
  return from;
}

/* Whether a connection to an address of that family can come from the local one. */
static bool can_be_tried(const SrNetRace *race, int family) {
  return race->local.any.sa_family == 0 || race->local.any.sa_family == family;
}

void sr_net_race_fill(SrNetRace *race, const SrIoAddress *addresses, size_t count, int port) {
  int family = count > 0 ? addresses[0].any.sa_family : AF_INET;
  size_t next[2] = {0, 0};
  for (int empty = 0; empty < 2;) {
    size_t *from = &next[family == AF_INET6];
    *from = next_of(addresses, count, family, *from);
    empty = *from == count || !can_be_tried(race, family) ? empty + 1 : 0;
    if (empty == 0) {
      SrIoAddress *address = &race->tries[race->count++].address;
      *address = addresses[(*from)++];
      sr_net_set_port(address, port);
    }
    family = family == AF_INET6 ? AF_INET : AF_INET6;
  }
  if (race->count == 0) race->status = UV_EAFNOSUPPORT;
}
