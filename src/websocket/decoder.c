/* SPDX-License-Identifier: MIT */
/* Bytes to messages. See decoder.h. */
#include "websocket/decoder.h"

#include <lauxlib.h>
#include <string.h>

#include "websocket/deflate.h"
#include "wire/frame.h"

#define CLASS "saros.websocket.decoder"

enum { MOST_FRAGMENTS = 16384, NO_CODE = 1005, PROTOCOL = 1002, INVALID = 1007, POLICY = 1008, TOO_LARGE = 1009 };
enum { FAILURE = 1011 };

typedef struct Decoder {
  bool is_server; /* frames come masked */
  bool is_over;
  size_t limit;
  SrWebsocketInflater *inflater; /* NULL: messages do not come deflated */

  char head[SR_WIRE_FRAME_HEAD]; /* the front of a frame that is not there yet */
  size_t head_size;
  SrWireFrame frame;
  bool is_inside; /* of that frame */
  uint64_t taken; /* bytes of its payload */

  SrWireOpcode opcode; /* of the message; SR_WIRE_CONTINUATION: there is none */
  bool is_deflated;
  unsigned fragments;
  SrWireUtf8 utf8;
  SrBuffer message;
  SrBuffer scratch; /* what is to be inflated, without its mask */
  char control[SR_WIRE_CONTROL_LIMIT];

  const char *fault; /* what was wrong, with */
  int code;
} Decoder;

static bool is_control(const SrWireFrame *frame) {
  return frame->opcode >= SR_WIRE_CLOSE;
}

static bool fail(Decoder *decoder, int code, const char *fault) {
  decoder->code = code;
  decoder->fault = fault;
  return false;
}

/* --- heads --------------------------------------------------------------------------- */

static bool check_control(Decoder *decoder) {
  const SrWireFrame *frame = &decoder->frame;
  if (frame->opcode > SR_WIRE_PONG) return fail(decoder, PROTOCOL, "unknown kind of frame");
  if ((frame->bits & SR_WIRE_FIN) == 0) return fail(decoder, PROTOCOL, "a control frame in pieces");
  if (frame->length > SR_WIRE_CONTROL_LIMIT) return fail(decoder, PROTOCOL, "a control frame of more than 125 bytes");
  return (frame->bits & SR_WIRE_RSV) == 0 || fail(decoder, PROTOCOL, "a reserved bit is set");
}

static bool check_data(Decoder *decoder) {
  const SrWireFrame *frame = &decoder->frame;
  bool is_first = frame->opcode != SR_WIRE_CONTINUATION, is_deflated = (frame->bits & SR_WIRE_RSV1) != 0;
  if (frame->opcode > SR_WIRE_BINARY) return fail(decoder, PROTOCOL, "unknown kind of frame");
  if ((frame->bits & SR_WIRE_RSV & ~SR_WIRE_RSV1) != 0 || (is_deflated && (!is_first || decoder->inflater == NULL)))
    return fail(decoder, PROTOCOL, "a reserved bit is set");
  if (is_first == (decoder->opcode != SR_WIRE_CONTINUATION))
    return fail(decoder, PROTOCOL, is_first ? "a message inside another one" : "the rest of no message");
  if (is_first) {
    decoder->opcode = frame->opcode;
    decoder->is_deflated = is_deflated;
    decoder->fragments = 0;
    memset(&decoder->utf8, 0, sizeof decoder->utf8);
  }
  if (++decoder->fragments > MOST_FRAGMENTS) return fail(decoder, POLICY, "a message in too many fragments");
  if (!decoder->is_deflated && frame->length > decoder->limit - sr_buffer_length(&decoder->message))
    return fail(decoder, TOO_LARGE, "a message that is too large");
  return true;
}

static bool check_head(Decoder *decoder) {
  const SrWireFrame *frame = &decoder->frame;
  if (frame->is_masked != decoder->is_server)
    return fail(decoder, PROTOCOL, decoder->is_server ? "a frame without a mask" : "a frame with a mask");
  if (frame->is_odd) return fail(decoder, PROTOCOL, "a length that is not written in the shortest way");
  return is_control(frame) ? check_control(decoder) : check_data(decoder);
}

/* Takes bytes into the head; returns how many of them. */
static size_t take_head(Decoder *decoder, const char *bytes, size_t count) {
  size_t room = sizeof decoder->head - decoder->head_size, former = decoder->head_size;
  size_t taken = count < room ? count : room;
  memcpy(decoder->head + former, bytes, taken);
  decoder->head_size += taken;
  size_t size = sr_wire_frame_read(&decoder->frame, decoder->head, decoder->head_size);
  if (size == 0) return taken;
  decoder->head_size = 0;
  decoder->is_inside = true;
  decoder->taken = 0;
  return size - former; /* a head that was not whole is shorter than this one */
}

/* --- payloads -------------------------------------------------------------------------- */

static bool check_text(Decoder *decoder, size_t from) {
  if (decoder->opcode != SR_WIRE_TEXT) return true;
  const char *front = sr_buffer_front(&decoder->message);
  return sr_wire_utf8(&decoder->utf8, front + from, sr_buffer_length(&decoder->message) - from) ||
         fail(decoder, INVALID, "a text that is not UTF-8");
}

static bool check_inflated(Decoder *decoder, SrWebsocketInflated result) {
  switch (result) {
  case SR_WEBSOCKET_INFLATED: return true;
  case SR_WEBSOCKET_TOO_LARGE: return fail(decoder, TOO_LARGE, "a message that is too large");
  case SR_WEBSOCKET_NO_MEMORY: return fail(decoder, FAILURE, "not enough memory");
  default: return fail(decoder, INVALID, "a message that cannot be inflated");
  }
}

static void unmask(const Decoder *decoder, char *bytes, size_t count) {
  if (decoder->frame.is_masked) sr_wire_mask(bytes, count, decoder->frame.mask, (size_t)(decoder->taken & 3));
}

static bool take_deflated(Decoder *decoder, const char *bytes, size_t count) {
  size_t former = sr_buffer_length(&decoder->message);
  sr_buffer_clear(&decoder->scratch);
  if (!sr_buffer_append(&decoder->scratch, bytes, count)) return fail(decoder, FAILURE, "not enough memory");
  unmask(decoder, decoder->scratch.data + decoder->scratch.head, count);
  SrWebsocketInflated result = sr_websocket_inflate(decoder->inflater, sr_buffer_front(&decoder->scratch), count,
                                                    &decoder->message, decoder->limit);
  return check_inflated(decoder, result) && check_text(decoder, former);
}

static bool take_data(Decoder *decoder, const char *bytes, size_t count) {
  size_t former = sr_buffer_length(&decoder->message);
  if (count == 0) return true;
  if (decoder->is_deflated) return take_deflated(decoder, bytes, count);
  if (!sr_buffer_append(&decoder->message, bytes, count)) return fail(decoder, FAILURE, "not enough memory");
  unmask(decoder, decoder->message.data + decoder->message.head + former, count);
  return check_text(decoder, former);
}

/* Takes bytes of the payload; `*count` becomes how many. */
static bool take_payload(Decoder *decoder, const char *bytes, size_t *count) {
  uint64_t left = decoder->frame.length - decoder->taken;
  if (left < *count) *count = (size_t)left;
  if (!is_control(&decoder->frame)) {
    if (!take_data(decoder, bytes, *count)) return false;
  } else {
    memcpy(decoder->control + decoder->taken, bytes, *count);
    unmask(decoder, decoder->control + decoder->taken, *count);
  }
  decoder->taken += *count;
  return true;
}

/* --- events ------------------------------------------------------------------------------ */

/* What is told: a list of kind, value, value, and so on, at index 3. */
enum { SELF = 1, BYTES, EVENTS };

static void tell(lua_State *L, const char *kind, const char *bytes, size_t count, int code) {
  lua_Integer at = (lua_Integer)lua_rawlen(L, EVENTS);
  lua_pushstring(L, kind);
  lua_rawseti(L, EVENTS, at + 1);
  lua_pushlstring(L, bytes, count);
  lua_rawseti(L, EVENTS, at + 2);
  lua_pushinteger(L, code);
  lua_rawseti(L, EVENTS, at + 3);
}

static bool is_close_code(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static bool end_close(lua_State *L, Decoder *decoder) {
  size_t size = (size_t)decoder->taken;
  const char *text = decoder->control;
  SrWireUtf8 utf8 = {0};
  unsigned code = size < 2 ? NO_CODE : (unsigned)(unsigned char)text[0] << 8 | (unsigned char)text[1];
  if (size == 1 || (size >= 2 && !is_close_code(code))) return fail(decoder, PROTOCOL, "a code that is none");
  if (size > 2 && (!sr_wire_utf8(&utf8, text + 2, size - 2) || utf8.left > 0))
    return fail(decoder, INVALID, "a reason that is not UTF-8");
  decoder->is_over = true;
  tell(L, "close", size > 2 ? text + 2 : "", size > 2 ? size - 2 : 0, (int)code);
  return true;
}

static bool end_control(lua_State *L, Decoder *decoder) {
  if (decoder->frame.opcode == SR_WIRE_CLOSE) return end_close(L, decoder);
  tell(L, decoder->frame.opcode == SR_WIRE_PING ? "ping" : "pong", decoder->control, (size_t)decoder->taken, 0);
  return true;
}

static bool end_message(lua_State *L, Decoder *decoder) {
  bool is_text = decoder->opcode == SR_WIRE_TEXT;
  size_t former = sr_buffer_length(&decoder->message);
  if (decoder->is_deflated) {
    SrWebsocketInflated result = sr_websocket_inflate_end(decoder->inflater, &decoder->message, decoder->limit);
    if (!check_inflated(decoder, result) || !check_text(decoder, former)) return false;
  }
  if (decoder->utf8.left > 0) return fail(decoder, INVALID, "a text that is not UTF-8");
  decoder->opcode = SR_WIRE_CONTINUATION;
  tell(L, is_text ? "text" : "binary", sr_buffer_front(&decoder->message), sr_buffer_length(&decoder->message), 0);
  sr_buffer_clear(&decoder->message);
  return true;
}

static bool end_frame(lua_State *L, Decoder *decoder) {
  decoder->is_inside = false;
  if (is_control(&decoder->frame)) return end_control(L, decoder);
  return (decoder->frame.bits & SR_WIRE_FIN) == 0 || end_message(L, decoder);
}

static bool feed(lua_State *L, Decoder *decoder, const char *bytes, size_t count) {
  while (!decoder->is_over && (count > 0 || (decoder->is_inside && decoder->taken == decoder->frame.length))) {
    size_t taken = count;
    if (!decoder->is_inside) {
      taken = take_head(decoder, bytes, count);
      if (decoder->is_inside && !check_head(decoder)) return false;
    } else if (!take_payload(decoder, bytes, &taken))
      return false;
    bytes += taken;
    count -= taken;
    if (decoder->is_inside && decoder->taken == decoder->frame.length && !end_frame(L, decoder)) return false;
  }
  return true;
}

/* --- the class ------------------------------------------------------------------------------ */

/*
** decoder:feed(bytes): a list of what came, three values each: "text" and "binary" with the message, "ping" and "pong"
** with their data, "close" with reason and code, "fail" with what was wrong and the code.
*/
static int l_feed(lua_State *L) {
  Decoder *decoder = (Decoder *)luaL_checkudata(L, SELF, CLASS);
  size_t count;
  const char *bytes = luaL_checklstring(L, BYTES, &count);
  lua_settop(L, BYTES);
  lua_newtable(L);
  if (decoder->is_over || feed(L, decoder, bytes, count)) return 1;
  decoder->is_over = true;
  tell(L, "fail", decoder->fault, strlen(decoder->fault), decoder->code);
  return 1;
}

static int l_gc(lua_State *L) {
  Decoder *decoder = (Decoder *)luaL_checkudata(L, 1, CLASS);
  sr_websocket_inflater_free(decoder->inflater);
  decoder->inflater = NULL;
  decoder->is_over = true;
  sr_buffer_free(&decoder->message);
  sr_buffer_free(&decoder->scratch);
  return 0;
}

int sr_websocket_l_decoder(lua_State *L) {
  bool is_server = lua_toboolean(L, 1);
  lua_Integer limit = luaL_checkinteger(L, 2);
  Decoder *decoder = (Decoder *)lua_newuserdatauv(L, sizeof *decoder, 0);
  memset(decoder, 0, sizeof *decoder);
  luaL_setmetatable(L, CLASS);
  decoder->is_server = is_server;
  decoder->limit = (size_t)limit;
  if (lua_isnoneornil(L, 3)) return 1;
  decoder->inflater = sr_websocket_inflater_new((int)luaL_checkinteger(L, 3), lua_toboolean(L, 4));
  if (decoder->inflater == NULL) return luaL_error(L, "not enough memory");
  return 1;
}

void sr_websocket_open_decoder(lua_State *L) {
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, l_feed);
  lua_setfield(L, -2, "feed");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
