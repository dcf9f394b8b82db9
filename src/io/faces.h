/* SPDX-License-Identifier: MIT */
/* The two faces of a stream: its methods for Lua, and the API of saros.h. */
#ifndef SR_IO_FACES_H
#define SR_IO_FACES_H

#include "io/address.h"
#include "io/stream.h"

extern const saros_stream_api sr_io_stream_api;
/* stream:pipe_to(target [, options]) */
int sr_io_l_pipe_to(lua_State *L);
/* Registers the class; puts the API into the registry. [-0, +0, m] */
void sr_io_open(lua_State *L);
/* The methods that read, and those that write. */
extern const luaL_Reg sr_io_read_methods[], sr_io_write_methods[];

#endif
