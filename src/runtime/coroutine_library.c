/* SPDX-License-Identifier: MIT */
/* async.coroutine: the functions of the library. See coroutine_library.h. */
#include "runtime/coroutine_library.h"

#include "runtime/coroutine.h"
#include "runtime/force.h"
#include "runtime/handle.h"
#include "runtime/object.h"
#include "runtime/origin.h"
#include "runtime/park.h"
#include "runtime/step.h"

/* The frames of resume, of the function that wrap gives, and of close: what was handed over stands above the coroutine. */
enum { CO = SR_COROUTINE_CO };
/* The upvalues of that function: the usual ones, the coroutine, and what is kept of it, as light userdata. */
enum { WRAP_CO = SR_UP_COUNT + 1, WRAP_RECORD };

static const char *const names[] = {
    [SR_CO_RUNNING] = "running", [SR_CO_SUSPENDED] = "suspended", [SR_CO_NORMAL] = "normal", [SR_CO_DEAD] = "dead"};

/* --- what the functions have in common ------------------------------------------- */

static lua_State *check_coroutine(lua_State *L, const char *function) {
  lua_State *co = lua_tothread(L, 1);
  if (co == NULL) sr_type_error(L, function, 1, 1, "thread");
  return co;
}

/* The calling task if it can be suspended here, else NULL. */
static SrTask *task_to_suspend(lua_State *L) {
  SrTask *t = sr_current_task(sr_rt(L));
  return t != NULL && t->co == L && lua_isyieldable(L) ? t : NULL;
}

/* In a continuation of who resumed it: the task is still further inside, so somebody resumed L by hand. */
static bool is_inside(const SrCoroutine *c) {
  return c->task != NULL;
}

static int stay(lua_State *L, lua_KFunction k, lua_KContext ctx) {
  lua_settop(L, CO);
  return sr_switch(L, 0, k, ctx);
}

/* --- resume --------------------------------------------------------------------- */

/* So deep a chain is taken for a recursion without end, which would fill the memory: no C stack stops it. */
enum { MAX_DEPTH = 20480 };

/*
** Pushes why the coroutine at CO cannot be resumed, or nothing; `t` is the task that would go into it, or NULL.
** [-0, +(0|1), m]
*/
static bool push_refusal(lua_State *L, lua_State *co, const SrCoroutine *c, const SrTask *t) {
  SrCoroutineStatus status = sr_coroutine_status(L, co, c);
  if (status == SR_CO_DEAD)
    lua_pushliteral(L, "cannot resume dead coroutine");
  else if (sr_coroutine_is_of_other(L, c))
    sr_coroutine_push_belonging(L, c, "resume");
  else if (status != SR_CO_SUSPENDED)
    lua_pushliteral(L, "cannot resume non-suspended coroutine");
  else if (!lua_checkstack(co, lua_gettop(L) - CO + LUA_MINSTACK))
    lua_pushliteral(L, "too many arguments to resume");
  else if (t != NULL && t->inner != NULL && t->inner->depth >= MAX_DEPTH)
    lua_pushliteral(L, "C stack overflow");
  else
    return false;
  return true;
}

/* On top of L, which cannot be suspended. Leaves the results, or the error, above CO. [-n, +n, m] */
static bool resume_nested(lua_State *L, lua_State *co, SrCoroutine *c) {
  const SrTask *t = sr_current_task(sr_rt(L));
  int nargs = lua_gettop(L) - CO, count;
  if (c != NULL && t != NULL) sr_coroutine_set_owner(c, t);
  bool has_begun = lua_status(co) == LUA_YIELD;
  if (!has_begun) nargs = lua_gettop(co) - 1 + nargs;
  lua_xmove(L, co, lua_gettop(L) - CO);
  int status = sr_resume_nested(co, L, nargs, &count);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return false;
  }
  if (lua_checkstack(L, count + LUA_MINSTACK)) {
    lua_xmove(co, L, count);
    return true;
  }
  lua_pop(co, count);
  lua_pushliteral(L, "too many results to resume");
  return false;
}

/* In the resumer, to which the coroutine has come back: if it is dead, what is left of it is closed. */
static bool take_back(lua_State *L, SrCoroutine *c) {
  if (!c->is_dead) return !c->has_failed;
  sr_close_thread(c->co, L);
  if (c->has_failed) sr_coroutine_keep_error(L, c->co);
  return !c->has_failed;
}

static int return_results(lua_State *L, bool ok) {
  lua_pushboolean(L, ok);
  lua_replace(L, CO);
  return lua_gettop(L);
}

static int return_refusal(lua_State *L) {
  lua_pushboolean(L, false);
  lua_insert(L, -2);
  return 2;
}

static int k_resumed(lua_State *L, int status, lua_KContext ctx) {
  SrCoroutine *c = (SrCoroutine *)ctx;
  (void)status;
  if (is_inside(c)) return stay(L, k_resumed, ctx);
  return return_results(L, take_back(L, c));
}

/* resume(coroutine, ...) */
static int l_resume(lua_State *L) {
  lua_State *co = check_coroutine(L, "resume");
  SrCoroutine *c = sr_find_coroutine(L, co);
  SrTask *t = task_to_suspend(L);
  if (push_refusal(L, co, c, t)) return return_refusal(L);
  if (c != NULL && t != NULL) return sr_coroutine_enter(L, t, c, k_resumed);
  return return_results(L, resume_nested(L, co, c));
}

/* --- wrap ----------------------------------------------------------------------- */

/* Raises the error on top, with a place in front as the plain library does; where it arose stays known. [-1, +0, v] */
static int raise_wrapped(lua_State *L) {
  if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
  SrTask *t = sr_current_task(sr_rt(L));
  int error = lua_gettop(L);
  luaL_where(L, 1);
  lua_pushvalue(L, error);
  lua_concat(L, 2);
  if (t != NULL && sr_find_origin(L, t, error)) {
    lua_pushvalue(L, error + 1);
    sr_set_origin(L, error + 2, SR_ORIGIN_ERROR);
    lua_settop(L, error + 1);
  }
  return lua_error(L);
}

static int k_wrapped(lua_State *L, int status, lua_KContext ctx) {
  SrCoroutine *c = (SrCoroutine *)ctx;
  (void)status;
  if (is_inside(c)) return stay(L, k_wrapped, ctx);
  return take_back(L, c) ? lua_gettop(L) - CO : raise_wrapped(L);
}

static int l_wrapped(lua_State *L) {
  SrCoroutine *c = (SrCoroutine *)lua_touserdata(L, lua_upvalueindex(WRAP_RECORD));
  lua_State *co = c->co;
  SrTask *t = task_to_suspend(L);
  lua_pushvalue(L, lua_upvalueindex(WRAP_CO));
  lua_insert(L, CO);
  if (push_refusal(L, co, c, t)) return raise_wrapped(L);
  if (t != NULL) return sr_coroutine_enter(L, t, c, k_wrapped);
  if (resume_nested(L, co, c)) return lua_gettop(L) - CO;
  if (lua_status(co) != LUA_YIELD && sr_close_thread(co, L) != LUA_OK) lua_pop(co, 1);
  return raise_wrapped(L);
}

/* --- close ---------------------------------------------------------------------- */

/* Closes the coroutine at CO without waiting. */
static int close_at_once(lua_State *L, lua_State *co, SrCoroutine *c) {
  if (c != NULL) {
    c->is_dead = true;
    c->has_failed = false;
  }
  bool ok = sr_close_thread(co, L) == LUA_OK;
  lua_pushboolean(L, ok);
  if (ok) return 1;
  lua_xmove(co, L, 1);
  return 2;
}

/* The coroutine at CO is dead. If an error was its end, that is told once. */
static int close_dead(lua_State *L, lua_State *co, SrCoroutine *c) {
  if (c == NULL || !c->has_failed) return close_at_once(L, co, c);
  lua_pushboolean(L, false);
  sr_coroutine_push_error(L, co);
  c->has_failed = false;
  return 2;
}

static int k_closed(lua_State *L, int status, lua_KContext ctx) {
  SrCoroutine *c = (SrCoroutine *)ctx;
  (void)status;
  if (is_inside(c)) return stay(L, k_closed, ctx);
  if (!c->is_dead) return close_at_once(L, c->co, c); /* it caught the error and yielded again */
  sr_close_thread(c->co, L);
  lua_pushboolean(L, !c->has_failed);
  if (!c->has_failed) return 1;
  lua_insert(L, -2);
  c->has_failed = false;
  return 2;
}

/* close(coroutine): an await, and so are its `__close` handlers */
static int l_close(lua_State *L) {
  lua_State *co = check_coroutine(L, "close");
  SrCoroutine *c = sr_find_coroutine(L, co);
  SrCoroutineStatus status = sr_coroutine_status(L, co, c);
  SrTask *t = task_to_suspend(L);
  lua_settop(L, CO);
  if (status == SR_CO_DEAD) return close_dead(L, co, c);
  if (sr_coroutine_is_of_other(L, c)) return sr_coroutine_push_belonging(L, c, "close"), lua_error(L);
  if (status != SR_CO_SUSPENDED) return luaL_error(L, "cannot close a %s coroutine", names[status]);
  if (c == NULL || t == NULL || lua_status(co) != LUA_YIELD) return close_at_once(L, co, c);
  c->is_closing = true;
  return sr_coroutine_enter(L, t, c, k_closed);
}

/* --- the rest of the library ------------------------------------------------------ */

/* create(fn) */
static int l_create(lua_State *L) {
  sr_check_function(L, "create", 1, 1);
  sr_coroutine_push(L);
  return 1;
}

/* wrap(fn) */
static int l_wrap(lua_State *L) {
  sr_check_function(L, "wrap", 1, 1);
  sr_coroutine_push(L);
  int co = lua_gettop(L);
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, co);
  lua_pushlightuserdata(L, sr_find_coroutine(L, lua_tothread(L, co)));
  lua_pushcclosure(L, l_wrapped, WRAP_RECORD);
  return 1;
}

/* status(coroutine) */
static int l_status(lua_State *L) {
  lua_State *co = check_coroutine(L, "status");
  lua_pushstring(L, names[sr_coroutine_status(L, co, sr_find_coroutine(L, co))]);
  return 1;
}

/* Whether the code that runs there is that of a task, outside any coroutine: for a library that is its main thread. */
static bool is_outside(lua_State *co, const SrRuntime *rt) {
  const SrTask *t = rt->current;
  return t != NULL && t->co == co && t->inner == NULL;
}

/* Sees to it that the coroutine of a task, which is on top, is never taken for one that can be resumed. */
static void mark_own(lua_State *L) {
  static SrCoroutine own = {.is_own = true};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_coroutines_key);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, &own);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* running() */
static int l_running(lua_State *L) {
  bool is_main = lua_pushthread(L);
  if (is_outside(L, sr_rt(L))) {
    mark_own(L);
    is_main = true;
  }
  lua_pushboolean(L, is_main);
  return 2;
}

/* isyieldable([coroutine]) */
static int l_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : check_coroutine(L, "isyieldable");
  lua_pushboolean(L, lua_isyieldable(co) && !is_outside(co, sr_rt(L)));
  return 1;
}

void sr_open_coroutine(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"create", l_create}, {"resume", l_resume},   {"yield", sr_l_coroutine_yield}, {"wrap", l_wrap},
      {"status", l_status}, {"running", l_running}, {"isyieldable", l_isyieldable},  {"close", l_close},
      {NULL, NULL},
  };
  luaL_newlibtable(L, functions);
  sr_set_functions(L, functions);
  lua_setfield(L, -2, "coroutine");
}
