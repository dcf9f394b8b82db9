/* SPDX-License-Identifier: MIT */
/* What the files of saros.net.core give to module.c and to each other. */
#ifndef SR_NET_H
#define SR_NET_H

#include "io/object.h"
#include "io/plain.h"
#include "io/faces.h"
#include "net/address.h"

/*
** The address at a stack index, which has to be a string that is one, and the port behind it; `arg` is the number of the
** argument at that index. [-0, +0, v]
*/
SrIoAddress sr_net_check_address(lua_State *L, const char *function, int index, int arg);
/* The number of a port, or of none: 0. [-0, +0, v] */
int sr_net_check_port(lua_State *L, const char *function, int index, int arg);

/* What `nodelay` and `keepalive` say of a connection. */
typedef struct SrNetTuning {
  bool nodelay;
  unsigned keepalive; /* seconds, 0: off */
} SrNetTuning;

/* Reads both fields of the table at `index`, which have been checked. [-0, +0, -] */
SrNetTuning sr_net_tuning(lua_State *L, int index);
/* Hands a connected transport to Lua as a stream. [-0, +1, m] */
saros_stream *sr_net_push_stream(lua_State *L, SrIoPlain *plain, SrNetTuning tuning);

/* Raises unless a run is going on. Its loop. [-0, +0, v] */
uv_loop_t *sr_net_check_loop(lua_State *L, const char *function);

/* Functions for lua/saros/net; their arguments come checked. */
int sr_net_connect(lua_State *L);
int sr_net_connect_unix(lua_State *L);
int sr_net_listen(lua_State *L);
int sr_net_listen_unix(lua_State *L);
int sr_net_resolve(lua_State *L);
int sr_net_reverse(lua_State *L);
int sr_net_family(lua_State *L);
int sr_net_pair(lua_State *L);
int sr_net_udp(lua_State *L);

extern const SrIoClass sr_net_udp_class;

/* Their classes. [-0, +0, m] */
void sr_net_open_connect(lua_State *L);
void sr_net_open_listen(lua_State *L);
void sr_net_open_resolve(lua_State *L);
void sr_net_open_udp(lua_State *L);

#endif
