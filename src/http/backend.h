/* SPDX-License-Identifier: MIT */
/*
** What carries transfers: saros' own connections of HTTP/1.1, or libcurl, a C module of its own that is loaded when it
** is asked for. The client above knows neither.
**
** A backend is told what to do by the functions below, and tells by those in transfer.h what comes of it.
*/
#ifndef SR_HTTP_BACKEND_H
#define SR_HTTP_BACKEND_H

#include <lua.h>
#include <stdbool.h>

struct SrHttpPool;
struct SrHttpRequest;
struct SrHttpTransfer;

typedef enum SrHttpBackendKind { SR_HTTP_OWN, SR_HTTP_CURL, SR_HTTP_BACKENDS } SrHttpBackendKind;

typedef struct SrHttpBackend {
  SrHttpBackendKind kind; /* by which pools keep what it has for them */
  /*
  ** Reads what it needs of the prepared request whose table stands at `index`, once for each request. May be NULL.
  ** [-0, +0, m]
  */
  void (*prepare)(lua_State *L, int index, struct SrHttpRequest *request);
  /* The transfer has its slot: sends the request. It may have ended when this returns. */
  void (*start)(struct SrHttpTransfer *transfer);
  /* Bytes of the body are wanted again. It may have ended when this returns. */
  void (*resume)(struct SrHttpTransfer *transfer);
  /* The upload has bytes again, or has ended. It may have ended when this returns. */
  void (*feed)(struct SrHttpTransfer *transfer);
  /* The time has come that the backend has set (`backend_at`). It may have ended when this returns. */
  void (*on_time)(struct SrHttpTransfer *transfer, double now);
  /*
  ** The transfer has ended, well or not, and has a carrier: cuts off what is under way, at once. `was_connected`: its
  ** phase was past connecting.
  */
  void (*release)(struct SrHttpTransfer *transfer, bool was_connected);
  /* The run ends: closes what belongs to it. No transfer is under way any more. */
  void (*detach)(struct SrHttpPool *pool);
  /* The pool is of no more use: gives back the rest, too. */
  void (*close)(struct SrHttpPool *pool);
  /* Connections open and used by no request. */
  long (*idle)(const struct SrHttpPool *pool);
  /*
  ** The same less those that requests will take which have begun and have no connection yet. Not below 0. NULL: never
  ** asked, as nobody has a choice.
  */
  long (*spare)(const struct SrHttpPool *pool);
  /* What it keeps open is not needed any more, though it may be asked to carry again: closes it when it can. May be NULL. */
  void (*leave)(struct SrHttpPool *pool);
} SrHttpBackend;

#endif
