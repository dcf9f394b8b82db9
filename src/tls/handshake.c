/* SPDX-License-Identifier: MIT */
/*
** Waiting for a handshake, see handshake.h.
**
** Invariant: the box on the task's stack and the transport point to each other until one of them goes; whoever goes
** first takes itself out.
*/
#include "tls/handshake.h"

#include <lauxlib.h>

#include "tls/info.h"
#include "tls/settings.h"
#include "tls/transport.h"

#define HANDSHAKE_TYPE "saros.tls.handshake"

/* As many seconds, or more, are no limit. */
#define FOREVER 1e9

/* Stack slots of the call. */
enum { STREAM = 1, TLS_CONTEXT, PEER };

static void detach(SrTlsHandshake *handshake) {
  sr_tls_saros->timer_stop(handshake->runtime, &handshake->timer);
  if (handshake->tls != NULL) handshake->tls->handshake = NULL;
  handshake->tls = NULL;
}

static int l_gc(lua_State *L) {
  detach(luaL_checkudata(L, 1, HANDSHAKE_TYPE));
  return 0;
}

/* Nothing has to end first: the continuation closes the stream. */
static int abort_handshake(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind kind = {"TLS handshake", abort_handshake};

static void on_late(saros_timer *timer) {
  SrTlsHandshake *handshake = (SrTlsHandshake *)((char *)timer - offsetof(SrTlsHandshake, timer));
  int status = handshake->tls->write_status;
  handshake->is_late = status == 0;
  handshake->status = status != 0 ? status : UV_ETIMEDOUT;
  sr_tls_saros->wake(&handshake->wait);
}

static const char *peer_text(lua_State *L, const char *key) {
  lua_getfield(L, PEER, key);
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1); /* the table holds it */
  return text;
}

/* ---- How it ended ---- */

/* [-0, +1, m] */
static void push_timeout(lua_State *L, const SrTlsHandshake *handshake) {
  SrTlsPeerName peer;
  sr_tls_name_peer(handshake->tls, &peer);
  sr_tls_saros->push_error(L, "TimeoutError", "ETIMEDOUT", "the TLS handshake %stook longer than %f seconds",
                           sr_tls_push_peer(&peer, L), handshake->seconds);
  lua_remove(L, -2);
  lua_pushnumber(L, handshake->seconds);
  lua_setfield(L, -2, "seconds");
  sr_tls_set_peer(&peer, L);
}

/* [-0, +1, m] */
static void push_failure(lua_State *L, SrTlsHandshake *handshake, saros_stream *stream) {
  if (handshake->is_late && handshake->tls != NULL)
    push_timeout(L, handshake);
  else
    sr_tls_streams->push_error(L, stream, peer_text(L, "caller"), handshake->status);
}

/* Returns the stream, or raises why it is closed. [-0, +1, v] */
static int finish(lua_State *L, SrTlsHandshake *handshake) {
  saros_stream *stream = sr_tls_streams->test(L, STREAM);
  if (handshake->status != 0) {
    push_failure(L, handshake, stream);
    detach(handshake);
    sr_tls_streams->close(stream, 0);
    return lua_error(L);
  }
  detach(handshake);
  lua_settop(L, STREAM);
  return 1;
}

static int k_start(lua_State *L, int status, lua_KContext ctx) {
  SrTlsHandshake *handshake = (SrTlsHandshake *)ctx;
  (void)status;
  if (!sr_tls_saros->aborted(L)) return finish(L, handshake);
  detach(handshake);
  sr_tls_streams->close(sr_tls_streams->test(L, STREAM), 1);
  return sr_tls_saros->raise(L);
}

/* ---- Beginning ---- */

static double peer_number(lua_State *L, const char *key) {
  lua_getfield(L, PEER, key);
  double number = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return number;
}

static SrTlsHandshake *new_box(lua_State *L) {
  SrTlsHandshake *handshake = lua_newuserdatauv(L, sizeof *handshake, 0);
  *handshake = (SrTlsHandshake){.runtime = sr_tls_saros->runtime(L), .timer = {.on_fire = on_late}};
  luaL_setmetatable(L, HANDSHAKE_TYPE);
  return handshake;
}

static bool start_timer(SrTlsHandshake *handshake) {
  double seconds = handshake->seconds;
  if (handshake->tls->write_status != 0 && seconds > SR_TLS_LAST_WORDS) seconds = SR_TLS_LAST_WORDS;
  if (seconds >= FOREVER) return true;
  return sr_tls_saros->timer_start(handshake->runtime, &handshake->timer, seconds);
}

/* Raises what keeps TLS from beginning; the stream is closed. [-0, +0, v] */
static int give_up(lua_State *L, saros_stream *stream, int status) {
  sr_tls_streams->push_error(L, stream, peer_text(L, "caller"), status);
  sr_tls_streams->close(stream, 1);
  return lua_error(L);
}

/* [-0, +0, v] */
static int raise_busy(lua_State *L) {
  sr_tls_saros->push_error(L, "BusyError", "EBUSY", "another task reads this stream");
  return lua_error(L);
}

/*
** All that was written in plain has gone to the transport: what follows is TLS. Nothing of Lua's is allocated from
** the look at the transport on: a finalizer might close it.
*/
static int begin(lua_State *L, saros_stream *stream) {
  if (sr_tls_streams->is_read(stream)) return raise_busy(L);
  SrTlsHandshake *handshake = new_box(L);
  SrTlsContext *context = sr_tls_settings_check(L, TLS_CONTEXT);
  SrTlsPeer peer = {.name = peer_text(L, "name"), .key = peer_text(L, "key"), .host = peer_text(L, "host")};
  peer.port = (int)peer_number(L, "port");
  handshake->seconds = peer_number(L, "timeout");
  saros_transport *below = sr_tls_streams->transport(stream);
  if (below == NULL) return give_up(L, stream, UV_ECANCELED);
  SrTls *tls = sr_tls_new(context, below, &peer);
  if (tls == NULL) return give_up(L, stream, UV_ENOMEM);
  tls->handshake = handshake;
  handshake->tls = tls;
  sr_tls_streams->stack(stream, &tls->head);
  sr_tls_begin(tls);
  if (handshake->tls == NULL) return finish(L, handshake);
  if (!start_timer(handshake)) return give_up(L, stream, UV_ENOMEM);
  return sr_tls_saros->park(L, &handshake->wait, &kind, k_start, (lua_KContext)handshake);
}

static int k_written(lua_State *L, int status, lua_KContext ctx) {
  lua_settop(L, PEER);
  if (status == LUA_YIELD && sr_tls_saros->aborted(L)) return sr_tls_saros->raise(L);
  return begin(L, (saros_stream *)ctx);
}

int sr_tls_handshake_start(lua_State *L) {
  sr_tls_saros->check(L, peer_text(L, "caller"));
  if (sr_tls_saros->cancelled(L)) return sr_tls_saros->raise(L);
  saros_stream *stream = sr_tls_streams->test(L, STREAM);
  if (sr_tls_streams->is_read(stream)) return raise_busy(L);
  return sr_tls_streams->wait_writable(L, stream, k_written, (lua_KContext)stream);
}

void sr_tls_handshake_open(lua_State *L) {
  luaL_newmetatable(L, HANDSHAKE_TYPE);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
