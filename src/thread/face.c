/* SPDX-License-Identifier: MIT */
/* Pools as Lua has them, see face.h. */
#include "thread/face.h"

#include <stdlib.h>
#include <string.h>

const saros_api *sr_thread_saros;
const char sr_thread_face_class[] = "thread pool";

static const char closer_class[] = "closer";

/* How threads tell the loop that jobs have ended. It outlives the run until it is closed. */
struct SrThreadGate {
  uv_async_t async;
  saros_resource resource;
  SrThreadFace *face; /* NULL: it is closing */
};

/* A task that waits until no job is awaited: a userdata on its stack. */
struct SrThreadCloser {
  const char *cls;
  saros_wait wait;
  SrThreadFace *face; /* NULL: it is not in the ring */
  SrThreadCloser *next, *prev;
};

/* --- objects ------------------------------------------------------------------------ */

void *sr_thread_new(lua_State *L, const char *cls, size_t size, int values) {
  const char **object = (const char **)lua_newuserdatauv(L, size, values);
  memset((void *)object, 0, size);
  *object = cls;
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
  lua_setmetatable(L, -2);
  return (void *)object;
}

void sr_thread_class(lua_State *L, const char *cls, const luaL_Reg *methods, const luaL_Reg *meta) {
  lua_newtable(L);
  lua_pushstring(L, cls);
  lua_setfield(L, -2, "__name");
  luaL_setfuncs(L, meta, 0);
  lua_newtable(L);
  lua_pushlightuserdata(L, sr_thread_saros->runtime(L)); /* see push_mark in module.c */
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_rawsetp(L, LUA_REGISTRYINDEX, cls);
}

void *sr_thread_test(lua_State *L, int index, const char *cls) {
  const char **object = lua_rawlen(L, index) < sizeof *object ? NULL : (const char **)lua_touserdata(L, index);
  return object != NULL && *object == cls ? (void *)object : NULL;
}

SrThreadFace *sr_thread_check_face(lua_State *L, const char *function) {
  void *object = sr_thread_test(L, 1, sr_thread_face_class);
  if (object == NULL)
    luaL_error(L, "calling '%s' on bad self (thread pool expected, got %s; call it with a colon)", function,
               luaL_typename(L, 1));
  return (SrThreadFace *)object;
}

SrThreadFace *sr_thread_push_face(lua_State *L, int size) {
  SrThreadFace *face = (SrThreadFace *)sr_thread_new(L, sr_thread_face_class, sizeof *face, 2);
  face->size = size;
  face->pool = sr_thread_pool_new(size);
  if (face->pool == NULL) {
    lua_pushliteral(L, "not enough memory");
    lua_error(L);
  }
  return face;
}

void sr_thread_push_system(lua_State *L, int status, const char *syscall) {
  sr_thread_saros->push_error(L, "SystemError", uv_err_name(status), "%s: %s", syscall, uv_strerror(status));
  lua_pushstring(L, syscall);
  lua_setfield(L, -2, "syscall");
}

/* --- the gate ------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *async) {
  free(async->data);
}

/* In a thread. */
static void on_ended(void *gate) {
  uv_async_send(&((SrThreadGate *)gate)->async);
}

/* Only what is awaited keeps the run from ending in a DeadlockError. */
static void hold(SrThreadFace *face) {
  if (face->gate == NULL) return;
  if (face->awaited > 0 || face->closers != NULL)
    uv_ref((uv_handle_t *)&face->gate->async);
  else
    uv_unref((uv_handle_t *)&face->gate->async);
}

static void wake_closers(SrThreadFace *face) {
  SrThreadCloser *closer = face->closers;
  for (; closer != NULL; closer = closer->next) sr_thread_saros->wake(&closer->wait);
}

static void release_ended(SrThreadFace *face, bool wakes) {
  SrThreadJob *job = sr_thread_pool_take_ended(face->pool), *next;
  for (; job != NULL; job = next) {
    next = job->next;
    if (wakes && job->wait.task != NULL) {
      face->awaited--;
      sr_thread_saros->wake(&job->wait);
    }
    sr_thread_job_release(job);
  }
}

static void on_called(uv_async_t *async) {
  SrThreadFace *face = ((SrThreadGate *)async->data)->face;
  if (face == NULL) return;
  release_ended(face, true);
  if (face->awaited == 0) wake_closers(face);
  hold(face);
}

static void close_gate(SrThreadFace *face) {
  SrThreadGate *gate = face->gate;
  if (gate == NULL) return;
  face->gate = NULL;
  gate->face = NULL;
  sr_thread_pool_watch(face->pool, NULL, NULL);
  sr_thread_saros->resource_close(&gate->resource);
  sr_thread_saros->close((uv_handle_t *)&gate->async, on_closed);
  release_ended(face, false);
}

static void on_run_end(saros_resource *resource) {
  SrThreadGate *gate = (SrThreadGate *)(void *)((char *)resource - offsetof(SrThreadGate, resource));
  close_gate(gate->face);
}

void sr_thread_open_gate(lua_State *L, SrThreadFace *face) {
  if (face->gate != NULL) return;
  SrThreadGate *gate = (SrThreadGate *)calloc(1, sizeof *gate);
  uv_loop_t *loop = sr_thread_saros->loop(sr_thread_saros->runtime(L));
  int status = gate == NULL ? UV_ENOMEM : uv_async_init(loop, &gate->async, on_called);
  if (status != 0) {
    free(gate);
    sr_thread_push_system(L, status, "async_init");
    lua_error(L);
  }
  gate->async.data = gate;
  gate->face = face;
  gate->resource.on_run_end = on_run_end;
  face->gate = gate;
  face->awaited = 0;
  sr_thread_pool_watch(face->pool, on_ended, gate);
  hold(face);
  sr_thread_saros->resource_open(L, &gate->resource);
}

void sr_thread_await(SrThreadFace *face) {
  face->awaited++;
  hold(face);
}

/* It may be in an abort, where nobody is woken: the gate does that. */
void sr_thread_forget(SrThreadFace *face) {
  if (face->gate == NULL) return;
  face->awaited--;
  if (face->awaited == 0 && face->closers != NULL) uv_async_send(&face->gate->async);
  hold(face);
}

/* --- close ------------------------------------------------------------------------------ */

static void leave(SrThreadCloser *closer) {
  SrThreadFace *face = closer->face;
  if (face == NULL) return;
  closer->face = NULL;
  if (closer->next != NULL) closer->next->prev = closer->prev;
  if (closer->prev != NULL)
    closer->prev->next = closer->next;
  else
    face->closers = closer->next;
  hold(face);
}

static int abort_closer(saros_wait *wait) {
  leave((SrThreadCloser *)(void *)((char *)wait - offsetof(SrThreadCloser, wait)));
  return 1;
}

static const saros_kind close_kind = {"threads of a pool", abort_closer};

static int k_close(lua_State *L, int status, lua_KContext ctx) {
  SrThreadCloser *closer = (SrThreadCloser *)ctx;
  (void)status;
  bool is_aborted = sr_thread_saros->aborted(L);
  leave(closer);
  return is_aborted ? sr_thread_saros->raise(L) : 0;
}

/* Whether jobs of a run that goes on are awaited. */
static bool is_busy(const SrThreadFace *face) {
  return face->gate != NULL && face->awaited > 0;
}

static int wait_for_jobs(lua_State *L, SrThreadFace *face) {
  lua_settop(L, 1);
  SrThreadCloser *closer = (SrThreadCloser *)sr_thread_new(L, closer_class, sizeof *closer, 0);
  if (!is_busy(face)) return 0; /* a finalizer has seen to that */
  closer->face = face;
  closer->next = face->closers;
  if (face->closers != NULL) face->closers->prev = closer;
  face->closers = closer;
  hold(face);
  return sr_thread_saros->park(L, &closer->wait, &close_kind, k_close, (lua_KContext)closer);
}

static void refuse_jobs(SrThreadFace *face) {
  if (!face->is_closed) sr_thread_pool_close(face->pool);
  face->is_closed = true;
}

int sr_thread_l_close(lua_State *L) {
  SrThreadFace *face = sr_thread_check_face(L, "pool:close");
  if (is_busy(face)) sr_thread_saros->check(L, "pool:close");
  refuse_jobs(face);
  if (!is_busy(face)) return 0;
  return sr_thread_saros->cancelled(L) ? sr_thread_saros->raise(L) : wait_for_jobs(L, face);
}

/* In a cancelled scope it does not wait. */
int sr_thread_l_leave(lua_State *L) {
  SrThreadFace *face = sr_thread_check_face(L, "pool:close");
  refuse_jobs(face);
  if (!is_busy(face) || sr_thread_saros->cancelled(L)) return 0;
  sr_thread_saros->check(L, "pool:close");
  return wait_for_jobs(L, face);
}

/* Names one that was not closed: its user values are a place, and the function that says so. */
static void warn(lua_State *L) {
  if (lua_getiuservalue(L, 1, 2) != LUA_TFUNCTION) return;
  lua_pushstring(L, sr_thread_face_class);
  lua_getiuservalue(L, 1, 1);
  lua_call(L, 2, 0);
}

int sr_thread_l_gc(lua_State *L) {
  SrThreadFace *face = sr_thread_check_face(L, "pool:__gc");
  SrThreadPool *pool = face->pool;
  if (pool == NULL) return 0;
  close_gate(face);
  face->pool = NULL;
  sr_thread_pool_end(pool);
  if (!face->is_closed) warn(L);
  return 0;
}

static int l_closer_gc(lua_State *L) {
  SrThreadCloser *closer = (SrThreadCloser *)sr_thread_test(L, 1, closer_class);
  if (closer != NULL) leave(closer);
  return 0;
}

void sr_thread_open_face(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_closer_gc}, {NULL, NULL}};
  sr_thread_class(L, closer_class, none, meta);
}
