/* SPDX-License-Identifier: MIT */
/*
** saros.h: the C API of saros.
**
** Two kinds of C code use it. A host that owns a uv_loop_t hands it over with
** saros_use_loop before Lua requires "saros", and may work it itself (struct saros_host_api). A C module makes an awaitable of
** any callback, and it makes, is given and uses streams (below, struct saros_stream_api):
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
#include <stddef.h>
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

/* The version of the structs of functions below; saros_open refuses any other. */
#define SAROS_API_VERSION 4

/* Registry keys: the tables of functions, and the host's loop. */
#define SAROS_API_KEY "saros.api"
#define SAROS_STREAMS_KEY "saros.streams"
#define SAROS_HOST_KEY "saros.host"
#define SAROS_LOOP_KEY "saros.loop"

/* One per Lua state. */
typedef struct saros_runtime saros_runtime;
typedef struct saros_wait saros_wait;
typedef struct saros_timer saros_timer;
typedef struct saros_resource saros_resource;
typedef struct saros_port saros_port;
typedef struct saros_post saros_post;

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

/* A call from another thread; it lives in the operation's own memory. */
struct saros_post {
  void (*on_loop)(saros_post *post); /* what is called on the run's thread: C only, as any callback */
  saros_post *next;                  /* the runtime's */
  saros_port *port;                  /* the runtime's */
};

typedef struct saros_api {
  int version;

  /* The runtime of this Lua state. [-0, +0, -] */
  saros_runtime *(*runtime)(lua_State *L);
  /* The loop of the present run, NULL outside of one. */
  uv_loop_t *(*loop)(saros_runtime *rt);

  /*
  ** Raises, naming `function` and the reason, unless the caller is a task that can be suspended here. Returns what
  ** `cancelled` would. [-0, +0, v]
  */
  int (*check)(lua_State *L, const char *function);
  /* Whether the calling task is cancelled (or interrupted): its await must `return saros->raise(L)`. [-0, +0, -] */
  int (*cancelled)(lua_State *L);
  /* Lets the others have a turn, then raises the cancellation. To be returned: `return saros->raise(L);` [-0, +0, v] */
  int (*raise)(lua_State *L);
  /*
  ** Suspends the calling task until wake or abort, then continues in k. If it was cancelled since `cancelled` was asked
  ** (whatever allocates lets finalizers run) `abort` is called at once. Up to the wake values can be put on its stack,
  ** within what lua_checkstack has made room for before: k finds them there. To be returned. [-0, +0, v]
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
  ** Raises the same unless all options are among `known` (ends with NULL), and says which may have been meant. `index`
  ** is a table or nil. [-0, +0, v]
  */
  void (*check_options)(lua_State *L, const char *function, int index, int arg, const char *const *known);
  /*
  ** For __gc of something the collector had to close: in debug mode warns on standard error
  ** with the place where it was opened. [-0, +0, -]
  */
  void (*collected)(lua_State *L, const saros_resource *resource, const char *name);

  /*
  ** Announces one call from another thread. Until it has come the run takes it for something that can wake a task. It is
  ** used up by exactly one post. NULL: no memory. Only during a run.
  */
  saros_port *(*expect)(saros_runtime *rt);
  /*
  ** From any thread: has post->on_loop called on the run's thread, soon, at the latest when the run ends. 0: the run has
  ** ended already, and it will not be called; the runtime, and the Lua state, may be gone.
  */
  int (*post)(saros_port *port, saros_post *post);
  /* On the run's thread: nobody waits for it any more, for example after an abort. The post may still come. */
  void (*forget)(saros_port *port);
  /* On the run's thread, instead of post: it will not come. */
  void (*unexpect)(saros_port *port);
  /*
  ** Raises an error that arose elsewhere, in a thread for example: on top is the traceback from there (nil: none), below
  ** it the error. It is shown above that of the calling task. To be returned. [-2, +0, v]
  */
  int (*raise_traced)(lua_State *L);
  /* From the next run on, runs of this runtime leave SIGINT to others, as they do on a host's loop. */
  void (*leave_sigint)(saros_runtime *rt);
  /*
  ** Interrupts the run of that runtime as Ctrl-C does, or, if there is none, the next one. Called in the thread of the
  ** run, where a signal handler may call it; for runtimes that leave SIGINT to others.
  */
  void (*interrupt)(saros_runtime *rt);
} saros_api;

/* --- hosts -------------------------------------------------------------------- */

/*
** A host that works its own loop has saros run as a guest on it: tasks go on whenever the host turns the loop (uv_run),
** and the loop counts as alive as long as there is a task. All functions are called on the loop's thread, outside of
** tasks. Ctrl-C and deadlocks are the host's affair. lua_close ends the run at once; the loop is turned once more after it.
*/
typedef struct saros_host_api {
  int version;
  /* Begins a run on the loop that was handed over. async.run is refused until it has ended. [-0, +0, v] */
  void (*begin)(lua_State *L);
  /*
  ** Spawns a task of the run; the function and `nargs` arguments are on top. Its Task takes their place. When it has ended
  ** on_end (may be NULL) is called in a later turn, in a task of its own: with its `count` results on top of the stack, or
  ** if not `ok` its error. Without on_end a failure is reported as those of all tasks are. [-(nargs + 1), +1, v]
  */
  void (*spawn)(lua_State *L, int nargs, void (*on_end)(lua_State *L, int ok, int count, void *owner), void *owner);
  /*
  ** Cancels all tasks; when the last has ended the run ends, as the loop is turned, and on_ended (may be NULL) is called:
  ** C only. It is not called if the state is closed first. [-0, +0, v]
  */
  void (*end)(lua_State *L, void (*on_ended)(void *owner), void *owner);
} saros_host_api;

/* --- streams ----------------------------------------------------------------- */

/*
** A stream is one thing with two faces: the userdata that Lua programs read and write, and this one. It
** belongs to Lua: a C module that keeps one keeps a reference to its value. All functions are called on the
** loop's thread. What a stream stands on is a transport: a socket, or TLS stacked on a socket.
*/
typedef struct saros_stream saros_stream;
typedef struct saros_transport saros_transport;

/* The end of a stream beside libuv's: the peer vanished without the goodbye that its protocol asks for. */
#define SAROS_ETRUNCATED (-20001)
/* A failure that only the transport can tell, by push_error. */
#define SAROS_ETRANSPORT (-20002)

/* What a write that may not wait leaves waiting before `is_full` says so, in bytes; see write. */
#define SAROS_HIGH_WATER 65536

/*
** Who is told what happens on a transport: a stream, or another transport that is stacked on it. Called from
** libuv's callbacks or from the transport's own functions: C only, no Lua. Any of them may close the transport.
*/
typedef struct saros_sink {
  /* Where the next bytes are to be put, at least one; a room of length 0 leaves it to the transport. May be NULL. */
  void (*on_room)(void *owner, uv_buf_t *room);
  /* Bytes have come, maybe in that room; they are valid until the call returns. */
  void (*on_read)(void *owner, const char *bytes, size_t count);
  /* Nothing comes any more: UV_EOF, or why. Once. */
  void (*on_end)(void *owner, int status);
  /* Fewer bytes wait to be sent than before: more can be written. Negative: writing has failed. */
  void (*on_drain)(void *owner, int status);
  /* The write side is shut down, or that failed. */
  void (*on_shutdown)(void *owner, int status);
  /* The run has ended and has taken the transport away: it must not be touched any more. */
  void (*on_closed)(void *owner);
  /*
  ** Bytes, or the end, have come and have not been read yet. Nonzero: the owner calls `pull` before the loop polls
  ** again, else they are read as ever. May be NULL.
  */
  int (*on_readable)(void *owner);
} saros_sink;

/* What a transport can do. `transport` is the head of the implementation's own struct. */
typedef struct saros_transport_class {
  const char *name; /* "tcp", "unix", "tls" */
  /* Bytes are wanted: on_read and on_end may be called from now on, the first time from within. 0 or a status. */
  int (*start)(saros_transport *transport);
  /* No bytes are wanted now; neither on_read nor on_end is called until the next start. */
  void (*stop)(saros_transport *transport);
  /*
  ** Sends bytes. Returns how many of them, from the first on, are sent or copied; the rest is to be offered
  ** again after on_drain. Negative: a status, nothing was taken. It takes them all if nothing is pending
  ** and they are at most SAROS_HIGH_WATER. It calls nothing of its sink: that comes later, from the loop.
  */
  ptrdiff_t (*write)(saros_transport *transport, const uv_buf_t *bufs, unsigned count);
  /* How many bytes were taken and have not left. */
  size_t (*pending)(const saros_transport *transport);
  /* Ends the write side behind what is pending; on_shutdown tells. 0 or a status. */
  int (*shutdown)(saros_transport *transport);
  /*
  ** Lets go of the transport: it is not touched any more, its sink hears nothing more, and it frees itself,
  ** after it has sent what is pending; if `at_once`, without that, and as a reset where there is such a thing.
  */
  void (*close)(saros_transport *transport, int at_once);
  /* Whether a task waits for it: only then it keeps the run from ending in a DeadlockError. */
  void (*hold)(saros_transport *transport, int is_awaited);
  /* The handle at the bottom, for its addresses and its descriptor. */
  uv_handle_t *(*handle)(saros_transport *transport);
  /* The resource of the handle at the bottom: open as long as the transport is. */
  saros_resource *(*resource)(saros_transport *transport);
  /* Pushes the Error object for a status of its own and returns 1, or returns 0. May be NULL. [-0, +0|1, m] */
  int (*push_error)(saros_transport *transport, lua_State *L, int status);
  /* Pushes what tls_info returns. May be NULL: nil. [-0, +1, m] */
  void (*push_info)(saros_transport *transport, lua_State *L);
  /*
  ** Reads once what has come: calls on_room and on_read, or on_end, unless there is nothing. Who never calls on_readable
  ** need not have it.
  */
  void (*pull)(saros_transport *transport);
} saros_transport_class;

struct saros_transport {
  const saros_transport_class *cls;
  const saros_sink *sink; /* set by who opens it or stacks something on it; NULL: nobody hears */
  void *owner;            /* what its functions are called with */
};

/* Something happened that a watcher wants to know, a sum of these. */
enum {
  SAROS_READABLE = 1, /* bytes arrived, or the end */
  SAROS_WRITABLE = 2, /* less than SAROS_HIGH_WATER waits to be sent, or writing has failed */
  SAROS_CLOSED = 4    /* the stream was closed, by whomever */
};

typedef struct saros_stream_api {
  int version;

  /* --- making them --- */

  /* Pushes a stream over a transport, which it owns from now on, also if this raises. [-0, +1, m] */
  saros_stream *(*open)(lua_State *L, saros_transport *transport);
  /*
  ** Makes a transport of a connected handle of the present loop, which it owns then; `release` frees the
  ** memory of the handle once it is closed. The resource is opened with the place of the caller's Lua code.
  ** NULL: no memory, the handle is untouched. Only during a run. [-0, +0, m]
  */
  saros_transport *(*adopt)(lua_State *L, uv_stream_t *handle, void (*release)(uv_stream_t *handle));
  /* The same for the descriptor of a connected socket or pipe. NULL: see status, the descriptor is closed. */
  saros_transport *(*adopt_fd)(lua_State *L, uv_file fd, int *status);
  /* The stream at a stack index, NULL if there is none. It stays valid as long as that value lives. [-0, +0, -] */
  saros_stream *(*test)(lua_State *L, int index);

  /* --- reading --- */

  /* The bytes that have arrived, at `*count` of them; valid until the next call of anything. */
  const char *(*peek)(saros_stream *stream, size_t *count);
  /* Takes bytes off the front, no more than there are. */
  void (*consume)(saros_stream *stream, size_t count);
  /* Copies into the caller's own memory and takes; returns the number of bytes, maybe 0. */
  size_t (*read)(saros_stream *stream, char *into, size_t room);
  /* Why nothing follows the bytes that have arrived: UV_EOF, SAROS_ETRUNCATED, ...; 0 as long as more may come. */
  int (*end)(const saros_stream *stream);
  /* Whether a task waits for bytes, or pipes them. */
  int (*is_read)(const saros_stream *stream);
  /*
  ** Parks the task until more than `have` bytes are there, or the end, or the stream is closed. As park: check and
  ** cancelled come before; to be returned. BusyError is raised if another task reads. The value of the stream has to
  ** be on the task's stack. A stream reads ahead, a bounded number of bytes, from its first read on. [-0, +0, v]
  */
  int (*wait_readable)(lua_State *L, saros_stream *stream, size_t have, lua_KFunction k, lua_KContext ctx);

  /* --- writing --- */

  /*
  ** Sends the bytes of all `bufs` as one message, behind those that wait: at once as far as the system takes
  ** them, the rest is copied. 0, or why it cannot: UV_EPIPE, UV_ECANCELED if closed, ... Never waits: whoever goes
  ** on writing while is_full uses up memory.
  */
  int (*write)(saros_stream *stream, const uv_buf_t *bufs, unsigned count);
  /* Whether SAROS_HIGH_WATER or more bytes wait to be sent. */
  int (*is_full)(const saros_stream *stream);
  /* Parks the task until all that was written before is sent, or less than SAROS_HIGH_WATER waits. [-0, +0, v] */
  int (*wait_writable)(lua_State *L, saros_stream *stream, lua_KFunction k, lua_KContext ctx);
  /* Why nothing can be written any more, 0 if it can. */
  int (*write_status)(const saros_stream *stream);
  /* Ends the write side behind what waits. */
  int (*shutdown)(saros_stream *stream);

  /* --- both --- */

  /*
  ** Has on_event(owner, events) called from the loop, C only; NULL: nobody. As long as somebody watches for
  ** SAROS_READABLE the stream reads, up to its bounded read-ahead, and keeps the run from ending in a DeadlockError.
  */
  void (*watch)(saros_stream *stream, int events, void (*on_event)(void *owner, int events), void *owner);
  /* Closes it behind what waits to be sent; `at_once`: drops that and resets. Idempotent. Wakes who waits. */
  void (*close)(saros_stream *stream, int at_once);
  /* Whether it is closed, by whomever. */
  int (*is_closed)(const saros_stream *stream);
  /* Pushes the Error object for a status, with the names of the peer. [-0, +1, m] */
  void (*push_error)(lua_State *L, saros_stream *stream, const char *function, int status);

  /* --- transports --- */

  /* What the stream stands on; NULL once it is closed. */
  saros_transport *(*transport)(saros_stream *stream);
  /*
  ** Puts another transport in the place of the stream's, which `above` stands on and owns from now on; its sink and
  ** owner have been set by the caller. Bytes that had been read ahead go to `sink->on_read` of the one below.
  */
  void (*stack)(saros_stream *stream, saros_transport *above);
} saros_stream_api;

/* --- opening ----------------------------------------------------------------- */

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

/* The functions for hosts; saros_use_loop and require "saros" come before. [-0, +0, v] */
static inline const saros_host_api *saros_open_host(lua_State *L) {
  saros_open(L);
  lua_getfield(L, LUA_REGISTRYINDEX, SAROS_HOST_KEY);
  const saros_host_api *api = (const saros_host_api *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return api;
}

/* The functions of streams; loads them at first use. [-0, +0, v] */
static inline const saros_stream_api *saros_open_streams(lua_State *L) {
  saros_open(L);
  if (lua_getfield(L, LUA_REGISTRYINDEX, SAROS_STREAMS_KEY) == LUA_TNIL) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_GNAME);
    lua_getfield(L, -1, "require");
    lua_pushliteral(L, "saros.net");
    lua_call(L, 1, 0);
    lua_pop(L, 3);
    lua_getfield(L, LUA_REGISTRYINDEX, SAROS_STREAMS_KEY);
  }
  const saros_stream_api *api = (const saros_stream_api *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (api == NULL || api->version != SAROS_API_VERSION) luaL_error(L, "saros gives no streams of this version");
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
