/* SPDX-License-Identifier: MIT */
/* Permits of semaphores and locks: released once, by release, by __close, or not at all. */
#include "sync/sync.h"

static const SrClass permit_class = {.name = "permit"};

void *sr_new_giver(lua_State *L, const SrClass *cls, size_t size) {
  void *object = sr_new_object(L, cls, size, 1);
  sr_push_meta(L, &permit_class);
  lua_setiuservalue(L, -2, 1);
  return object;
}

SrPermit *sr_push_permit(lua_State *L, const SrPermitOps *ops, void *object) {
  SrPermit *permit = (SrPermit *)lua_newuserdatauv(L, sizeof(SrPermit), 1);
  permit->head.cls = &permit_class;
  permit->ops = ops;
  permit->object = object;
  permit->count = 1;
  permit->serial = 0;
  permit->is_held = false;
  lua_getiuservalue(L, 1, 1);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return permit;
}

/* permit:release(), __close: gives it back; the second time does nothing. */
static int l_release(lua_State *L) {
  SrPermit *permit = (SrPermit *)sr_check_self(L, &permit_class, "permit:release");
  if (!permit->is_held) return 0;
  permit->ops->release(L, permit);
  permit->is_held = false;
  return 0;
}

/* tostring(permit): permit (held) */
static int l_tostring(lua_State *L) {
  const SrPermit *permit = (const SrPermit *)sr_check_self(L, &permit_class, "tostring");
  lua_pushfstring(L, "permit (%s)", permit->is_held ? "held" : "released");
  return 1;
}

void sr_open_permit(lua_State *L) {
  static const luaL_Reg methods[] = {{"release", l_release}, {"close", l_release}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", l_release}, {"__tostring", l_tostring}, {NULL, NULL}};
  sr_push_class(L, &permit_class, methods, meta);
  lua_pop(L, 1);
}
