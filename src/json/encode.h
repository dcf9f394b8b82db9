/* SPDX-License-Identifier: MIT */
/* JSON written. */
#ifndef SR_JSON_ENCODE_H
#define SR_JSON_ENCODE_H

#include <lua.h>

/* encode(value): its text; JSONError for what JSON cannot say. Its upvalues: see api.h. [-0, +1, v] */
int sr_json_l_encode(lua_State *L);

#endif
