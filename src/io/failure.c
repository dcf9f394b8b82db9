/* SPDX-License-Identifier: MIT */
/* What the system refused, as Error objects: see failure.h. */
#include "io/failure.h"

#include <string.h>

static void set_string(lua_State *L, const char *field, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

/* What libuv calls a status; its own functions without _r leak where it does not know it. */
typedef struct Words {
  char code[64], text[128];
} Words;

static Words words_of(int status) {
  Words words;
  uv_err_name_r(status, words.code, sizeof words.code);
  uv_strerror_r(status, words.text, sizeof words.text);
  return words;
}

void sr_io_push_system(lua_State *L, int status, const char *syscall) {
  Words words = words_of(status);
  sr_saros->push_error(L, "SystemError", words.code, "%s: %s", syscall, words.text);
  set_string(L, "syscall", syscall);
}

void sr_io_push_system_host(lua_State *L, int status, const char *syscall, const char *host, int port) {
  Words words = words_of(status);
  const char *format = strchr(host, ':') != NULL ? "%s [%s]:%d: %s" : "%s %s:%d: %s";
  sr_saros->push_error(L, "SystemError", words.code, format, syscall, host, port, words.text);
  set_string(L, "syscall", syscall);
  set_string(L, "host", host);
  lua_pushinteger(L, port);
  lua_setfield(L, -2, "port");
}

void sr_io_push_system_path(lua_State *L, int status, const char *syscall, const char *path) {
  Words words = words_of(status);
  sr_saros->push_error(L, "SystemError", words.code, "%s %s: %s", syscall, path, words.text);
  set_string(L, "syscall", syscall);
  set_string(L, "path", path);
}

int sr_io_raise_closed(lua_State *L, const char *what) {
  sr_saros->push_error(L, "ClosedError", "ECLOSED", "%s", what);
  return lua_error(L);
}

int sr_io_raise_busy(lua_State *L, const char *what) {
  sr_saros->push_error(L, "BusyError", "EBUSY", "%s", what);
  return lua_error(L);
}
