/* SPDX-License-Identifier: MIT */
/* Pools as Lua has them, and the way back from their threads to the loop. */
#ifndef SR_THREAD_FACE_H
#define SR_THREAD_FACE_H

#include "thread/pool.h"

/* The runtime's functions; set when the module is opened. */
extern const saros_api *sr_thread_saros;

typedef struct SrThreadGate SrThreadGate;
typedef struct SrThreadCloser SrThreadCloser;

/* A userdata. All of it is the loop's. */
typedef struct SrThreadFace {
  const char *cls;
  SrThreadPool *pool;
  int size;           /* of it */
  SrThreadGate *gate; /* of this run; NULL: no job has been submitted in it */
  unsigned awaited;   /* jobs that tasks wait for */
  SrThreadCloser *closers;
  bool is_closed;
} SrThreadFace;

/* Pushes a new one, of so many threads. [-0, +1, m] */
SrThreadFace *sr_thread_push_face(lua_State *L, int size);
/* The pool a method was called on. [-0, +0, v] */
SrThreadFace *sr_thread_check_face(lua_State *L, const char *function);
/* Opens the gate of this run unless it is; raises a SystemError if it cannot be. [-0, +0, v] */
void sr_thread_open_gate(lua_State *L, SrThreadFace *face);
/* One job more is awaited, or one fewer, which may let those go on who close the pool. */
void sr_thread_await(SrThreadFace *face);
void sr_thread_forget(SrThreadFace *face);

/* Pushes the SystemError of a status. [-0, +1, m] */
void sr_thread_push_system(lua_State *L, int status, const char *syscall);

/* The userdata at `index` if it is one of that class, else NULL. [-0, +0, -] */
void *sr_thread_test(lua_State *L, int index, const char *cls);

/* Pushes a zeroed userdata of a metatable that stands in the registry under that key. [-0, +1, m] */
void *sr_thread_new(lua_State *L, const char *cls, size_t size, int values);
/* Registers such a metatable. [-0, +0, m] */
void sr_thread_class(lua_State *L, const char *cls, const luaL_Reg *methods, const luaL_Reg *meta);

/* pool:close(), and at the end of a block, which waits only where it can; __gc. */
int sr_thread_l_close(lua_State *L);
int sr_thread_l_leave(lua_State *L);
int sr_thread_l_gc(lua_State *L);

/* The name of the class of pools; its address is the key. */
extern const char sr_thread_face_class[];

/* The class of those who wait in close. [-0, +0, m] */
void sr_thread_open_face(lua_State *L);

#endif
