/* SPDX-License-Identifier: MIT */
/*
** An upload: the body of a request that a task gives piece by piece while it is sent.
**
** It is a Lua userdata, anchored by its transfer, which in turn is let go of when either ends.
*/
#ifndef SR_HTTP_UPLOAD_H
#define SR_HTTP_UPLOAD_H

#include <stdbool.h>
#include <curl/curl.h>

#include "base/buffer.h"
#include "saros.h"

struct SrHttpTransfer;

typedef struct SrHttpUpload {
  saros_wait wait;                 /* the task that gives the body */
  struct SrHttpTransfer *transfer; /* NULL before it begins and when it has no more use for bytes */
  SrBuffer bytes;                  /* given and not yet sent */
  size_t written;                  /* of the chunk that is being written */
  bool wanted;                     /* libcurl has asked for bytes at least once */
  bool ended;                      /* all has been given */
  bool starved;                    /* libcurl is paused until there is more */
  bool over;                       /* nobody wants any more bytes */
} SrHttpUpload;

/* The upload at `index`, NULL if there is none, or an argument error. [-0, +0, v] */
SrHttpUpload *sr_http_upload_test(lua_State *L, int index);

/* For libcurl's read callback: fills `out`, or says that it is the end or that there is nothing yet. */
size_t sr_http_upload_take(SrHttpUpload *upload, char *out, size_t size);

/* The transfer wants no more bytes. */
void sr_http_upload_stop(SrHttpUpload *upload);

/* Registers the metatable and adds upload() to the table on top. [-0, +0, m] */
void sr_http_open_upload(lua_State *L);

#endif
