/* SPDX-License-Identifier: MIT */
/*
** What is written in Lua, or is a C module of its own, and loaded when a program asks for it first: a script must not
** pay for what it does not use. `require` is the one that is global then.
*/
#ifndef SR_LAZY_H
#define SR_LAZY_H

#include "runtime/state.h"

typedef enum SrLazyKind {
  SR_LAZY_FIELD,  /* a field of its module, by the same name */
  SR_LAZY_MODULE, /* the module itself */
  SR_LAZY_STREAM  /* a standard stream: made anew after it was closed, so it is asked for each time */
} SrLazyKind;

typedef struct SrLazy {
  const char *name;   /* of the field of saros; NULL: the list ends */
  const char *module; /* which gives it */
  SrLazyKind kind;
  int stream; /* of SR_LAZY_STREAM: its descriptor */
} SrLazy;

/*
** Gives saros, the table below the top, these fields, and the table on top the functions `loaded` and `lazy_names`.
** [-0, +0, m]
*/
void sr_open_lazy(lua_State *L, const SrLazy *fields);

/*
** Gives the class whose metatable is on top a method that is written in Lua: the field `name` of its module. What stands
** there at first loads it, and takes its place by it. [-0, +0, m]
*/
void sr_set_lazy_method(lua_State *L, const char *method, const char *module, const char *name);

#endif
