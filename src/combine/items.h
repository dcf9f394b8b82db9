/* SPDX-License-Identifier: MIT */
/* What combinators are given: awaitables, lists of them, a limit. */
#ifndef SR_ITEMS_H
#define SR_ITEMS_H

#include "combine/combine.h"

/* Whether the value at `index` is a function, a task or a future. */
bool sr_is_awaitable(lua_State *L, int index);
/* Raises unless it is. [-0, +0, v] */
void sr_check_awaitable(lua_State *L, const char *function, int index, int arg);
/* The option `limit` of the table, or nil, at `index`: a positive integer. UINT32_MAX: none. [-0, +0, v] */
uint32_t sr_check_limit(lua_State *L, const char *function, int index, int arg);

/*
** Checks the list of `total` items at `index`, which nobody can change any more, for awaitables, and that no task in
** it waits for the caller. Returns whether all of them are functions. [-0, +0, v]
*/
bool sr_check_items(lua_State *L, SrTask *t, const char *function, int index, lua_Integer total, bool takes_functions);
/*
** Replaces the list at index 1 by a copy: the caller's may change while its items run. Says whether all items are
** functions, so that there is nothing to check. Returns how many there are. As sr_check_list. [-0, +0, v]
*/
lua_Integer sr_take_list(lua_State *L, const char *function, const char *const *known, bool *only_functions);

#endif
