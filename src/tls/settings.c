/* SPDX-License-Identifier: MIT */
/*
** Contexts as Lua holds them, see settings.h.
*/
#include "tls/settings.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "tls/engine.h"
#include "tls/state.h"

#define CONTEXT_TYPE "saros.tls.context"

static int l_gc(lua_State *L) {
  SrTlsContext **box = luaL_checkudata(L, 1, CONTEXT_TYPE);
  if (*box != NULL) sr_tls_context_drop(*box);
  *box = NULL;
  return 0;
}

SrTlsContext *sr_tls_settings_check(lua_State *L, int index) {
  SrTlsContext **box = luaL_checkudata(L, index, CONTEXT_TYPE);
  return *box;
}

/* The string lives as long as the table. [-0, +0, v] */
static const char *field(lua_State *L, const char *name, size_t *length) {
  lua_getfield(L, 1, name);
  const char *text = luaL_optlstring(L, -1, NULL, length);
  lua_pop(L, 1);
  return text;
}

static bool flag(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool is_set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_set;
}

static SrTlsOptions read_options(lua_State *L) {
  SrTlsOptions options = {.server = flag(L, "server"), .verify = flag(L, "verify")};
  const char *version = field(L, "min_version", NULL);
  options.ca_file = field(L, "ca_file", NULL);
  options.ca_path = field(L, "ca_path", NULL);
  options.client_ca = field(L, "client_ca", NULL);
  options.cert = field(L, "cert", NULL);
  options.key = field(L, "key", NULL);
  options.alpn = (const unsigned char *)field(L, "alpn", &options.alpn_length);
  if (options.alpn == NULL) options.alpn_length = 0;
  options.min_version = version != NULL && strcmp(version, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
  return options;
}

/* [-0, +0, v] */
static int raise_problem(lua_State *L, const SrTlsProblem *problem) {
  if (problem->status != 0) {
    sr_tls_saros->push_error(L, "SystemError", uv_err_name(problem->status), "open %s: %s", problem->path,
                             uv_strerror(problem->status));
    lua_pushliteral(L, "open");
    lua_setfield(L, -2, "syscall");
    lua_pushstring(L, problem->path);
    lua_setfield(L, -2, "path");
    return lua_error(L);
  }
  if (problem->path != NULL) lua_pushfstring(L, "%s: ", problem->path);
  lua_pushstring(L, problem->reason);
  if (problem->path != NULL) lua_concat(L, 2);
  sr_tls_saros->push_error(L, "TLSError", "ETLS", "TLS cannot be used: %s", lua_tostring(L, -1));
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "reason");
  return lua_error(L);
}

int sr_tls_settings_new(lua_State *L) {
  SrTlsProblem problem;
  luaL_checktype(L, 1, LUA_TTABLE);
  SrTlsContext **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, CONTEXT_TYPE);
  SrTlsOptions options = read_options(L);
  *box = sr_tls_context_new(&options, &sr_tls_engine_hooks, &problem);
  return *box != NULL ? 1 : raise_problem(L, &problem);
}

int sr_tls_settings_stamp(lua_State *L) {
  uv_fs_t request;
  char text[128] = "";
  int status = uv_fs_stat(NULL, &request, luaL_checkstring(L, 1), NULL);
  const uv_stat_t *stat = &request.statbuf;
  if (status == 0)
    snprintf(text, sizeof text, "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%ld.%ld", stat->st_dev, stat->st_ino,
             stat->st_size, stat->st_mtim.tv_sec, stat->st_mtim.tv_nsec);
  uv_fs_req_cleanup(&request);
  lua_pushstring(L, text);
  return 1;
}

void sr_tls_settings_open(lua_State *L) {
  luaL_newmetatable(L, CONTEXT_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
