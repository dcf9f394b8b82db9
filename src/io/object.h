/* SPDX-License-Identifier: MIT */
/*
** Classes of userdata, and arguments checked by name, for the rooms that know the runtime only through saros.h.
**
** Every userdata starts with a pointer to its class, so a check costs two comparisons and no look-up. Messages name
** the function themselves: through pcall(f, ...) Lua would only know a "?".
*/
#ifndef SR_IO_OBJECT_H
#define SR_IO_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "saros.h"

/* The runtime's functions; set when the module is opened. */
extern const saros_api *sr_io_saros;

typedef struct SrIoClass {
  const char *name; /* as messages and tostring show it: "stream" */
} SrIoClass;

#define SR_IO_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The userdata at `index` if it is of that class, else NULL. [-0, +0, -] */
static inline void *sr_io_test(lua_State *L, int index, const SrIoClass *cls) {
  if (lua_rawlen(L, index) < sizeof(void *)) return NULL; /* light userdata has no length */
  const SrIoClass **object = (const SrIoClass **)lua_touserdata(L, index);
  return object != NULL && *object == cls ? (void *)object : NULL;
}

/* Raises that a method was called on something else. [-0, +0, v] */
int sr_io_self_error(lua_State *L, const SrIoClass *cls, const char *function);

/* The object a method was called on. [-0, +0, v] */
static inline void *sr_io_self(lua_State *L, const SrIoClass *cls, const char *function) {
  void *self = sr_io_test(L, 1, cls);
  if (self == NULL) sr_io_self_error(L, cls, function);
  return self;
}

/* Pushes a new zeroed userdata of that class with `values` user values. [-0, +1, m] */
void *sr_io_new(lua_State *L, const SrIoClass *cls, size_t size, int values);
/* Registers the metatable of a class: __name, methods under __index, metamethods. [-0, +0, m] */
void sr_io_class(lua_State *L, const SrIoClass *cls, const luaL_Reg *methods, const luaL_Reg *meta);
/* Pushes that metatable. [-0, +1, -] */
void sr_io_push_meta(lua_State *L, const SrIoClass *cls);

/*
** The checks below take the stack index of the value and, separately, the number that the message shows: in methods
** the first argument after self is #1.
*/

/* Raises that the value is of the wrong type. [-0, +0, v] */
int sr_io_type_error(lua_State *L, const char *function, int index, int arg, const char *expected);
/* A string. [-0, +0, v] */
const char *sr_io_string(lua_State *L, const char *function, int index, int arg, size_t *length);
/* The same without NUL bytes: a name for the system. [-0, +0, v] */
const char *sr_io_name(lua_State *L, const char *function, int index, int arg);
/* An integer between two bounds. [-0, +0, v] */
lua_Integer sr_io_integer(lua_State *L, const char *function, int index, int arg, lua_Integer least, lua_Integer most);
/* Seconds: a number, not NaN; below zero counts as zero; nil is HUGE_VAL. [-0, +0, v] */
double sr_io_seconds(lua_State *L, const char *function, int index, int arg);

#endif
