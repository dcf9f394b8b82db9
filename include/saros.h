/* SPDX-License-Identifier: MIT */
/*
** saros.h: the C API of saros.
**
** Two kinds of C code use it. A host that owns a uv_loop_t hands it over with
** saros_use_loop before Lua requires "saros". A C module makes an awaitable of
** any callback:
**
**   static int l_read(lua_State *L) {
**     saros->check(L, "read");                       -- raises where nobody can wait
**     if (saros->cancelled(L)) return saros->raise(L);
**     ... make the operation, submit it ...
**     return saros->park(L, &op->wait, &read_kind, k_read, (lua_KContext)op);
**   }
**   static void on_read(uv_req_t *req) {             -- a callback: C only, no Lua
**     ... store the outcome in op ...
**     saros->wake(&op->wait);
**   }
**   static int k_read(lua_State *L, int status, lua_KContext ctx) {
**     if (saros->aborted(L)) { ... release ...; return saros->raise(L); }
**     ... release op, push the results ...
**   }
**
** `op` belongs to two: a userdata on the task's stack, whose __gc lets go of it, and libuv until the
** callback; the last to let go frees it (docs/c-api.md has a complete example).
**
** Callbacks carry C, continuations carry Lua: a callback stores and wakes, the
** continuation runs protected inside the task and may raise.
**
** Stack effects stand in Lua's notation: [-popped, +pushed, errors].
*/
#ifndef SAROS_H
#define SAROS_H

#include <lauxlib.h>
#include <lua.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a C module exports: its luaopen function. */
#if defined(_WIN32)
#define SAROS_EXPORT __declspec(dllexport)
#else
#define SAROS_EXPORT __attribute__((visibility("default")))
#endif

/* The version of struct saros_api; saros_open refuses any other. */
#define SAROS_API_VERSION 1

/* Registry keys: the table of functions, and the host's loop. */
#define SAROS_API_KEY "saros.api"
#define SAROS_LOOP_KEY "saros.loop"

/* One per Lua state. */
typedef struct saros_runtime saros_runtime;
typedef struct saros_wait saros_wait;
typedef struct saros_timer saros_timer;
typedef struct saros_resource saros_resource;

/* What a task waits for, one static struct for each kind of operation. */
typedef struct saros_kind {
  const char *name; /* shown in tracebacks and trees: "http response" */
  /*
  ** Cancellation has come: stop the operation. Called at most once for each park;
  ** must not touch Lua, nor call saros->wake. Return 1 if the task can go on at once
  ** (a completion that comes late is ignored), 0 if the operation has to end first:
  ** saros->wake is then still to be called, from a later callback.
  */
  int (*abort)(saros_wait *wait);
} saros_kind;

/*
** The tie between one operation and the task that waits for it. It lives in the
** operation's own memory, zeroed before its first park. After a wake or an abort
** `task` is NULL, so a stale completion finds nobody and does nothing.
*/
struct saros_wait {
  void *task;             /* the parked task, NULL when nobody waits */
  const saros_kind *kind; /* of the present park */
};

/* A one-shot deadline on the runtime's clock (virtual under saros.testing). Zeroed before use. */
struct saros_timer {
  unsigned position; /* the clock's: place in its heap, 0 when idle */
  unsigned order;    /* the clock's: who was first among equal deadlines */
  void (*on_fire)(saros_timer *timer);
};

/*
** Something that is open during a run and has to be closed at its end: a socket,
** a pool of connections. Zeroed before its first open. Embedded in its owner's memory.
*/
struct saros_resource {
  void *owner;                 /* the runtime it is open in, NULL when not open */
  saros_resource *next, *prev; /* the runtime's list */
  const char *name;            /* named in leak reports; NULL for what belongs to nobody (a shared pool) */
  int source, line;            /* the runtime's: where it was opened */
  /* The run ends: close all. Must not touch Lua, and has to call resource_close. */
  void (*on_run_end)(saros_resource *resource);
};

typedef struct saros_api {
  int version;

  /* The runtime of this Lua state. [-0, +0, -] */
  saros_runtime *(*runtime)(lua_State *L);
  /* The loop of the present run, NULL outside of one. */
  uv_loop_t *(*loop)(saros_runtime *rt);

  /* Raises, naming `function` and the reason, unless the caller is a task that can be suspended here. [-0, +0, v] */
  void (*check)(lua_State *L, const char *function);
  /* Whether the calling task is cancelled (or interrupted): its await must `return saros->raise(L)`. [-0, +0, -] */
  int (*cancelled)(lua_State *L);
  /* Lets the others have a turn, then raises the cancellation. To be returned: `return saros->raise(L);` [-0, +0, v] */
  int (*raise)(lua_State *L);
  /*
  ** Suspends the calling task until wake or abort, then continues in k. If it was cancelled since `cancelled` was asked
  ** (whatever allocates lets finalizers run) `abort` is called at once. To be returned. [-0, +0, v]
  */
  int (*park)(lua_State *L, saros_wait *wait, const saros_kind *kind, lua_KFunction k, lua_KContext ctx);
  /* Completes a wait, from any libuv callback. Does nothing if nobody waits (any more). */
  void (*wake)(saros_wait *wait);
  /* In a continuation: whether the wait was aborted rather than completed. [-0, +0, -] */
  int (*aborted)(lua_State *L);
  /*
  ** Returns the `n` values on top of the stack from an await that did not have to wait. Now and
  ** then it gives the others a turn first, so that what is always ready starves nobody. [-0, +0, v]
  */
  int (*ready)(lua_State *L, int n);

  /* The runtime's clock in seconds, monotonic, fresh. */
  double (*now)(saros_runtime *rt);
  /* Starts (or restarts) a timer; on_fire runs on the loop, in C. Only during a run. False: no memory. */
  int (*timer_start)(saros_runtime *rt, saros_timer *timer, double seconds);
  /* Stops it; harmless when idle. Every timer must be idle before its memory goes. */
  void (*timer_stop)(saros_runtime *rt, saros_timer *timer);

  /* uv_close, unless the handle is closing already; on_closed (may be NULL) runs later. */
  void (*close)(uv_handle_t *handle, uv_close_cb on_closed);

  /* Registers an open resource, with the place of the caller's Lua code. [-0, +0, -] */
  void (*resource_open)(lua_State *L, saros_resource *resource);
  /* Takes it off the list; harmless when not open. */
  void (*resource_close)(saros_resource *resource);

  /* Pushes an Error object with name, code, message and traceback. [-0, +1, m] */
  void (*push_error)(lua_State *L, const char *name, const char *code, const char *format, ...);
  /* Raises "bad argument #arg to 'function' (message)". [-0, +0, v] */
  int (*arg_error)(lua_State *L, const char *function, int arg, const char *format, ...);
  /*
  ** For __gc of something the collector had to close: in debug mode warns on standard error
  ** with the place where it was opened. [-0, +0, -]
  */
  void (*collected)(lua_State *L, const saros_resource *resource, const char *name);
} saros_api;

/* The table of functions; raises if "saros" has not been required in this state. [-0, +0, v] */
static inline const saros_api *saros_open(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, SAROS_API_KEY);
  const saros_api *api = (const saros_api *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (api == NULL) luaL_error(L, "saros is not loaded: require \"saros\" first");
  if (api->version != SAROS_API_VERSION)
    luaL_error(L, "saros speaks version %d of its C API, this module was built for %d", api->version,
               SAROS_API_VERSION);
  return api;
}

/*
** Makes saros run inside the host's own loop; call it before Lua requires "saros". The loop must
** outlive the Lua state. SIGINT then stays the host's affair. [-0, +0, m]
*/
static inline void saros_use_loop(lua_State *L, uv_loop_t *loop) {
  lua_pushlightuserdata(L, loop);
  lua_setfield(L, LUA_REGISTRYINDEX, SAROS_LOOP_KEY);
}

#ifdef __cplusplus
}
#endif

#endif
