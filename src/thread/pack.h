/* SPDX-License-Identifier: MIT */
/*
** Values into a message, for another state.
**
** Tables are copied with what is in them and their metatables, functions by their code with their upvalues; what was
** one and the same stays so, cycles too. What every state has of its own travels by name: modules, functions written in
** C that are in a module, the globals, and so every upvalue called _ENV.
*/
#ifndef SR_THREAD_PACK_H
#define SR_THREAD_PACK_H

#include <lua.h>

#include "thread/message.h"

/*
** Packs `count` values from index `first` on into an empty message, which the caller frees, also if this raises. 0; or
** the number of the value that cannot be copied, and why is pushed: "upvalue 'conn', field 'socket': a userdata ...".
** [-0, +(0|1), m]
*/
int sr_thread_pack(lua_State *L, SrThreadMessage *message, int first, int count);

#endif
