/* SPDX-License-Identifier: MIT */
/* Modules, and functions written in C, by the names under which every state has its own. */
#ifndef SR_THREAD_LIBRARY_H
#define SR_THREAD_LIBRARY_H

#include <lua.h>
#include <stdbool.h>

/*
** Pushes a table with names: of each table that is a module the name of that, or else, `functions` being true, of each
** function written in C that a module has (or is) "module\0field". [-0, +1, m]
*/
void sr_thread_push_names(lua_State *L, bool functions);

/* Whether another state finds a module of that name. [-0, +0, m] */
bool sr_thread_is_loadable(lua_State *L, const char *name);

/* Pushes package.loaded. [-0, +1, -] */
void sr_thread_push_loaded(lua_State *L);

/* Pushes the module of a name, which is loaded if it has not been. [-0, +1, v] */
void sr_thread_push_module(lua_State *L, const char *name);

/* Makes room for so many more values. [-0, +0, m] */
void sr_thread_check_stack(lua_State *L, int count);

#endif
