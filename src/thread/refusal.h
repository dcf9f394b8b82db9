/* SPDX-License-Identifier: MIT */
/* What cannot be copied, told by the way that leads to it. */
#ifndef SR_THREAD_REFUSAL_H
#define SR_THREAD_REFUSAL_H

#include <lua.h>
#include <stdint.h>

/* Where the objects are that were met: stack indices of two lists. */
typedef struct SrThreadTrail {
  int objects;
  int parents; /* by object the number of that in which it was met; below zero: it was value -n itself, or 0 */
} SrThreadTrail;

/* Pushes "field 'key'", or "item 3", for the key at `index`. [-0, +1, m] */
void sr_thread_push_field(lua_State *L, int index);

/*
** The value at `index` cannot be copied, the last step to it is on top: from the object `owner`, or, that being 0, it
** is a value itself and the step "". Replaces the step by "upvalue 'conn', field 'socket': a userdata cannot be copied".
** Returns the number of the value below which that is, 0 without an owner. [-1, +1, m]
*/
int sr_thread_refuse(lua_State *L, SrThreadTrail trail, uint32_t owner, int index);

#endif
