/* SPDX-License-Identifier: MIT */
/* Functions for lua/saros/thread that have jobs done. */
#ifndef SR_THREAD_CALL_H
#define SR_THREAD_CALL_H

#include "thread/face.h"

/* pool:run(fn, ...) */
int sr_thread_l_run(lua_State *L);
/* to_thread(fn, ...): a closure over the runtime, the size of its pool, and nil, where that pool will be */
int sr_thread_l_to_thread(lua_State *L);
/* For map; its arguments come checked. */
int sr_thread_l_pack(lua_State *L);
int sr_thread_l_each(lua_State *L);
int sr_thread_l_size(lua_State *L);
int sr_thread_l_check_open(lua_State *L);
int sr_thread_l_check_items(lua_State *L);

/* Their classes. [-0, +0, m] */
void sr_thread_open_call(lua_State *L);

#endif
