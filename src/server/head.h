/* SPDX-License-Identifier: MIT */
/* Heads of responses: what the handler said, what the server adds, and how the body that follows ends. */
#ifndef SR_SERVER_HEAD_H
#define SR_SERVER_HEAD_H

#include "server/state.h"

/* What is to be sent. */
typedef struct SrServerHead {
  int status;
  int headers;      /* index of the handler's, a table; 0: there are none */
  const char *type; /* Content-Type, unless the handler has one; NULL: none */
  SrWireText body;  /* sent with the head */
  int64_t length;   /* of all of the body; -1: that is not known yet */
  bool has_file;    /* the body is one that the system sends, at once */
} SrServerHead;

/* Raises what is wrong with a response. It names no line, which would be one of ours. [-0, +0, v] */
int sr_server_head_error(lua_State *L, const char *format, ...);
/* Raises what is wrong with a head. [-0, +0, v] */
void sr_server_head_check(lua_State *L, const SrServerRequest *request, const SrServerHead *head);
/* Sends a head, after all that can be wrong with it has been raised. [-0, +0, v] */
void sr_server_head_send(lua_State *L, SrServerRequest *request, const SrServerHead *head);
/* Sends an interim response (1xx), whose headers are at that index or 0. [-0, +0, v] */
void sr_server_head_inform(lua_State *L, SrServerRequest *request, int status, int headers);
/* The client may send its body. */
void sr_server_head_continue(SrServerConn *conn);
/* Sends a whole response that names nothing but its status. */
void sr_server_head_refuse(SrServerConn *conn, int status);
/* The standard phrase of a status, "" if it has none. */
const char *sr_server_phrase(const SrServerCore *core, int status);

#endif
