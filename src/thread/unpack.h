/* SPDX-License-Identifier: MIT */
/* Values out of a message, see pack.h. */
#ifndef SR_THREAD_UNPACK_H
#define SR_THREAD_UNPACK_H

#include <lua.h>

#include "thread/message.h"

/* Pushes the values of a message, which stays as it is. Returns how many they are. [-0, +n, v] */
int sr_thread_unpack(lua_State *L, const SrThreadMessage *message);

#endif
