/* SPDX-License-Identifier: MIT */
/* JSON read. */
#ifndef SR_JSON_DECODE_H
#define SR_JSON_DECODE_H

#include <lua.h>

/* decode(text): its value; JSONError where it is broken. Its upvalues: see api.h. [-0, +1, v] */
int sr_json_l_decode(lua_State *L);

#endif
