/* SPDX-License-Identifier: MIT */
/* The state of the runtime. See state.h. */
#include "runtime/state.h"

#include <stdlib.h>
#include <string.h>

const char sr_anchor_key, sr_origin_key, sr_names_key, sr_places_key, sr_failures_key, sr_live_key, sr_scheduler_key,
    sr_module_key, sr_coroutines_key;

SR_THREAD_LOCAL SrRuntime *sr_stepping;

SrRuntime *sr_find_runtime(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_RUNTIME_INDEX);
  SrRuntime *rt = (SrRuntime *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return rt;
}

/* --- numbers, and values that belong to addresses ---------------------------- */

bool sr_slots_peek(SrSlots *slots, uint32_t *number) {
  if (slots->count > 0) {
    *number = slots->given_back[slots->count - 1];
    return true;
  }
  if (slots->top == slots->capacity) {
    uint32_t capacity = slots->capacity == 0 ? 64 : slots->capacity * 2;
    uint32_t *given_back = (uint32_t *)realloc(slots->given_back, capacity * sizeof *given_back);
    if (given_back == NULL) return false;
    slots->given_back = given_back;
    slots->capacity = capacity;
  }
  *number = slots->top + 1;
  return true;
}

void sr_slots_free(SrSlots *slots) {
  free(slots->given_back);
  memset(slots, 0, sizeof *slots);
}

void sr_anchor_set(lua_State *L, const void *key) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_anchor_key);
  lua_insert(L, -2);
  lua_rawsetp(L, -2, key);
  lua_pop(L, 1);
}

void sr_anchor_get(lua_State *L, const void *key) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_anchor_key);
  lua_rawgetp(L, -1, key);
  lua_replace(L, -2);
}

/* A finalizer may have made one while ours was made: that one counts. */
void sr_anchor_table(lua_State *L, const void *key) {
  sr_anchor_get(L, key);
  if (!lua_isnil(L, -1)) return;
  lua_newtable(L);
  lua_replace(L, -2);
  sr_anchor_get(L, key);
  if (!lua_isnil(L, -1)) {
    lua_replace(L, -2);
    return;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  sr_anchor_set(L, key);
}

SrCoroutine *sr_find_coroutine(lua_State *L, lua_State *co) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_coroutines_key);
  lua_pushthread(co);
  if (co != L) lua_xmove(co, L, 1);
  lua_rawget(L, -2);
  SrCoroutine *c = (SrCoroutine *)lua_touserdata(L, -1);
  lua_pop(L, 2);
  return c;
}

/* --- protected calls -------------------------------------------------------- */

/* Calls the function given as its last argument. */
int sr_l_protected(lua_State *L) {
  lua_CFunction function = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return function(L);
}

bool sr_protected(lua_State *L, lua_CFunction function, int nargs, int nresults) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, SR_PROTECTED_INDEX);
  lua_insert(L, -nargs - 1);
  lua_pushcfunction(L, function);
  if (lua_pcall(L, nargs + 1, nresults, 0) == LUA_OK) return true;
  lua_pop(L, 1);
  return false;
}
