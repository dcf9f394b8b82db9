/* SPDX-License-Identifier: MIT */
/* Places to connect to, see place.h. */
#include "http/place.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>
#include <uv.h>

unsigned sr_http_place_hash(const char *place) {
  unsigned hash = 2166136261u; /* FNV-1a */
  for (const char *c = place; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
  return hash;
}

/* is_address(text): whether it is an IPv4 or IPv6 address, the latter with or without brackets. [-1, +1, v] */
static int l_is_address(lua_State *L) {
  unsigned char bytes[sizeof(struct in6_addr)];
  char inner[INET6_ADDRSTRLEN];
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  bool is_address = uv_inet_pton(AF_INET, text, bytes) == 0;
  if (!is_address && length > 2 && text[0] == '[' && text[length - 1] == ']') {
    text++;
    length -= 2;
  }
  if (!is_address && length < sizeof inner) {
    memcpy(inner, text, length);
    inner[length] = '\0';
    is_address = uv_inet_pton(AF_INET6, inner, bytes) == 0;
  }
  lua_pushboolean(L, is_address);
  return 1;
}

void sr_http_open_place(lua_State *L) {
  static const luaL_Reg functions[] = {{"is_address", l_is_address}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
