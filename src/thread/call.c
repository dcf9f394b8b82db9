/* SPDX-License-Identifier: MIT */
/*
** Waiting for a job: its values are packed before anything happens, then it stands in line; what it came to is unpacked
** in the task. A task that does not wait any more drops it at once.
*/
#include "thread/call.h"

#include <lualib.h>
#include <string.h>

#include "thread/library.h"
#include "thread/pack.h"
#include "thread/unpack.h"

/* The task's share of a job, a userdata on its stack. */
typedef struct Box {
  const char *cls;
  SrThreadFace *face;
  SrThreadJob *job; /* NULL: let go of */
} Box;

/* A function for many jobs, as Lua has it. */
typedef struct Packed {
  const char *cls;
  SrThreadShared *shared;
} Packed;

static const char box_class[] = "job", packed_class[] = "packed function";

static int raise_memory_error(lua_State *L) {
  lua_pushliteral(L, "not enough memory");
  return lua_error(L);
}

/* --- the job ----------------------------------------------------------------------- */

static void let_go(Box *box) {
  SrThreadJob *job = box->job;
  if (job == NULL) return;
  box->job = NULL;
  sr_thread_pool_drop(job->pool, job);
  sr_thread_job_release(job);
}

/* The job stays with its box until the task has been told. */
static int abort_job(saros_wait *wait) {
  SrThreadJob *job = (SrThreadJob *)(void *)((char *)wait - offsetof(SrThreadJob, wait));
  sr_thread_pool_drop(job->pool, job);
  sr_thread_forget((SrThreadFace *)job->face);
  return 1;
}

static const saros_kind job_kind = {"a job in a thread", abort_job};

/* Pushes a box with a job for that pool. [-0, +1, v] */
static Box *push_box(lua_State *L, SrThreadFace *face, SrThreadShared *shared) {
  Box *box = (Box *)sr_thread_new(L, box_class, sizeof *box, 0);
  box->face = face;
  box->job = sr_thread_job_new(face->pool, shared);
  if (box->job == NULL) raise_memory_error(L);
  box->job->face = face;
  return box;
}

/* Appends package[field] with its NUL. */
static void pack_path(lua_State *L, SrBuffer *paths, int package, const char *field) {
  size_t length;
  lua_getfield(L, package, field);
  const char *path = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : (length = 0, "");
  if (!sr_buffer_append(paths, path, length + 1)) raise_memory_error(L);
  lua_pop(L, 1);
}

static void pack_paths(lua_State *L, SrBuffer *paths) {
  int top = lua_gettop(L);
  sr_thread_push_loaded(L);
  if (lua_getfield(L, -1, LUA_LOADLIBNAME) != LUA_TTABLE) luaL_error(L, "package.loaded has no package");
  pack_path(L, paths, top + 2, "path");
  pack_path(L, paths, top + 2, "cpath");
  lua_settop(L, top);
}

/* --- the answer --------------------------------------------------------------------- */

static int take_answer(lua_State *L, Box *box) {
  SrThreadOutcome outcome = box->job->task.outcome;
  if (outcome == SR_THREAD_NO_MEMORY) return let_go(box), raise_memory_error(L);
  int count = sr_thread_unpack(L, &box->job->task.answer);
  let_go(box);
  return outcome == SR_THREAD_OK ? count : sr_thread_saros->raise_traced(L);
}

static int k_job(lua_State *L, int status, lua_KContext ctx) {
  Box *box = (Box *)ctx;
  (void)status;
  if (!sr_thread_saros->aborted(L)) return take_answer(L, box);
  let_go(box);
  return sr_thread_saros->raise(L);
}

static void check_open(lua_State *L, const SrThreadFace *face, const char *function) {
  if (!face->is_closed) return;
  sr_thread_saros->push_error(L, "ClosedError", "ECLOSED", "%s: the pool is closed", function);
  lua_error(L);
}

/* The job is packed, its box on top. Waits. */
static int submit(lua_State *L, Box *box) {
  SrThreadFace *face = box->face;
  if (sr_thread_saros->cancelled(L)) return sr_thread_saros->raise(L);
  sr_thread_open_gate(L, face);
  int status = sr_thread_pool_submit(face->pool, box->job);
  if (status != 0) return sr_thread_push_system(L, status, "thread_create"), lua_error(L);
  sr_thread_await(face);
  return sr_thread_saros->park(L, &box->job->wait, &job_kind, k_job, (lua_KContext)box);
}

/* --- run ----------------------------------------------------------------------------- */

/* The function at `first` and its arguments behind it, of which the first is argument number `arg` of `function`. */
static int run(lua_State *L, SrThreadFace *face, int first, const char *function) {
  int count = lua_gettop(L) - first + 1;
  if (count < 1 || !lua_isfunction(L, first))
    return sr_thread_saros->arg_error(L, function, 1, "function expected, got %s",
                                      count < 1 ? "no value" : luaL_typename(L, first));
  sr_thread_saros->check(L, function);
  sr_thread_check_stack(L, 0);
  Box *box = push_box(L, face, NULL);
  int refused = sr_thread_pack(L, &box->job->task.call, first, count);
  if (refused != 0) return sr_thread_saros->arg_error(L, function, refused, "%s", lua_tostring(L, -1));
  pack_paths(L, &box->job->task.paths);
  check_open(L, face, function);
  return submit(L, box);
}

int sr_thread_l_run(lua_State *L) {
  return run(L, sr_thread_check_face(L, "pool:run"), 2, "pool:run");
}

/* The pool of to_thread, which is made at its first use: an upvalue of it. */
enum { UP_SIZE = 2, UP_POOL };

int sr_thread_l_to_thread(lua_State *L) {
  if (lua_isnil(L, lua_upvalueindex(UP_POOL))) {
    sr_thread_push_face(L, (int)lua_tointeger(L, lua_upvalueindex(UP_SIZE)));
    lua_replace(L, lua_upvalueindex(UP_POOL));
  }
  SrThreadFace *face = (SrThreadFace *)lua_touserdata(L, lua_upvalueindex(UP_POOL));
  return run(L, face, 1, "to_thread");
}

/* --- map ------------------------------------------------------------------------------ */

static Packed *push_packed(lua_State *L) {
  Packed *packed = (Packed *)sr_thread_new(L, packed_class, sizeof *packed, 0);
  packed->shared = sr_thread_shared_new();
  if (packed->shared == NULL) raise_memory_error(L);
  return packed;
}

/* pack(fn, keeps_errors): a function for `each`. */
int sr_thread_l_pack(lua_State *L) {
  Packed *packed = push_packed(L);
  packed->shared->function.keeps_errors = lua_toboolean(L, 2);
  if (sr_thread_pack(L, &packed->shared->function.message, 1, 1) == 0) return 1;
  return sr_thread_saros->arg_error(L, "pool:map", 2, "%s", lua_tostring(L, -1));
}

/* check_open(pool): raises if it is closed, which a map that has begun is not told. */
int sr_thread_l_check_open(lua_State *L) {
  check_open(L, sr_thread_check_face(L, "pool:map"), "pool:map");
  return 0;
}

/* Raises that an item cannot be copied, for the reason on top. */
static int refuse_item(lua_State *L, lua_Integer index) {
  const char *reason = lua_tostring(L, -1);
  return sr_thread_saros->arg_error(L, "pool:map", 1, "item %I%s%s", (LUAI_UACINT)index,
                                    strncmp(reason, "a ", 2) == 0 ? ": " : ", ", reason);
}

/* check_items(list, total): raises if one of them cannot be copied, before any of them is sent. */
int sr_thread_l_check_items(lua_State *L) {
  SrThreadMessage *trial = &push_packed(L)->shared->function.message;
  lua_Integer total = lua_tointeger(L, 2);
  int top = lua_gettop(L);
  for (lua_Integer i = 1; i <= total; i++) {
    int type = lua_rawgeti(L, 1, i);
    if (type == LUA_TTABLE || type >= LUA_TFUNCTION) {
      if (sr_thread_pack(L, trial, top + 1, 1) != 0) return refuse_item(L, i);
      sr_thread_message_free(trial);
    }
    lua_settop(L, top);
  }
  return 0;
}

/* size(pool): how many threads it has; raises, as map, if that is no pool. */
int sr_thread_l_size(lua_State *L) {
  lua_pushinteger(L, sr_thread_check_face(L, "pool:map")->size);
  return 1;
}

enum { EACH_POOL = 1, EACH_PACKED, EACH_FIRST, EACH_COUNT, EACH_ITEMS, EACH_OFFSET };

/* Pushes item number i. */
static void push_item(lua_State *L, int i) {
  if (lua_istable(L, EACH_ITEMS))
    lua_rawgeti(L, EACH_ITEMS, lua_tointeger(L, EACH_OFFSET) + i);
  else
    lua_pushinteger(L, lua_tointeger(L, EACH_FIRST) + i - 1);
}

/* Packs the index of the first item, and the items. */
static void pack_items(lua_State *L, SrThreadJob *job) {
  int count = (int)lua_tointeger(L, EACH_COUNT), top = lua_gettop(L);
  sr_thread_check_stack(L, count);
  lua_pushvalue(L, EACH_FIRST);
  for (int i = 1; i <= count; i++) push_item(L, i);
  int refused = sr_thread_pack(L, &job->task.call, top + 1, count + 1);
  if (refused != 0) refuse_item(L, lua_tointeger(L, EACH_FIRST) + refused - 2);
  lua_settop(L, top);
}

/*
** each(pool, packed, index of the first, count, items, offset): calls the function for so many of the items behind the
** offset, or, there being none, for their indices. Returns results and errors, two tables, seconds, and for how many it
** was called: maybe not for all of them. Waits.
*/
int sr_thread_l_each(lua_State *L) {
  SrThreadFace *face = sr_thread_check_face(L, "pool:map");
  sr_thread_saros->check(L, "pool:map");
  Packed *packed = (Packed *)lua_touserdata(L, EACH_PACKED);
  lua_settop(L, EACH_OFFSET);
  Box *box = push_box(L, face, packed->shared);
  pack_items(L, box->job);
  pack_paths(L, &box->job->task.paths);
  return submit(L, box);
}

/* --- opening ---------------------------------------------------------------------------- */

static int l_box_gc(lua_State *L) {
  Box *box = (Box *)sr_thread_test(L, 1, box_class);
  if (box != NULL) let_go(box);
  return 0;
}

static int l_packed_gc(lua_State *L) {
  Packed *packed = (Packed *)sr_thread_test(L, 1, packed_class);
  if (packed == NULL) return 0;
  if (packed->shared != NULL) sr_thread_shared_release(packed->shared);
  packed->shared = NULL;
  return 0;
}

void sr_thread_open_call(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg box_meta[] = {{"__gc", l_box_gc}, {NULL, NULL}};
  static const luaL_Reg packed_meta[] = {{"__gc", l_packed_gc}, {NULL, NULL}};
  sr_thread_class(L, box_class, none, box_meta);
  sr_thread_class(L, packed_class, none, packed_meta);
}
