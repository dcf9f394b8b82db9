/* SPDX-License-Identifier: MIT */
/*
** TLS as a transport, see transport.h.
**
** Invariants. Plaintext is encrypted only when there is room, so that what is written stays with the writer until
** then: `output` is at most SAROS_HIGH_WATER, a record and the answers long. Bytes are taken from below only while
** somebody wants plaintext (or a handshake goes on), `held` is empty and the answers that the peer has made us give
** (alerts, keys) are few: who sends without reading does not fill our memory. Nothing is freed while a call of
** ours is on the C stack, as any call of the sink may close the transport.
*/
#include "tls/transport.h"

#include <stdlib.h>
#include <string.h>

#include "tls/engine.h"
#include "tls/info.h"
#include "tls/sending.h"

/* Plaintext that is handed up at once. */
enum { PLAIN = 16384 };

static void destroy(SrTls *tls) {
  sr_tls_engine_close(&tls->engine);
  sr_buffer_free(&tls->output);
  sr_buffer_free(&tls->held);
  free(tls->host);
  free(tls);
}

static void enter(SrTls *tls) {
  tls->busy++;
}

static void leave(SrTls *tls) {
  if (--tls->busy == 0 && tls->dead) destroy(tls);
}

static void release_below(SrTls *tls, int at_once) {
  saros_transport *below = tls->below;
  tls->below = NULL;
  tls->dead = true;
  if (below != NULL) below->cls->close(below, at_once);
}

/* ---- Down ---- */

static ptrdiff_t t_write(saros_transport *transport, const uv_buf_t *bufs, unsigned count) {
  SrTls *tls = (SrTls *)transport;
  enter(tls);
  ptrdiff_t taken = sr_tls_send(tls, bufs, count);
  leave(tls);
  return taken;
}

static size_t t_pending(const saros_transport *transport) {
  return sr_tls_pending((const SrTls *)transport);
}

static int t_shutdown(saros_transport *transport) {
  SrTls *tls = (SrTls *)transport;
  enter(tls);
  sr_tls_say_goodbye(tls);
  tls->shutting = true;
  int status = sr_tls_go_on_shutting(tls);
  leave(tls);
  return status;
}

/* ---- Up: plaintext ---- */

/* Who waits for the handshake keeps the run alive, as readers do. */
static void hold(SrTls *tls) {
  if (tls->below != NULL) tls->below->cls->hold(tls->below, tls->is_awaited || tls->handshake != NULL);
}

/* The handshake is over, well or not. */
static void end_handshake(SrTls *tls, int status) {
  SrTlsHandshake *handshake = tls->handshake;
  if (status != 0 && tls->end == 0) tls->end = status;
  if (handshake == NULL) return;
  tls->handshake = NULL;
  handshake->tls = NULL;
  handshake->status = status;
  sr_tls_saros->timer_stop(handshake->runtime, &handshake->timer);
  sr_tls_saros->wake(&handshake->wait);
  hold(tls);
}

/* The peer will not answer what it has not got. But it may have said why before it went away. */
static void expect_last_words(SrTls *tls) {
  SrTlsHandshake *handshake = tls->handshake;
  if (tls->write_status == 0 || handshake == NULL || handshake->seconds <= SR_TLS_LAST_WORDS) return;
  sr_tls_saros->timer_start(handshake->runtime, &handshake->timer, SR_TLS_LAST_WORDS);
}

static void shake_hands(SrTls *tls) {
  SrTlsResult result = sr_tls_engine_handshake(&tls->engine);
  sr_tls_flush(tls);
  if (result == SR_TLS_WANT) {
    expect_last_words(tls);
    return;
  }
  end_handshake(tls, result == SR_TLS_DONE ? 0 : SAROS_ETRANSPORT);
  if (result == SR_TLS_DONE && tls->head.sink != NULL) tls->head.sink->on_drain(tls->head.owner, 0);
}

/* Reads until the room is full or nothing is left. */
static SrTlsResult fill(SrTls *tls, char *into, size_t room, size_t *filled) {
  for (*filled = 0; *filled < room;) {
    size_t count;
    if (sr_tls_engine_is_empty(&tls->engine)) return SR_TLS_WANT;
    SrTlsResult result = sr_tls_engine_read(&tls->engine, into + *filled, room - *filled, &count);
    if (result != SR_TLS_DONE) return result;
    *filled += count;
  }
  return SR_TLS_DONE;
}

/* Hands plaintext up as long as it is wanted. */
static void deliver(SrTls *tls) {
  char plain[PLAIN];
  while (tls->reading && !tls->closing && !tls->dead && tls->end == 0) {
    uv_buf_t room = {0};
    size_t count;
    const saros_sink *sink = tls->head.sink;
    if (sink->on_room != NULL) sink->on_room(tls->head.owner, &room);
    if (room.len == 0) room = uv_buf_init(plain, sizeof plain);
    size_t before = sr_buffer_length(&tls->output);
    SrTlsResult result = fill(tls, room.base, room.len, &count);
    tls->replies += sr_buffer_length(&tls->output) - before;
    if (result == SR_TLS_ENDED) tls->end = UV_EOF;
    if (result == SR_TLS_FAILED) tls->end = SAROS_ETRANSPORT;
    if (count > 0) sink->on_read(tls->head.owner, room.base, count);
    if (result == SR_TLS_WANT) return;
  }
}

static void tell_end(SrTls *tls) {
  if (tls->end == 0 || tls->end_told || !tls->reading || tls->closing || tls->dead) return;
  tls->end_told = true;
  tls->head.sink->on_end(tls->head.owner, tls->end);
}

/* Goes on with the ciphertext that was fed. */
static void work(SrTls *tls) {
  if (!tls->engine.established) shake_hands(tls);
  if (tls->engine.established) deliver(tls);
  if (!tls->dead) sr_tls_flush(tls);
}

/* Takes bytes from below exactly as long as they are of use. */
static void adjust(SrTls *tls) {
  if (tls->replies > 0 && sr_tls_pending(tls) == 0) tls->replies = 0;
  bool wanted = !tls->closing && !tls->dead && tls->end == 0 && (tls->reading || !tls->engine.established) &&
                sr_buffer_length(&tls->held) == 0 && tls->replies < SAROS_HIGH_WATER;
  if (tls->below == NULL || wanted == tls->started) return;
  tls->started = wanted;
  if (!wanted) {
    tls->below->cls->stop(tls->below);
    return;
  }
  int status = tls->below->cls->start(tls->below);
  if (status == 0) return;
  tls->started = false;
  if (!tls->engine.established) end_handshake(tls, status);
  tls->end = status;
  tell_end(tls);
}

/* What was held back comes first. */
static void use_held(SrTls *tls) {
  size_t length = sr_buffer_length(&tls->held);
  if (length == 0 && !(tls->engine.established && SSL_has_pending(tls->engine.ssl))) return;
  sr_tls_engine_feed(&tls->engine, sr_buffer_front(&tls->held), length);
  work(tls);
  if (tls->dead) return;
  sr_buffer_take(&tls->held, length - tls->engine.input_length);
  tls->engine.input_length = 0;
  if (sr_buffer_length(&tls->held) == 0) sr_buffer_free(&tls->held);
}

static void on_read(void *owner, const char *bytes, size_t count) {
  SrTls *tls = owner;
  if (tls->closing || tls->end != 0) return;
  enter(tls);
  sr_tls_engine_feed(&tls->engine, bytes, count);
  work(tls);
  if (!tls->dead) {
    if (!sr_buffer_append(&tls->held, tls->engine.input, tls->engine.input_length)) tls->end = UV_ENOMEM;
    tls->engine.input_length = 0;
    tell_end(tls);
    adjust(tls);
  }
  leave(tls);
}

/* Whoever wants plaintext may fetch it: nothing is held back, and the handshake is done. */
static int on_readable(void *owner) {
  SrTls *tls = owner;
  const saros_sink *sink = tls->head.sink;
  bool is_plain = tls->reading && tls->engine.established && tls->end == 0 && !tls->closing;
  return is_plain && sink->on_readable != NULL && sink->on_readable(tls->head.owner);
}

static void t_pull(saros_transport *transport) {
  SrTls *tls = (SrTls *)transport;
  if (tls->below != NULL) tls->below->cls->pull(tls->below);
}

static int t_start(saros_transport *transport) {
  SrTls *tls = (SrTls *)transport;
  tls->reading = true;
  if (tls->busy > 0 || tls->started) return 0; /* whoever is under way goes on; or all that has come was read */
  enter(tls);
  use_held(tls);
  if (!tls->dead) tell_end(tls);
  if (!tls->dead) adjust(tls);
  leave(tls);
  return 0;
}

static void t_stop(saros_transport *transport) {
  SrTls *tls = (SrTls *)transport;
  tls->reading = false;
  if (tls->busy == 0) adjust(tls);
}

/* ---- What the one below tells ---- */

static void on_end(void *owner, int status) {
  SrTls *tls = owner;
  if (tls->closing || tls->end != 0) return;
  enter(tls);
  if (tls->engine.established) {
    tls->end = status == UV_EOF ? SAROS_ETRUNCATED : status;
  } else {
    if (status == UV_EOF) sr_tls_engine_cut(&tls->engine);
    end_handshake(tls, status == UV_EOF ? SAROS_ETRANSPORT : status);
  }
  tell_end(tls);
  if (!tls->dead) adjust(tls);
  leave(tls);
}

static void tell_shutdown(SrTls *tls, int status) {
  if (status != 0) tls->head.sink->on_shutdown(tls->head.owner, status);
}

static void on_drain(void *owner, int status) {
  SrTls *tls = owner;
  enter(tls);
  if (status < 0 && tls->write_status == 0) tls->write_status = status;
  sr_tls_flush(tls);
  if (tls->closing) {
    if (sr_buffer_length(&tls->output) == 0) release_below(tls, 0);
  } else {
    expect_last_words(tls);
    tell_shutdown(tls, sr_tls_go_on_shutting(tls));
    if (tls->engine.established || status < 0) tls->head.sink->on_drain(tls->head.owner, status);
    if (!tls->dead) adjust(tls);
  }
  leave(tls);
}

static void on_shutdown(void *owner, int status) {
  SrTls *tls = owner;
  if (!tls->closing) tls->head.sink->on_shutdown(tls->head.owner, status);
}

static void on_closed(void *owner) {
  SrTls *tls = owner;
  enter(tls);
  tls->below = NULL;
  tls->dead = true;
  end_handshake(tls, UV_ECANCELED);
  if (!tls->closing) tls->head.sink->on_closed(tls->head.owner);
  leave(tls);
}

static const saros_sink sink_below = {
    .on_read = on_read,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
    .on_closed = on_closed,
    .on_readable = on_readable,
};

/* ---- The rest of a transport ---- */

static void t_close(saros_transport *transport, int at_once) {
  SrTls *tls = (SrTls *)transport;
  enter(tls);
  end_handshake(tls, UV_ECANCELED);
  tls->closing = true;
  if (!at_once && tls->engine.established) sr_tls_say_goodbye(tls);
  if (at_once || sr_buffer_length(&tls->output) == 0)
    release_below(tls, at_once);
  else
    adjust(tls);
  leave(tls);
}

static void t_hold(saros_transport *transport, int is_awaited) {
  SrTls *tls = (SrTls *)transport;
  tls->is_awaited = is_awaited != 0;
  hold(tls);
}

static uv_handle_t *t_handle(saros_transport *transport) {
  SrTls *tls = (SrTls *)transport;
  return tls->below->cls->handle(tls->below);
}

static saros_resource *t_resource(saros_transport *transport) {
  SrTls *tls = (SrTls *)transport;
  return tls->below->cls->resource(tls->below);
}

static int t_push_error(saros_transport *transport, lua_State *L, int status) {
  return sr_tls_push_error((SrTls *)transport, L, status);
}

/* [-0, +1, m] */
static int l_push_info(lua_State *L) {
  sr_tls_push_info(lua_touserdata(L, 1), L);
  return 1;
}

/* A finalizer that closes the stream meanwhile frees nothing, and nothing is left behind if there is no memory. */
static void t_push_info(saros_transport *transport, lua_State *L) {
  SrTls *tls = (SrTls *)transport;
  enter(tls);
  lua_pushcfunction(L, l_push_info);
  lua_pushlightuserdata(L, tls);
  int status = lua_pcall(L, 1, 1, 0);
  leave(tls);
  if (status != LUA_OK) lua_error(L);
}

static const saros_transport_class class = {
    .name = "tls",
    .start = t_start,
    .stop = t_stop,
    .write = t_write,
    .pending = t_pending,
    .shutdown = t_shutdown,
    .close = t_close,
    .hold = t_hold,
    .handle = t_handle,
    .resource = t_resource,
    .push_error = t_push_error,
    .push_info = t_push_info,
    .pull = t_pull,
};

SrTls *sr_tls_of(saros_transport *transport) {
  return transport != NULL && transport->cls == &class ? (SrTls *)transport : NULL;
}

static bool set_up(SrTls *tls, SrTlsContext *context, const SrTlsPeer *peer) {
  if (peer->host != NULL) {
    tls->host = malloc(strlen(peer->host) + 1);
    if (tls->host == NULL) return false;
    strcpy(tls->host, peer->host);
  }
  tls->port = peer->port;
  return sr_tls_engine_open(&tls->engine, context, &tls->output, peer->name, peer->key);
}

SrTls *sr_tls_new(SrTlsContext *context, saros_transport *below, const SrTlsPeer *peer) {
  SrTls *tls = calloc(1, sizeof *tls);
  if (tls == NULL) return NULL;
  tls->head.cls = &class;
  if (!set_up(tls, context, peer)) {
    destroy(tls);
    return NULL;
  }
  tls->below = below;
  below->sink = &sink_below;
  below->owner = tls;
  return tls;
}

void sr_tls_begin(SrTls *tls) {
  enter(tls);
  hold(tls);
  if (tls->end == 0 && !tls->engine.established) shake_hands(tls);
  adjust(tls);
  leave(tls);
}
