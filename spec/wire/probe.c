/* SPDX-License-Identifier: MIT */
/* The room wire as specs see it: a module of Lua. */
#include <lauxlib.h>
#include <lua.h>

#include "reading.h"
#include "wire/writer.h"

/* read(bytes, is_response, step, head, target, fields): the notes, and status and text of the fault, if there is one. */
static int l_read(lua_State *L) {
  size_t count;
  const char *bytes = luaL_checklstring(L, 1, &count);
  size_t step = (size_t)luaL_optinteger(L, 3, (lua_Integer)count + 1), first = (size_t)luaL_optinteger(L, 4, 0);
  SrWireLimits limits = {.head = (size_t)luaL_optinteger(L, 5, 16384),
                         .target = (size_t)luaL_optinteger(L, 6, 8192),
                         .fields = (unsigned)luaL_optinteger(L, 7, 100)};
  Reading reading;
  reading_open(&reading, lua_toboolean(L, 2), limits);
  if (first > count) first = count;
  reading_feed(&reading, bytes, first);
  for (size_t at = first; at < count; at += step) {
    size_t left = count - at;
    reading_feed(&reading, bytes + at, left < step ? left : step);
  }
  lua_pushlstring(L, sr_buffer_front(&reading.notes), sr_buffer_length(&reading.notes));
  if (reading.fault != SR_WIRE_NO_FAULT) {
    lua_pushinteger(L, sr_wire_fault_status(reading.fault));
    lua_pushstring(L, sr_wire_fault_text(reading.fault));
  }
  int results = reading.fault != SR_WIRE_NO_FAULT ? 3 : 1;
  reading_close(&reading);
  return results;
}

static int l_date(lua_State *L) {
  char out[SR_WIRE_DATE];
  sr_wire_put_date(out, luaL_checkinteger(L, 1));
  lua_pushlstring(L, out, sizeof out);
  return 1;
}

static int l_chunk(lua_State *L) {
  char out[SR_WIRE_NUMBER + 2];
  lua_pushlstring(L, out, sr_wire_put_chunk(out, (uint64_t)luaL_checkinteger(L, 1)));
  return 1;
}

static int l_decimal(lua_State *L) {
  char out[SR_WIRE_NUMBER];
  lua_pushlstring(L, out, sr_wire_put_decimal(out, (uint64_t)luaL_checkinteger(L, 1)));
  return 1;
}

static int l_is_host(lua_State *L) {
  SrWireText text;
  text.bytes = luaL_checklstring(L, 1, &text.length);
  lua_pushboolean(L, sr_wire_is_host(text));
  return 1;
}

__attribute__((visibility("default"))) int luaopen_probe(lua_State *L);

int luaopen_probe(lua_State *L) {
  static const luaL_Reg functions[] = {{"read", l_read},       {"date", l_date},       {"chunk", l_chunk},
                                       {"decimal", l_decimal}, {"is_host", l_is_host}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
