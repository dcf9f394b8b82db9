/* SPDX-License-Identifier: MIT */
/* The Lua state of a worker, see state.h. */
#include "thread/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <uv.h>

#include "thread/clean.h"
#include "thread/error_meta.h"
#include "thread/library.h"
#include "thread/pack.h"
#include "thread/tracked.h"
#include "thread/unpack.h"

/* In the registry of a worker: the state, and the traceback of the latest error. */
static const char state_key, trace_key;

/* Where that is so many KiB larger than it was, it is swept. */
enum { IDLE_GROWTH = 1024 };

/* Stands below tracebacks. */
#define LABEL "\n[worker thread]"

/* So many instructions have __close handlers and the like after an interruption. */
enum { GRACE = 1000000 };

/* --- interrupting ----------------------------------------------------------------- */

/*
** Code that goes on all the same is interrupted anew when the grace is over, each time at one step more in succession:
** so an error gets out of any number of loops that catch errors, and what closes then has its grace.
*/
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  SrThreadState *state = (SrThreadState *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (state->burst == 0) state->burst = ++state->rounds;
  int count = --state->burst > 0 ? 1 : GRACE;
  lua_sethook(L, on_hook, LUA_MASKCOUNT, count);
  if (L != state->L) lua_sethook(state->L, on_hook, LUA_MASKCOUNT, count);
  luaL_error(L, "the job was cancelled");
}

/* A run that goes on raises its InterruptError: the code below it is not to be interrupted besides. */
void sr_thread_state_interrupt(SrThreadState *state) {
  state->is_interrupted = 1;
  if (state->L == NULL) return;
  bool is_in_run = state->rt != NULL && state->saros->loop(state->rt) != NULL;
  int count = is_in_run ? GRACE : 1;
  lua_sethook(state->L, on_hook, LUA_MASKCOUNT, count);
  if (state->running != NULL) lua_sethook(state->running, on_hook, LUA_MASKCOUNT, count);
  if (state->rt != NULL) state->saros->interrupt(state->rt);
}

void sr_thread_state_begin(SrThreadState *state) {
  if (state->L != NULL) lua_sethook(state->L, NULL, 0, 0);
  state->running = NULL;
  state->rounds = state->burst = 0;
  state->is_interrupted = 0;
}

/* --- opening and closing ------------------------------------------------------------ */

/* Sets a field of the table on top, unless it is as it should be already: so the table is not changed. [-0, +0, m] */
static void set_path(lua_State *L, const char *field, const char *path) {
  bool is_set = lua_getfield(L, -1, field) == LUA_TSTRING && strcmp(lua_tostring(L, -1), path) == 0;
  lua_pop(L, 1);
  if (is_set) return;
  lua_pushstring(L, path);
  lua_setfield(L, -2, field);
}

/* Sets package.path and package.cpath. [-0, +0, m] */
static void set_paths(lua_State *L, const char *paths) {
  sr_thread_push_loaded(L);
  lua_getfield(L, -1, LUA_LOADLIBNAME);
  set_path(L, "path", paths);
  set_path(L, "cpath", paths + strlen(paths) + 1);
  lua_pop(L, 2);
}

/* As `lua` itself does it: what jobs make is mostly gone soon. */
static void collect_young(lua_State *L) {
  lua_gc(L, LUA_GCGEN, 0, 0);
}

/* Makes a state what workers have: (the state, the paths). */
static int l_open(lua_State *L) {
  SrThreadState *state = (SrThreadState *)lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_pushlightuserdata(L, state);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
  sr_thread_track(L, &state->running);
  set_paths(L, (const char *)lua_touserdata(L, 2));
  sr_thread_push_module(L, "saros");
  state->saros = saros_open(L);
  saros_runtime *rt = state->saros->runtime(L);
  state->saros->leave_sigint(rt); /* Ctrl-C is for who waits for the job, and drops it */
  sr_thread_keep_clean(L);
  collect_young(L);
  state->rt = rt;
  return 0;
}

void sr_thread_state_close(SrThreadState *state) {
  lua_State *L = state->L;
  state->is_spoilt = false;
  state->L = state->running = NULL; /* whoever interrupts from now on finds nothing */
  state->rt = NULL;
  if (L != NULL) lua_close(L);
  sr_thread_message_free(&state->trial);
}

/* False: there is no memory; the error, if it is another one, is on top of the state. */
static bool open_state(SrThreadState *state, const char *paths) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return false;
  state->L = L;
  lua_pushcfunction(L, l_open);
  lua_pushlightuserdata(L, state);
  lua_pushlightuserdata(L, (void *)(uintptr_t)paths);
  return lua_pcall(L, 2, 0, 0) == LUA_OK;
}

void sr_thread_state_rest(SrThreadState *state) {
  if (state->L == NULL) return;
  int present = lua_gc(state->L, LUA_GCCOUNT);
  if (present < 2 * state->idle_kilobytes + IDLE_GROWTH) return;
  lua_gc(state->L, LUA_GCCOLLECT);
  state->idle_kilobytes = lua_gc(state->L, LUA_GCCOUNT);
}

/* --- what a job does ------------------------------------------------------------------ */

static SrThreadState *state_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  SrThreadState *state = (SrThreadState *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

static void check_interrupted(lua_State *L) {
  if (state_of(L)->is_interrupted) luaL_error(L, "the job was cancelled");
}

static void begin(lua_State *L, SrThreadTask *task) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
  set_paths(L, sr_buffer_front(&task->paths));
}

/* Calls the function: (the task). Returns its results. */
static int l_call(lua_State *L) {
  SrThreadTask *task = (SrThreadTask *)lua_touserdata(L, 1);
  begin(L, task);
  int count = sr_thread_unpack(L, &task->call);
  check_interrupted(L);
  lua_call(L, count - 1, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

/* The frame of l_call_each. */
enum { EACH_TASK = 1, EACH_HANDLER, EACH_RESULTS, EACH_ERRORS, EACH_INDEX, EACH_ITEMS };

static int l_message(lua_State *L);
static int l_check(lua_State *L);

/* Calls the function with an item, whose error is one of the answers or ends it all. */
static void call_item(lua_State *L, SrThreadTask *task, lua_Integer number, lua_Integer index) {
  int top = lua_gettop(L);
  bool keeps_errors = task->function->keeps_errors;
  if (keeps_errors) lua_pushcfunction(L, l_check);
  sr_thread_unpack(L, &task->function->message);
  lua_pushvalue(L, EACH_ITEMS + (int)number - 1);
  lua_pushinteger(L, index);
  bool ok = true;
  if (keeps_errors)
    ok = lua_pcall(L, 2, 1, EACH_HANDLER) == LUA_OK && lua_pcall(L, 1, 1, EACH_HANDLER) == LUA_OK;
  else
    lua_call(L, 2, 1);
  lua_rawseti(L, ok ? EACH_RESULTS : EACH_ERRORS, number);
  lua_settop(L, top);
}

/* Between two items. False: the next one has to find another state. */
static bool clean_up(lua_State *L, SrThreadTask *task) {
  check_interrupted(L);
  if (!sr_thread_clean(L)) return state_of(L)->is_spoilt = true, false;
  set_paths(L, sr_buffer_front(&task->paths));
  return true;
}

/*
** Calls the function for each item: (the task). Returns results, errors, how long it took, and for how many it was
** called.
*/
static int l_call_each(lua_State *L) {
  SrThreadTask *task = (SrThreadTask *)lua_touserdata(L, EACH_TASK);
  uint64_t started = uv_hrtime();
  begin(L, task);
  lua_pushcfunction(L, l_message);
  lua_newtable(L);
  lua_newtable(L);
  lua_Integer count = sr_thread_unpack(L, &task->call) - 1;
  lua_Integer first = lua_tointeger(L, EACH_INDEX);
  sr_thread_check_stack(L, 0);
  lua_Integer done = 0;
  check_interrupted(L);
  do {
    call_item(L, task, done + 1, first + done);
    done++;
  } while (done < count && clean_up(L, task));
  lua_settop(L, EACH_ERRORS);
  lua_pushnumber(L, (lua_Number)(uv_hrtime() - started) / 1e9);
  lua_pushinteger(L, done);
  return 4;
}

/* --- what comes of it ------------------------------------------------------------------- */

/* Takes the last line off the traceback on top: the function that calls the job. */
static void drop_last_line(lua_State *L) {
  static const char last[] = "\n\t[C]: in ?";
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (length < sizeof last - 1 || strcmp(text + length - (sizeof last - 1), last) != 0) return;
  lua_pushlstring(L, text, length - (sizeof last - 1));
  lua_replace(L, -2);
}

/* The message handler: keeps the traceback. */
static int l_message(lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  drop_last_line(L);
  lua_pushliteral(L, LABEL);
  lua_concat(L, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
  lua_settop(L, 1);
  return 1;
}

/* A text for what cannot be copied: (what, the reason, the value). */
static int l_describe(lua_State *L) {
  luaL_tolstring(L, 3, NULL);
  lua_pushfstring(L, "%s cannot leave its thread (%s): %s", lua_tostring(L, 1), lua_tostring(L, 2),
                  lua_tostring(L, -1));
  return 1;
}

/* Returns a result if it can be copied, else raises why not: one of many is not to spoil the others. */
static int l_check(lua_State *L) {
  SrThreadState *state = state_of(L);
  sr_thread_message_free(&state->trial);
  bool ok = sr_thread_pack(L, &state->trial, 1, 1) == 0;
  sr_thread_message_free(&state->trial);
  if (ok) return 1;
  lua_pushfstring(L, "the result cannot leave its thread (%s)", lua_tostring(L, -1));
  return lua_error(L);
}

/* Packs the text that says why the results, or the error, cannot. The reason is on top. */
static void pack_refusal(lua_State *L, SrThreadTask *task, const char *what, int value) {
  int reason = lua_gettop(L);
  sr_thread_message_free(&task->answer);
  lua_pushcfunction(L, l_describe);
  lua_pushstring(L, what);
  lua_pushvalue(L, reason);
  lua_pushvalue(L, value);
  if (lua_pcall(L, 3, 1, 0) != LUA_OK) lua_pushvalue(L, reason); /* its __tostring fails */
  lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key);
  task->outcome = SR_THREAD_FAILED;
  sr_thread_pack(L, &task->answer, lua_gettop(L) - 1, 2);
}

/* Packs the results: (the task, results ...). */
static int l_pack_results(lua_State *L) {
  SrThreadTask *task = (SrThreadTask *)lua_touserdata(L, 1);
  task->outcome = SR_THREAD_OK;
  int refused = sr_thread_pack(L, &task->answer, 2, lua_gettop(L) - 1);
  if (refused == 0) return 0;
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
  lua_pushfstring(L, "result #%d", refused);
  lua_insert(L, -2);
  pack_refusal(L, task, lua_tostring(L, -2), refused + 1);
  return 0;
}

/* Says in the traceback of an Error object, which is on top, where it arose. */
static void label_error(lua_State *L) {
  if (!lua_istable(L, -1) || !lua_getmetatable(L, -1)) return;
  sr_thread_push_error_meta(L);
  bool is_error = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  if (!is_error || lua_getfield(L, -1, "traceback") != LUA_TSTRING) return;
  lua_pushliteral(L, LABEL);
  lua_concat(L, 2);
  lua_setfield(L, -2, "traceback");
}

/* Packs an error: (the task, the error). */
static int l_pack_error(lua_State *L) {
  SrThreadTask *task = (SrThreadTask *)lua_touserdata(L, 1);
  task->outcome = SR_THREAD_FAILED;
  label_error(L);
  lua_settop(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key);
  if (sr_thread_pack(L, &task->answer, 2, 2) != 0) pack_refusal(L, task, "the error", 2);
  return 0;
}

/* What the job came to is on the stack, above its task. False: there is no memory. */
static bool pack(lua_State *L, SrThreadTask *task, lua_CFunction packing) {
  if (lua_checkstack(L, LUA_MINSTACK)) {
    lua_pushcfunction(L, packing);
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 1, 0, 0) == LUA_OK) return true;
  }
  sr_thread_message_free(&task->answer);
  task->outcome = SR_THREAD_NO_MEMORY;
  return false;
}

/* --- a job -------------------------------------------------------------------------------- */

/* Leaves the task and the results, or the error, on the stack. */
static int do_task(lua_State *L, SrThreadTask *task) {
  lua_settop(L, 0);
  lua_pushlightuserdata(L, task);
  lua_pushcfunction(L, l_message);
  lua_pushcfunction(L, task->function != NULL ? l_call_each : l_call);
  lua_pushlightuserdata(L, task);
  int status = lua_pcall(L, 1, LUA_MULTRET, 2);
  lua_remove(L, 2);
  return status;
}

static int l_clean(lua_State *L) {
  lua_pushboolean(L, sr_thread_clean(L));
  return 1;
}

/*
** What a job may have changed besides. False: the state is of no use any more. Code that was stopped anywhere may have
** left modules half loaded, or their tables half changed.
*/
static bool tidy(SrThreadState *state) {
  lua_State *L = state->L;
  if (state->is_spoilt || state->is_interrupted) return false;
  lua_sethook(L, NULL, 0, 0);
  lua_settop(L, 0);
  if (!lua_gc(L, LUA_GCISRUNNING)) lua_gc(L, LUA_GCRESTART);
  collect_young(L);
  lua_pushcfunction(L, l_clean);
  bool ok = lua_pcall(L, 0, 1, 0) == LUA_OK && lua_toboolean(L, -1);
  lua_settop(L, 0);
  return ok;
}

void sr_thread_state_run(SrThreadState *state, SrThreadTask *task) {
  task->outcome = SR_THREAD_NO_MEMORY;
  bool ok = state->L != NULL || open_state(state, sr_buffer_front(&task->paths));
  lua_State *L = state->L;
  if (ok)
    ok = pack(L, task, do_task(L, task) == LUA_OK ? l_pack_results : l_pack_error);
  else if (L != NULL && lua_gettop(L) > 0) {
    lua_pushlightuserdata(L, task);
    lua_insert(L, 1);
    pack(L, task, l_pack_error);
  }
  if (L != NULL && (!ok || !tidy(state))) sr_thread_state_close(state);
}
