/* SPDX-License-Identifier: MIT */
/*
** Reading fields of the tables that our own Lua code makes.
*/
#ifndef SR_HTTP_FIELDS_H
#define SR_HTTP_FIELDS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* The string of a field, anchored by the table; NULL if it is absent. [-0, +0, -] */
const char *sr_http_field_string(lua_State *L, int table, const char *name, size_t *length);
/* HUGE_VAL if it is absent. [-0, +0, -] */
double sr_http_field_number(lua_State *L, int table, const char *name);
/* Whether it is there and not false. [-0, +0, -] */
bool sr_http_field_true(lua_State *L, int table, const char *name);

#endif
