/* SPDX-License-Identifier: MIT */
/* Coroutines that may wait: whose they are, going in and out. See coroutine.h. */
#include "runtime/coroutine.h"

#include <string.h>

#include "runtime/cancel.h"
#include "runtime/handle.h"
#include "runtime/object.h"
#include "runtime/park.h"
#include "runtime/place.h"

/* The frame of a coroutine's body; after the call the results, or the error, start where the function was. */
enum { BODY_HANDLER = 1, BODY_FUNCTION };
/* Its upvalues: the usual ones, and what it calls. */
enum { BODY_CALLS = SR_UP_COUNT + 1 };

/* --- the coroutine, and whose it is ------------------------------------------ */

/* The user values of its record: an error that it keeps, and the coroutine that resumed it last. */
enum { RECORD_ERROR = 1, RECORD_RESUMER };

/* Pushes the record of a coroutine of ours. [-0, +1, -] */
static void push_record(lua_State *L, lua_State *co) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_coroutines_key);
  lua_pushthread(co);
  if (co != L) lua_xmove(co, L, 1);
  lua_rawget(L, -2);
  lua_replace(L, -2);
}

/* Keeps the error on top. [-0, +0, -] */
void sr_coroutine_keep_error(lua_State *L, lua_State *co) {
  push_record(L, co);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, RECORD_ERROR);
  lua_pop(L, 1);
}

void sr_coroutine_push_error(lua_State *L, lua_State *co) {
  push_record(L, co);
  lua_getiuservalue(L, -1, RECORD_ERROR);
  lua_replace(L, -2);
}

/* The task to which a coroutine belongs, or NULL: it has not begun, or that task has ended. */
static SrTask *owner_of(lua_State *L, const SrCoroutine *c) {
  const SrRuntime *rt = sr_rt(L);
  if (c->task != NULL) return c->task;
  if (c->id == 0 || c->run != rt->runs || !rt->is_running) return NULL;
  lua_rawgeti(L, lua_upvalueindex(SR_UP_LIVE), (lua_Integer)c->slot);
  SrTask *t = (SrTask *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return t != NULL && t->id == c->id ? t : NULL;
}

bool sr_coroutine_is_of_other(lua_State *L, const SrCoroutine *c) {
  const SrRuntime *rt = sr_rt(L);
  if (c == NULL) return false;
  if (rt->current != NULL && rt->current->id == c->id && rt->runs == c->run) return false;
  const SrTask *owner = owner_of(L, c);
  return owner != NULL && owner != rt->current;
}

void sr_coroutine_push_belonging(lua_State *L, const SrCoroutine *c, const char *verb) {
  sr_push_name(L, owner_of(L, c));
  lua_pushfstring(L, "cannot %s a coroutine that belongs to task '%s'", verb, lua_tostring(L, -1));
  lua_replace(L, -2);
}

SrCoroutineStatus sr_coroutine_status(lua_State *L, lua_State *co, const SrCoroutine *c) {
  lua_Debug ar;
  if (L == co) return SR_CO_RUNNING;
  if (c != NULL && (c->task != NULL || c->is_own)) return SR_CO_NORMAL;
  if (lua_status(co) == LUA_YIELD) return c != NULL && c->is_dead ? SR_CO_DEAD : SR_CO_SUSPENDED;
  if (lua_status(co) != LUA_OK) return SR_CO_DEAD;
  if (lua_getstack(co, 0, &ar)) return SR_CO_NORMAL;
  return lua_gettop(co) == 0 ? SR_CO_DEAD : SR_CO_SUSPENDED;
}

/* --- going in and out --------------------------------------------------------- */

void sr_coroutine_set_owner(SrCoroutine *c, const SrTask *t) {
  c->run = t->rt->runs;
  c->slot = t->slot;
  c->id = t->id;
}

/* The coroutine, which is at SR_COROUTINE_CO, holds L from now on. [-0, +0, -] */
static void hold_resumer(lua_State *L, SrCoroutine *c) {
  push_record(L, c->co);
  lua_pushthread(L);
  lua_setiuservalue(L, -2, RECORD_RESUMER);
  lua_pop(L, 1);
  c->resumer = L;
}

int sr_coroutine_enter(lua_State *L, SrTask *t, SrCoroutine *c, lua_KFunction k) {
  if (c->resumer != L) hold_resumer(L, c);
  lua_xmove(L, c->co, lua_gettop(L) - SR_COROUTINE_CO);
  sr_coroutine_set_owner(c, t);
  c->outer = t->inner;
  c->depth = t->inner == NULL ? 1 : t->inner->depth + 1;
  c->entered = t->rt->blocks.last_serial;
  c->has_failed = false;
  c->task = t;
  t->inner = c;
  t->co = c->co;
  sr_move(t);
  return sr_switch(L, 0, k, (lua_KContext)c);
}

/*
** Puts the task back into the coroutine of the resumer, with the `count` values on top. If somebody has resumed this one
** by hand, which ended its wait, the task goes on in a later turn. [-n, +0, m]
*/
static void leave(lua_State *L, SrCoroutine *c, int count, bool has_failed) {
  SrTask *t = c->task;
  if (!lua_checkstack(c->resumer, count + LUA_MINSTACK)) {
    lua_settop(L, 0);
    lua_pushliteral(L, "too many results to resume");
    count = 1;
    has_failed = true;
  }
  bool is_stray = t != t->rt->current;
  if (is_stray && !sr_end_stray_wait(t)) return;
  t->inner = c->outer;
  t->co = c->resumer;
  sr_move(t);
  c->task = NULL;
  c->has_failed = has_failed;
  if (lua_status(t->co) == LUA_YIELD) lua_xmove(L, t->co, count); /* else it was closed by hand */
  if (is_stray) sr_go_on(t);
}

/* --- the body ----------------------------------------------------------------- */

static int k_over(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return sr_switch(L, 0, k_over, ctx);
}

/* Whether the error on top is that by which `close` ends a coroutine. */
static bool is_closing_error(lua_State *L, const SrCoroutine *c) {
  if (!c->is_closing) return false;
  sr_coroutine_push_error(L, c->co);
  bool is_same = lua_rawequal(L, -1, -2);
  lua_pop(L, 1);
  return is_same;
}

/* The body is over. It does not return, but leaves: its resumer closes what is left of the coroutine. */
static int k_body(lua_State *L, int status, lua_KContext ctx) {
  SrCoroutine *c = (SrCoroutine *)ctx;
  bool ok = status == LUA_OK || status == LUA_YIELD;
  if (!ok && is_closing_error(L, c)) {
    lua_settop(L, BODY_HANDLER);
    ok = true;
  }
  c->is_dead = true;
  if (c->task != NULL) {
    leave(L, c, lua_gettop(L) - BODY_HANDLER, !ok);
    return sr_switch(L, 0, k_over, 0);
  }
  return ok ? lua_gettop(L) - BODY_HANDLER : lua_error(L);
}

/*
** What a coroutine runs. A protected call, in which `__close` may wait. It is all that stands on a new coroutine, so that
** the plain library begins it, too, where somebody hands it over to that.
*/
static int l_body(lua_State *L) {
  lua_KContext ctx = (lua_KContext)sr_find_coroutine(L, L);
  lua_pushvalue(L, lua_upvalueindex(BODY_CALLS));
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(SR_UP_HANDLER));
  lua_insert(L, BODY_HANDLER);
  return k_body(L, lua_pcallk(L, lua_gettop(L) - BODY_FUNCTION, LUA_MULTRET, BODY_HANDLER, ctx, k_body), ctx);
}

/* --- yield ---------------------------------------------------------------------- */

/* Raises in a coroutine that is being closed. [-0, +0, v] */
static int raise_closed(lua_State *L, SrCoroutine *c) {
  sr_push_cancelled(L, c->task, NULL);
  lua_pushliteral(L, "the coroutine was closed");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "reason");
  lua_setfield(L, -2, "message");
  sr_coroutine_keep_error(L, L);
  return lua_error(L);
}

static int k_yielded(lua_State *L, int status, lua_KContext ctx) {
  SrCoroutine *c = (SrCoroutine *)ctx;
  (void)status;
  if (c != NULL && c->is_closing && c->task != NULL) return raise_closed(L, c);
  return lua_gettop(L);
}

/* Who resumes a coroutine must not get into a block of it, nor be able to leave one around that. */
static void check_blocks(lua_State *L, const SrTask *t, const SrCoroutine *c) {
  const SrBlock *block = (const SrBlock *)(const void *)t->current;
  if (t->current->kind == SR_SCOPE_TASK || block->serial <= c->entered) return;
  sr_push_place(L, t->current);
  luaL_error(L, "attempt to yield inside a %s made at %s (an async.generator may do so)", block->ops->name,
             lua_tostring(L, -1));
}

/* Raises as the plain library does, without a place. [-0, +0, v] */
static int raise_plainly(lua_State *L, const char *message) {
  lua_pushstring(L, message);
  return lua_error(L);
}

int sr_l_coroutine_yield(lua_State *L) {
  SrTask *t = sr_rt(L)->current;
  bool is_of_task = t != NULL && t->co == L;
  SrCoroutine *c = is_of_task ? t->inner : sr_find_coroutine(L, L);
  if (!is_of_task) return sr_switch(L, lua_gettop(L), k_yielded, (lua_KContext)c);
  if (c == NULL) return raise_plainly(L, "attempt to yield from outside a coroutine");
  if (!lua_isyieldable(L)) return raise_plainly(L, "attempt to yield across a C-call boundary");
  if (!c->is_closing) check_blocks(L, t, c);
  leave(L, c, lua_gettop(L), false);
  return sr_switch(L, 0, k_yielded, (lua_KContext)c);
}

/* --- new ------------------------------------------------------------------------ */

void sr_coroutine_push(lua_State *L) {
  lua_State *co = lua_newthread(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_coroutines_key);
  lua_pushvalue(L, -2);
  SrCoroutine *c = (SrCoroutine *)lua_newuserdatauv(L, sizeof *c, RECORD_RESUMER);
  memset(c, 0, sizeof *c);
  c->co = co;
  lua_rawset(L, -3);
  lua_pop(L, 1);
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, l_body, BODY_CALLS);
  lua_xmove(L, co, 1);
}
