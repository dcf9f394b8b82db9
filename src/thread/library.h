/* SPDX-License-Identifier: MIT */
/* Modules, and functions written in C, by the names under which every state has its own. */
#ifndef SR_THREAD_LIBRARY_H
#define SR_THREAD_LIBRARY_H

#include <lua.h>
#include <stdbool.h>

/* Pushes a table with the names of modules, by their tables. [-0, +1, m] */
void sr_thread_push_modules(lua_State *L);

/*
** Pushes the name of the function at `index`, which is written in C: "module\0field" of where it is, nil: it is nowhere.
** [-0, +1, m]
*/
void sr_thread_push_function_name(lua_State *L, int index);

/* Whether another state finds a module of that name. [-0, +0, m] */
bool sr_thread_is_loadable(lua_State *L, const char *name);

/* Pushes package.loaded. [-0, +1, -] */
void sr_thread_push_loaded(lua_State *L);

/* Pushes the module of a name, which is loaded if it has not been. [-0, +1, v] */
void sr_thread_push_module(lua_State *L, const char *name);

/* Makes room for so many more values. [-0, +0, m] */
void sr_thread_check_stack(lua_State *L, int count);

#endif
