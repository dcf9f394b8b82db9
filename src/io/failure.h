/* SPDX-License-Identifier: MIT */
/* What the system refused, as Error objects. */
#ifndef SR_IO_FAILURE_H
#define SR_IO_FAILURE_H

#include "io/object.h"

/* Pushes a SystemError: its code is libuv's name of the status, `syscall` a field. [-0, +1, m] */
void sr_io_push_system(lua_State *L, int status, const char *syscall);
/* The same with host and port, in the message too. [-0, +1, m] */
void sr_io_push_system_host(lua_State *L, int status, const char *syscall, const char *host, int port);
/* The same with a path. [-0, +1, m] */
void sr_io_push_system_path(lua_State *L, int status, const char *syscall, const char *path);
/* Raises a ClosedError. [-0, +0, v] */
int sr_io_raise_closed(lua_State *L, const char *what);
/* Raises a BusyError. [-0, +0, v] */
int sr_io_raise_busy(lua_State *L, const char *what);

#endif
