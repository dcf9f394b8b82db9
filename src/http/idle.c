/* SPDX-License-Identifier: MIT */
/* Connections that idle, see idle.h. */
#include "http/idle.h"

#include <string.h>

static SrHttpConn **chain_of(SrHttpOwn *own, const SrHttpConn *conn) {
  return &own->chains[conn->hash % SR_HTTP_PLACE_CHAINS];
}

void sr_http_idle_put(SrHttpOwn *own, SrHttpConn *conn) {
  SrHttpConn **chain = chain_of(own, conn);
  conn->previous = NULL;
  conn->next = *chain;
  if (conn->next != NULL) conn->next->previous = conn;
  *chain = conn;
  conn->newer = NULL;
  conn->older = own->newest;
  if (conn->older != NULL)
    conn->older->newer = conn;
  else
    own->oldest = conn;
  own->newest = conn;
  own->count++;
}

void sr_http_idle_remove(SrHttpOwn *own, SrHttpConn *conn) {
  if (conn->next != NULL) conn->next->previous = conn->previous;
  if (conn->previous != NULL)
    conn->previous->next = conn->next;
  else
    *chain_of(own, conn) = conn->next;
  if (conn->newer != NULL)
    conn->newer->older = conn->older;
  else
    own->newest = conn->older;
  if (conn->older != NULL)
    conn->older->newer = conn->newer;
  else
    own->oldest = conn->newer;
  own->count--;
}

static SrHttpConn *first_for(SrHttpConn *conn, const char *place, unsigned hash) {
  while (conn != NULL && (conn->hash != hash || strcmp(conn->place, place) != 0)) conn = conn->next;
  return conn;
}

SrHttpConn *sr_http_idle_find(const SrHttpOwn *own, const char *place, unsigned hash) {
  return first_for(own->chains[hash % SR_HTTP_PLACE_CHAINS], place, hash);
}

SrHttpConn *sr_http_idle_next(const SrHttpConn *conn) {
  return first_for(conn->next, conn->place, conn->hash);
}
