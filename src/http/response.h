/* SPDX-License-Identifier: MIT */
/*
** Transfers as users have them, once the head is there: a Response. What every program asks of one is here; the rest of
** its methods is in lua/saros/http/response.lua, and uses the functions that this file gives.
*/
#ifndef SR_HTTP_RESPONSE_H
#define SR_HTTP_RESPONSE_H

#include "http/state.h"

/* The user values of a transfer. */
enum {
  SR_HTTP_OF_REQUEST = 1, /* the table of the prepared request, which anchors what the transfer uses */
  SR_HTTP_OF_UPLOAD,      /* the upload, or nil */
  SR_HTTP_OF_HEAD,        /* the lines of a head that the transfer has no room for, else nil */
  SR_HTTP_OF_BODY,        /* a string: the body, or what has come of it with the head; else nil */
  SR_HTTP_OF_FIELDS,      /* a table of the fields that are no others', or nil */
  SR_HTTP_USER_VALUES = SR_HTTP_OF_FIELDS
};

/* Pushes a new transfer of the prepared request whose table stands at `index`. [-0, +1, m] */
SrHttpTransfer *sr_http_response_new(lua_State *L, int index);

/* The head is there: makes it the Response that stands at `index`, and the body if all of that is there. [-0, +0, m] */
void sr_http_response_begin(lua_State *L, int index, SrHttpTransfer *transfer);

/* Registers the metatable of transfers and adds what Lua's side needs to the table on top. [-0, +0, m] */
void sr_http_open_response(lua_State *L);

#endif
