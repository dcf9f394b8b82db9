/* SPDX-License-Identifier: MIT */
/*
** Reading the body of a response, see body.h.
**
** What the loop has received waits as it came; a coded body is decoded by the reader, piece by piece,
** so a slow reader stops the sender and nothing is decoded that nobody wants.
*/
#include "http/body.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "http/transfer.h"

/* What one read gives unless more is asked for, and decodes at most: small enough to stay in a cache. */
enum { PIECE = 32768 };

static const saros_kind body_kind = {.name = "http body", .abort = sr_http_transfer_abort};

static int park(lua_State *L, SrHttpTransfer *transfer, SrHttpAwaited awaited, lua_KFunction k) {
  transfer->awaited = awaited;
  return sr_http_saros->park(L, &transfer->wait, &body_kind, k, (lua_KContext)transfer);
}

static SrHttpTransfer *check_transfer(lua_State *L, int index) {
  return sr_http_check(L, index, &sr_http_transfer_type);
}

/* A cancelled read is a cancelled request. */
static int raise_cancelled(lua_State *L, SrHttpTransfer *transfer) {
  sr_http_transfer_fail(transfer, "ClosedError", "ECLOSED", "the request was cancelled");
  return sr_http_saros->raise(L);
}

/*
** Pushes the first `length` bytes of what has arrived, and only then takes them, so that nothing is lost where there is
** no memory for the string. Making the string lets finalizers run. False: one of them has taken or dropped the bytes.
*/
static bool push_bytes(lua_State *L, SrHttpTransfer *transfer, size_t length) {
  unsigned handed = transfer->handed;
  lua_pushlstring(L, sr_buffer_front(&transfer->body), length);
  if (transfer->handed != handed) return lua_pop(L, 1), false;
  transfer->handed++;
  sr_buffer_take(&transfer->body, length);
  if (!sr_http_is_open(transfer) && sr_buffer_length(&transfer->body) == 0) sr_buffer_free(&transfer->body);
  return true;
}

/* --- what can be said at once ---------------------------------------------- */
/* Each gives the number of results: bytes, nil at the end, or nil and a failure; 0 if one has to wait. */

/* The end of what has arrived. */
static int push_end(lua_State *L, const SrHttpTransfer *transfer) {
  if (transfer->failure.name != NULL) return sr_http_failure_push(L, &transfer->failure);
  if (sr_http_is_open(transfer)) return 0;
  lua_pushnil(L);
  return 1;
}

static int push_whole(lua_State *L, SrHttpTransfer *transfer) {
  do {
    if (sr_http_is_open(transfer)) return 0;
    if (transfer->failure.name != NULL) return sr_http_failure_push(L, &transfer->failure);
  } while (!push_bytes(L, transfer, sr_buffer_length(&transfer->body)));
  return 1;
}

static int push_plain(lua_State *L, SrHttpTransfer *transfer, size_t limit) {
  for (;;) {
    size_t length = sr_buffer_length(&transfer->body);
    if (length == 0) return push_end(L, transfer);
    if (push_bytes(L, transfer, length < limit ? length : limit)) return 1;
  }
}

/*
** The body cannot be decoded any further, though it may have arrived well. What is wrong with the bytes that came counts
** for more than how those end that did not: the reader comes to it first, however soon it reads. That the response was
** closed is the user's own doing.
*/
static int push_decode_failure(lua_State *L, SrHttpTransfer *transfer, const char *code, const char *message) {
  bool had_failed = transfer->failure.name != NULL;
  bool was_closed = had_failed && strcmp(transfer->failure.name, "ClosedError") == 0;
  transfer->decode_failed = true;
  if (!was_closed) sr_http_failure_free(&transfer->failure);
  sr_http_failure_set(&transfer->failure, "FetchError", code, message);
  if (sr_http_is_open(transfer))
    sr_http_transfer_end(transfer);
  else if (!had_failed)
    transfer->pool->failed++;
  sr_buffer_free(&transfer->body);
  return sr_http_failure_push(L, &transfer->failure);
}

/* Pushes what still fits of the piece that makes a body too large. The next read gives the failure. */
static int push_last(lua_State *L, SrHttpTransfer *transfer, const char *bytes, size_t count) {
  count -= (size_t)(transfer->decoded - transfer->request->max_body);
  transfer->decoded = transfer->request->max_body;
  int results = push_decode_failure(L, transfer, "ETOOLARGE", "the body is larger than max_body_size");
  if (count == 0) return results;
  lua_pop(L, results);
  lua_pushlstring(L, bytes, count);
  return 1;
}

static int push_decoded(lua_State *L, SrHttpTransfer *transfer, size_t limit) {
  char bytes[PIECE];
  size_t count;
  if (transfer->decode_failed) return push_end(L, transfer);
  if (transfer->decoder == NULL) transfer->decoder = sr_wire_decoder_new(&transfer->head.codings);
  if (transfer->decoder == NULL) return luaL_error(L, "not enough memory");
  SrWireStep step = sr_wire_decoder_run(transfer->decoder, &transfer->body, bytes,
                                        limit < sizeof bytes ? limit : sizeof bytes, &count);
  transfer->decoded += (int64_t)count;
  if (transfer->decoded > transfer->request->max_body) return push_last(L, transfer, bytes, count);
  if (count > 0) {
    lua_pushlstring(L, bytes, count);
    return 1;
  }
  if (step == SR_WIRE_STEP_BROKEN)
    return push_decode_failure(L, transfer, "EDECODE", "the body is not what its Content-Encoding says");
  if (sr_http_is_open(transfer) || transfer->failure.name != NULL) return push_end(L, transfer);
  if (transfer->received > 0 && !sr_wire_decoder_ended(transfer->decoder))
    return push_decode_failure(L, transfer, "ETRUNCATED", "the encoded body was cut short");
  return push_end(L, transfer);
}

static int push_piece(lua_State *L, SrHttpTransfer *transfer, size_t limit) {
  for (;;) {
    int count = sr_http_is_coded(transfer) ? push_decoded(L, transfer, limit) : push_plain(L, transfer, limit);
    if (count > 0 || !transfer->paused) return count;
    sr_http_transfer_resume(transfer); /* all that waited was decoded, to nothing */
  }
}

/* --- reading --------------------------------------------------------------- */

/* Another task may have read what there was between the wake and this turn: then it waits again. */
static int k_read(lua_State *L, int status, lua_KContext ctx) {
  SrHttpTransfer *transfer = (SrHttpTransfer *)ctx;
  (void)status;
  if (sr_http_saros->aborted(L)) return sr_http_saros->raise(L);
  int count = push_piece(L, transfer, (size_t)luaL_optinteger(L, 2, PIECE));
  if (count == 0 && sr_http_saros->cancelled(L)) return raise_cancelled(L, transfer);
  if (count == 0) return park(L, transfer, SR_HTTP_AWAITS_DATA, k_read);
  sr_http_transfer_resume(transfer);
  return count;
}

static int k_read_all(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_http_saros->aborted(L)) return sr_http_saros->raise(L);
  return push_whole(L, (SrHttpTransfer *)ctx);
}

/* Whether reading may suspend. The bytes of a response that has ended are here and can be read without a run, too. */
static bool needs_task(const SrHttpTransfer *transfer) {
  return sr_http_is_open(transfer) ||
         (sr_http_is_coded(transfer) && sr_http_saros->loop(transfer->pool->runtime) != NULL);
}

/* Before a read that may have to wait, or to give way. [-0, +0, v] */
static void check_reader(lua_State *L, SrHttpTransfer *transfer, const char *function) {
  if (needs_task(transfer)) sr_http_saros->check(L, function);
  if (transfer->awaited == SR_HTTP_AWAITS_NOTHING) return;
  sr_http_saros->push_error(L, "BusyError", "EBUSY", "another task reads this response");
  lua_error(L);
}

/* read(transfer, limit or nil, function) gives bytes, nil at the end, or nil and the failure. [-3, +1|2, v] */
static int l_read(lua_State *L) {
  SrHttpTransfer *transfer = check_transfer(L, 1);
  lua_Integer limit = luaL_optinteger(L, 2, PIECE);
  check_reader(L, transfer, luaL_checkstring(L, 3));
  lua_settop(L, 2);
  bool suspends = needs_task(transfer);
  if (suspends && sr_http_saros->cancelled(L)) return raise_cancelled(L, transfer);
  int count = push_piece(L, transfer, (size_t)limit);
  if (!suspends) return count;
  if (count == 0) return park(L, transfer, SR_HTTP_AWAITS_DATA, k_read);
  sr_http_transfer_resume(transfer);
  return sr_http_saros->ready(L, count);
}

/*
** read_all(transfer, raw, function) gives all bytes, or nil and the failure; or false for a coded body,
** which has to be read piece by piece, unless it is wanted as it came. [-3, +1|2, v]
*/
static int l_read_all(lua_State *L) {
  SrHttpTransfer *transfer = check_transfer(L, 1);
  if (sr_http_is_coded(transfer) && !lua_toboolean(L, 2)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  check_reader(L, transfer, luaL_checkstring(L, 3));
  if (sr_http_is_open(transfer) && sr_http_saros->cancelled(L)) return raise_cancelled(L, transfer);
  transfer->unbounded = true;
  sr_http_transfer_resume(transfer);
  int count = push_whole(L, transfer);
  if (count > 0) return count;
  return park(L, transfer, SR_HTTP_AWAITS_END, k_read_all);
}

/* --- what else one may ask ------------------------------------------------- */

/* done(transfer) tells whether the response has arrived, or failed. [-1, +1, v] */
static int l_done(lua_State *L) {
  lua_pushboolean(L, !sr_http_is_open(check_transfer(L, 1)));
  return 1;
}

/* length(transfer) gives the Content-Length or nil. [-1, +1, v] */
static int l_length(lua_State *L) {
  const SrHttpTransfer *transfer = check_transfer(L, 1);
  if (transfer->head.length >= 0)
    lua_pushinteger(L, (lua_Integer)transfer->head.length);
  else
    lua_pushnil(L);
  return 1;
}

/* received(transfer) gives the bytes of the body so far, as they came, and the Content-Length or nil. [-1, +2, v] */
static int l_received(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_transfer(L, 1)->received);
  return 1 + l_length(L);
}

void sr_http_open_body(lua_State *L) {
  static const luaL_Reg functions[] = {{"read", l_read},     {"read_all", l_read_all}, {"done", l_done},
                                       {"length", l_length}, {"received", l_received}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
