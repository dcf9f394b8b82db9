/* SPDX-License-Identifier: MIT */
/*
** Signals: a stream of those that the process gets, by name. It hears from its making on; what nobody has taken yet
** waits. Beyond a bound signals merge, as the system merges them, too: one more of a kind that waits says nothing new,
** but the first of its kind is never lost.
**
** Invariant: the first `promised` of those that wait belong to tasks that have been woken and have not gone on yet;
** tasks wait only while there are no others.
*/
#include <stdlib.h>
#include <string.h>

#include "base/signal.h"
#include "runtime/debug.h"
#include "runtime/error.h"
#include "runtime/handle.h"
#include "runtime/loop.h"
#include "runtime/resource.h"
#include "runtime/selectable.h"
#include "sync/sync.h"

/* Beyond the first number there is at most one more of each kind, of which systems have fewer than the second. */
enum { MOST_WAITING = 64, MOST_KINDS = 128 };

/* Listens for one signal. Its memory goes with its handle. */
typedef struct Ear {
  uv_signal_t handle;
  struct Signals *owner; /* NULL: closed */
  int number;
} Ear;

/* Its user value is a table: the names, by number. */
typedef struct Signals {
  SrObject head;
  SrRuntime *rt;
  SrWaiter *waiters;
  saros_resource resource;
  SrVigil vigil;                          /* of the first ear: as long as somebody waits the run is in no deadlock */
  int waiting[MOST_WAITING + MOST_KINDS]; /* numbers, the oldest first */
  unsigned count, promised;
  bool is_closed;
  unsigned ear_count;
  Ear *ears[];
} Signals;

static const SrSelectable selectable;
static const SrClass signals_class = {.name = "signals", .selectable = &selectable};

static Signals *check_signals(lua_State *L, const char *function) {
  return (Signals *)sr_check_self(L, &signals_class, function);
}

/* --- handing over ------------------------------------------------------------------ */

/* What nobody was promised goes to those that wait. */
static void hand_over(Signals *signals) {
  SrTask *t;
  while (signals->count > signals->promised && (t = sr_take_waiting(&signals->waiters)) != NULL) {
    signals->promised++;
    sr_wake(t);
  }
}

static bool merges(const Signals *signals, int number) {
  if (signals->count < MOST_WAITING) return false;
  for (unsigned i = 0; i < signals->count; i++)
    if (signals->waiting[i] == number) return true;
  return signals->count == MOST_WAITING + MOST_KINDS;
}

static void on_signal(uv_signal_t *handle, int number) {
  Signals *signals = SR_CONTAINER(handle, Ear, handle)->owner;
  if (signals == NULL || merges(signals, number)) return;
  signals->waiting[signals->count++] = number;
  hand_over(signals);
}

/* Pushes the name of the oldest, which was promised; nil if there is none, as it was closed. [-0, +1, -] */
static int give(lua_State *L, SrTask *t, void *object) {
  Signals *signals = (Signals *)object;
  (void)t;
  if (signals->promised == 0) return lua_pushnil(L), 1;
  lua_getiuservalue(L, 1, 1);
  lua_rawgeti(L, -1, signals->waiting[0]);
  lua_remove(L, -2);
  signals->promised--;
  signals->count--;
  memmove(signals->waiting, signals->waiting + 1, signals->count * sizeof signals->waiting[0]);
  return 1;
}

static SrTaking take(lua_State *L, SrTask *t, void *object) {
  Signals *signals = (Signals *)object;
  (void)L, (void)t;
  if (signals->count > signals->promised) {
    signals->promised++;
    return SR_TAKEN;
  }
  return signals->is_closed ? SR_TAKEN : SR_NOTHING;
}

/* The task will not take it. */
static void undo_next(lua_State *L, SrTask *t) {
  Signals *signals = (Signals *)t->object;
  (void)L;
  if (signals->promised == 0) return;
  signals->promised--;
  hand_over(signals);
}

static const SrKind next_kind = {
    .name = "a signal", .abort = sr_abort_in_ring, .ring = offsetof(Signals, waiters), .undo = undo_next};
static const SrSelectable selectable = {.kind = &next_kind, .take = take, .give = give};

static int k_next(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  return give(L, t, lua_touserdata(L, 1));
}

/* signals(): the next one; nil once it is closed. Waits. */
static int l_next(lua_State *L) {
  Signals *signals = check_signals(L, "signals");
  SrTask *t = sr_check_wait_in(L, signals->rt, "signals");
  if (sr_is_cancelled(t)) return sr_raise(L, t);
  if (take(L, t, signals) == SR_TAKEN) {
    give(L, t, signals);
    return sr_return(L, t, 1);
  }
  sr_ring_append(&signals->waiters, &t->waiter);
  return sr_park(L, t, &next_kind, signals, k_next);
}

/* --- the end ------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  free(SR_CONTAINER(handle, Ear, handle));
}

static void close_ear(Ear *ear) {
  ear->owner = NULL;
  uv_signal_stop(&ear->handle);
  sr_signal_put_back(ear->number);
  sr_close_handle((uv_handle_t *)&ear->handle, on_closed);
}

static void close_signals(Signals *signals) {
  SrTask *t;
  if (signals->is_closed) return;
  signals->is_closed = true;
  sr_loop_end_vigil(signals->rt, &signals->vigil);
  for (unsigned i = 0; i < signals->ear_count; i++) close_ear(signals->ears[i]);
  signals->ear_count = 0;
  signals->count = signals->promised;
  sr_resource_close(&signals->resource);
  while ((t = sr_take_waiting(&signals->waiters)) != NULL) sr_wake(t);
}

static void on_run_end(saros_resource *resource) {
  close_signals(SR_CONTAINER(resource, Signals, resource));
}

/* signals:close(): listens no more. Who waits, or asks later, gets nil. */
static int l_close(lua_State *L) {
  close_signals(check_signals(L, "signals:close"));
  return 0;
}

static int l_gc(lua_State *L) {
  Signals *signals = check_signals(L, "signals:__gc");
  if (!signals->is_closed) sr_debug_collected(L, &signals->resource, "signals");
  close_signals(signals);
  return 0;
}

/* --- new ------------------------------------------------------------------------------- */

static int check_signal(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TSTRING) return sr_type_error(L, "signals", index, index, "name of a signal");
  int number = sr_signal_number(lua_tostring(L, index));
  if (number == 0) return sr_arg_error(L, "signals", index, "there is no signal '%s'", lua_tostring(L, index));
  if (!sr_signal_can_be_heard(number))
    return sr_arg_error(L, "signals", index, "nobody can listen for '%s'", lua_tostring(L, index));
  return number;
}

/* Begins to listen. 0 or a status. */
static int open_ear(Signals *signals, int number) {
  Ear *ear = (Ear *)calloc(1, sizeof *ear);
  if (ear == NULL) return UV_ENOMEM;
  int status = uv_signal_init(signals->rt->loop.uv, &ear->handle);
  if (status != 0) return free(ear), status;
  ear->owner = signals;
  ear->number = number;
  uv_unref((uv_handle_t *)&ear->handle);
  sr_signal_take(number);
  status = uv_signal_start(&ear->handle, on_signal, number);
  if (status != 0) return close_ear(ear), status;
  signals->ears[signals->ear_count++] = ear;
  return 0;
}

/* Listens for all signals among the arguments; the table of names is on top. */
static int open_ears(lua_State *L, Signals *signals, int total) {
  int status = 0;
  for (int i = 1; i <= total && status == 0; i++) {
    int number = sr_signal_number(lua_tostring(L, i));
    if (lua_rawgeti(L, -1, number) == LUA_TNIL) {
      char name[SR_SIGNAL_NAME];
      lua_pushstring(L, sr_signal_name(number, name));
      lua_rawseti(L, -3, number);
      status = open_ear(signals, number);
    }
    lua_pop(L, 1);
  }
  return status;
}

/* signals(name, ...): an iterator over those that come, from now on, and what closes it when its loop is left */
static int l_signals(lua_State *L) {
  SrRuntime *rt = sr_rt(L);
  int total = lua_gettop(L);
  for (int i = 1; i <= total || i == 1; i++) check_signal(L, i);
  if (rt->loop.uv == NULL) return luaL_error(L, "signals: no loop is running (call it inside async.run)");
  Signals *signals = (Signals *)sr_new_object(L, &signals_class, sizeof *signals + (size_t)total * sizeof(Ear *), 1);
  signals->rt = rt;
  signals->is_closed = true; /* until it is open: nothing may be done at its end */
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, 1);
  signals->is_closed = false;
  signals->resource.name = "signals";
  signals->resource.on_run_end = on_run_end;
  sr_resource_open(L, &signals->resource);
  int status = open_ears(L, signals, total);
  if (status != 0) {
    close_signals(signals);
    return luaL_error(L, "signals: %s", uv_strerror(status));
  }
  lua_pop(L, 1);
  signals->vigil = (SrVigil){.handle = (uv_handle_t *)&signals->ears[0]->handle, .ring = &signals->waiters};
  sr_loop_begin_vigil(rt, &signals->vigil);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, -3);
  return 4;
}

/* tostring(signals): signals (listening, 1 waiting) */
static int l_tostring(lua_State *L) {
  const Signals *signals = check_signals(L, "tostring");
  return sr_describe(L, &signals->head, signals->waiters, signals->is_closed ? "closed" : "listening");
}

void sr_open_signals(lua_State *L) {
  static const luaL_Reg functions[] = {{"signals", l_signals}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__call", l_next}, {"__close", l_close}, {"__gc", l_gc}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &signals_class, methods, meta);
  lua_pop(L, 1);
}
