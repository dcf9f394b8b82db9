/* SPDX-License-Identifier: MIT */
/*
** Classes of userdata, and arguments checked by name.
**
** Every userdata of saros starts with a pointer to its class, so a check costs two
** comparisons and no look-up. Error messages name the function themselves: through
** pcall(f, ...) Lua would only know a "?".
*/
#ifndef SR_OBJECT_H
#define SR_OBJECT_H

#include "runtime/state.h"

/* The userdata at `arg` if it is of that class, else NULL. [-0, +0, -] */
static inline void *sr_test(lua_State *L, int arg, const SrClass *cls) {
  if (lua_rawlen(L, arg) < sizeof(SrObject)) return NULL; /* light userdata has no length */
  SrObject *object = (SrObject *)lua_touserdata(L, arg);
  return object != NULL && object->cls == cls ? object : NULL;
}

/* Raises "calling 'function' on bad self". [-0, +0, v] */
int sr_self_error(lua_State *L, const SrClass *cls, const char *function);

/* The object a method was called on. [-0, +0, v] */
static inline void *sr_check_self(lua_State *L, const SrClass *cls, const char *function) {
  void *self = sr_test(L, 1, cls);
  if (self == NULL) sr_self_error(L, cls, function);
  return self;
}

/* Raises "bad argument #arg to 'function' (message)". [-0, +0, v] */
int sr_arg_error(lua_State *L, const char *function, int arg, const char *format, ...);
/* The same, for a value of the wrong type. [-0, +0, v] */
int sr_type_error(lua_State *L, const char *function, int index, int arg, const char *expected);

/*
** The checks below take the stack index of the value and, separately, the number that
** the message shows: in methods the first argument after self is #1.
*/

/* A function. [-0, +0, v] */
void sr_check_function(lua_State *L, const char *function, int index, int arg);
/* A table. [-0, +0, v] */
void sr_check_table(lua_State *L, const char *function, int index, int arg);
/* An integer of at least `least`. [-0, +0, v] */
lua_Integer sr_check_integer(lua_State *L, const char *function, int index, int arg, lua_Integer least);
/* Seconds: a number, not NaN; below zero counts as zero. [-0, +0, v] */
double sr_check_seconds(lua_State *L, const char *function, int index, int arg);
/* Seconds of a deadline: nil means none, given as HUGE_VAL. [-0, +0, v] */
double sr_check_deadline(lua_State *L, const char *function, int index, int arg);
/* Refuses options that are not among `known` (ends with NULL). `index` is a table or nil. [-0, +0, v] */
void sr_check_options(lua_State *L, const char *function, int index, int arg, const char *const *known);

/*
** Whether a name is so much like a known one that this may have been meant, and more so than `best` says, which is
** set then.
*/
bool sr_is_similar(const char *name, const char *known, int *best);
/* nearest(name, known): the key of the table `known` that may have been meant, or nil */
int sr_l_nearest(lua_State *L);

/*
** A list: the keys 1..n and no others, or a field `n` besides, and then there may be holes. Returns n. What stands
** among `known` (or NULL) are options, which belong elsewhere. Of a long list the caller has to see that no item is
** nil: it looks at all of them anyway. [-0, +0, v]
*/
lua_Integer sr_check_list(lua_State *L, const char *function, int index, int arg, const char *const *known);
/* Raises that a list has holes. [-0, +0, v] */
int sr_list_error(lua_State *L, const char *function, int arg);

/* Pushes a function as a closure over the caller's upvalues. [-0, +1, m] */
void sr_push_function(lua_State *L, lua_CFunction function);
/* Sets these functions in the table on top, each a closure over the caller's upvalues. [-0, +0, m] */
void sr_set_functions(lua_State *L, const luaL_Reg *functions);
/*
** Makes the table on top the metatable of a class: __name, methods under __index, metamethods.
**
** A finalizer looks at its argument as methods do: Lua 5.4.4 lets a coroutine that is closed keep the place of the message
** handler of an xpcall in it, and an error in a __close calls what stands there then, such as a finalizer that ran before.
** [-0, +0, m]
*/
void sr_fill_class(lua_State *L, const SrClass *cls, const luaL_Reg *methods, const luaL_Reg *meta);
/* Pushes a new metatable, filled. [-0, +1, m] */
void sr_push_class(lua_State *L, const SrClass *cls, const luaL_Reg *methods, const luaL_Reg *meta);
/* Pushes the metatable that sr_push_class registered for this class. [-0, +1, -] */
void sr_push_meta(lua_State *L, const SrClass *cls);
/* Pushes a new zeroed userdata of that class; `size` bytes, `values` user values. [-0, +1, m] */
void *sr_new_object(lua_State *L, const SrClass *cls, size_t size, int values);

#endif
