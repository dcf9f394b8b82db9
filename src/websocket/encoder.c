/* SPDX-License-Identifier: MIT */
/* Messages to bytes, and the keys of the handshake. See encoder.h. */
#include "websocket/encoder.h"

#include <lauxlib.h>
#include <string.h>
#include <uv.h>

#include "websocket/api.h"
#include "websocket/deflate.h"
#include "wire/frame.h"
#include "wire/sha1.h"

#define CLASS "saros.websocket.encoder"

enum { KEPT = 65536 }; /* bytes that a buffer may keep between messages */
enum { MASK_SIZE = 4, RANDOM_BYTES = 64 * MASK_SIZE, KEY_SIZE = 16 };

typedef struct Encoder {
  bool is_client;
  SrWebsocketDeflater *deflater;      /* NULL: messages are sent as they are */
  SrBuffer payload;                   /* one that is not sent as it is */
  unsigned char random[RANDOM_BYTES]; /* for masks, which nobody may foresee (RFC 6455, section 10.3) */
  size_t used;                        /* of them */
} Encoder;

static void draw(lua_State *L, unsigned char *into, size_t count) {
  int status = uv_random(NULL, NULL, into, count, 0, NULL);
  if (status != 0) luaL_error(L, "websocket: no random numbers: %s", uv_strerror(status));
}

static const unsigned char *next_mask(lua_State *L, Encoder *encoder) {
  if (!encoder->is_client) return NULL;
  if (encoder->used + MASK_SIZE > RANDOM_BYTES) {
    draw(L, encoder->random, RANDOM_BYTES);
    encoder->used = 0;
  }
  encoder->used += MASK_SIZE;
  return encoder->random + encoder->used - MASK_SIZE;
}

static const struct {
  const char *name;
  SrWireOpcode opcode;
} kinds[] = {{"text", SR_WIRE_TEXT},
             {"binary", SR_WIRE_BINARY},
             {"close", SR_WIRE_CLOSE},
             {"ping", SR_WIRE_PING},
             {"pong", SR_WIRE_PONG}};

static SrWireOpcode check_kind(lua_State *L, int arg) {
  const char *name = luaL_checkstring(L, arg);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(name, kinds[i].name) == 0) return kinds[i].opcode;
  return (SrWireOpcode)luaL_argerror(L, arg, "no such kind");
}

/* --- frames ---------------------------------------------------------------------- */

/* The stack of both methods. */
enum { SELF = 1, STREAM, KIND, DATA };

/* The payload as it is sent, but for its mask; `*bits` gets those that say how. False: no memory. */
static bool deflate_payload(Encoder *encoder, SrWireOpcode opcode, uv_buf_t *payload, unsigned char *bits) {
  if (encoder->deflater == NULL || opcode >= SR_WIRE_CLOSE) return true;
  if (!sr_websocket_deflate(encoder->deflater, payload->base, payload->len, &encoder->payload)) return false;
  *payload = uv_buf_init((char *)sr_buffer_front(&encoder->payload), 0);
  payload->len = sr_buffer_length(&encoder->payload);
  *bits |= SR_WIRE_RSV1;
  return true;
}

static bool mask_payload(Encoder *encoder, const unsigned char *mask, uv_buf_t *payload) {
  if (mask == NULL || payload->len == 0) return true;
  if (sr_buffer_length(&encoder->payload) == 0) {
    if (!sr_buffer_append(&encoder->payload, payload->base, payload->len)) return false;
    payload->base = encoder->payload.data + encoder->payload.head;
  }
  sr_wire_mask(payload->base, payload->len, mask, 0);
  return true;
}

static void forget_payload(Encoder *encoder) {
  if (encoder->payload.capacity > KEPT)
    sr_buffer_free(&encoder->payload);
  else
    sr_buffer_clear(&encoder->payload);
}

/* Sends a frame behind what waits. What a server sends plain is not copied. 0 or a status. [-0, +0, v] */
static int put_frame(lua_State *L, Encoder *encoder, saros_stream *stream) {
  char head[SR_WIRE_FRAME_HEAD];
  SrWireOpcode opcode = check_kind(L, KIND);
  unsigned char bits = SR_WIRE_FIN;
  size_t count;
  const char *bytes = luaL_checklstring(L, DATA, &count);
  uv_buf_t bufs[2] = {uv_buf_init(head, 0), uv_buf_init((char *)(uintptr_t)bytes, 0)};
  const unsigned char *mask = next_mask(L, encoder);
  bufs[1].len = count;
  sr_buffer_clear(&encoder->payload);
  if (!deflate_payload(encoder, opcode, &bufs[1], &bits) || !mask_payload(encoder, mask, &bufs[1])) return UV_ENOMEM;
  bufs[0].len = sr_wire_frame_write(head, bits, opcode, bufs[1].len, mask);
  int status = sr_websocket_streams->write(stream, bufs, bufs[1].len > 0 ? 2 : 1);
  forget_payload(encoder);
  return status;
}

/* encoder:put(stream, kind, data) sends a frame behind what waits, and does not wait itself. Whether it could. */
static int l_put(lua_State *L) {
  Encoder *encoder = (Encoder *)luaL_checkudata(L, SELF, CLASS);
  lua_pushboolean(L, put_frame(L, encoder, sr_websocket_check_stream(L, STREAM)) == 0);
  return 1;
}

static int k_sent(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_websocket_saros->aborted(L)) return sr_websocket_saros->raise(L);
  lua_pushboolean(L, sr_websocket_streams->write_status((saros_stream *)ctx) == 0);
  return 1;
}

/* There is room: the frame can be sent. */
static int k_room(lua_State *L, int status, lua_KContext ctx) {
  saros_stream *stream = (saros_stream *)ctx;
  (void)status;
  if (sr_websocket_saros->aborted(L)) return sr_websocket_saros->raise(L);
  status = put_frame(L, (Encoder *)lua_touserdata(L, SELF), stream);
  if (status == 0 && sr_websocket_streams->is_full(stream))
    return sr_websocket_streams->wait_writable(L, stream, k_sent, ctx);
  lua_pushboolean(L, status == 0);
  return 1;
}

/*
** encoder:send(stream, kind, data) waits for room, sends a frame, and waits until less than SAROS_HIGH_WATER is left to
** be sent. Whether it could. Who is cancelled in between has sent nothing, or all of it.
*/
static int l_send(lua_State *L) {
  luaL_checkudata(L, SELF, CLASS);
  saros_stream *stream = sr_websocket_check_stream(L, STREAM);
  lua_settop(L, DATA);
  sr_websocket_saros->check(L, "websocket:send");
  if (sr_websocket_saros->cancelled(L)) return sr_websocket_saros->raise(L);
  if (sr_websocket_streams->is_full(stream))
    return sr_websocket_streams->wait_writable(L, stream, k_room, (lua_KContext)stream);
  int status = put_frame(L, (Encoder *)lua_touserdata(L, SELF), stream);
  if (status == 0 && sr_websocket_streams->is_full(stream))
    return sr_websocket_streams->wait_writable(L, stream, k_sent, (lua_KContext)stream);
  lua_pushboolean(L, status == 0);
  return sr_websocket_saros->ready(L, 1);
}

static int k_drained(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return sr_websocket_saros->aborted(L) ? sr_websocket_saros->raise(L) : 0;
}

/* drain(stream) waits until less than SAROS_HIGH_WATER is left to be sent, or nothing can be sent any more. */
int sr_websocket_l_drain(lua_State *L) {
  saros_stream *stream = sr_websocket_check_stream(L, 1);
  sr_websocket_saros->check(L, "websocket:close");
  if (sr_websocket_saros->cancelled(L)) return sr_websocket_saros->raise(L);
  if (!sr_websocket_streams->is_full(stream)) return sr_websocket_saros->ready(L, 0);
  return sr_websocket_streams->wait_writable(L, stream, k_drained, 0);
}

/* is_full(stream): SAROS_HIGH_WATER or more is left to be sent. */
int sr_websocket_l_is_full(lua_State *L) {
  lua_pushboolean(L, sr_websocket_streams->is_full(sr_websocket_check_stream(L, 1)));
  return 1;
}

/* is_text(bytes): whether it is UTF-8. */
int sr_websocket_l_is_text(lua_State *L) {
  size_t count;
  const char *bytes = luaL_checklstring(L, 1, &count);
  SrWireUtf8 utf8 = {0};
  lua_pushboolean(L, sr_wire_utf8(&utf8, bytes, count) && utf8.left == 0);
  return 1;
}

/* --- the class ---------------------------------------------------------------------- */

static int l_gc(lua_State *L) {
  Encoder *encoder = (Encoder *)luaL_checkudata(L, 1, CLASS);
  sr_websocket_deflater_free(encoder->deflater);
  encoder->deflater = NULL;
  sr_buffer_free(&encoder->payload);
  return 0;
}

int sr_websocket_l_encoder(lua_State *L) {
  bool is_client = lua_toboolean(L, 1);
  Encoder *encoder = (Encoder *)lua_newuserdatauv(L, sizeof *encoder, 0);
  memset(encoder, 0, sizeof *encoder);
  luaL_setmetatable(L, CLASS);
  encoder->is_client = is_client;
  encoder->used = RANDOM_BYTES;
  if (lua_isnoneornil(L, 2)) return 1;
  encoder->deflater = sr_websocket_deflater_new((int)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
  if (encoder->deflater == NULL) return luaL_error(L, "not enough memory");
  return 1;
}

/* --- the handshake ------------------------------------------------------------------- */

static void push_base64(lua_State *L, const unsigned char *bytes, size_t count) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (size_t at = 0; at < count; at += 3) {
    unsigned word = (unsigned)bytes[at] << 16 | (at + 1 < count ? (unsigned)bytes[at + 1] << 8 : 0) |
                    (at + 2 < count ? bytes[at + 2] : 0);
    luaL_addchar(&buffer, digits[word >> 18 & 63]);
    luaL_addchar(&buffer, digits[word >> 12 & 63]);
    luaL_addchar(&buffer, (at + 1 < count ? digits[word >> 6 & 63] : '='));
    luaL_addchar(&buffer, (at + 2 < count ? digits[word & 63] : '='));
  }
  luaL_pushresult(&buffer);
}

int sr_websocket_l_key(lua_State *L) {
  unsigned char random[KEY_SIZE];
  draw(L, random, sizeof random);
  push_base64(L, random, sizeof random);
  return 1;
}

int sr_websocket_l_base64(lua_State *L) {
  size_t count;
  const char *bytes = luaL_checklstring(L, 1, &count);
  push_base64(L, (const unsigned char *)bytes, count);
  return 1;
}

int sr_websocket_l_accept(lua_State *L) {
  unsigned char digest[SR_WIRE_SHA1_SIZE];
  size_t count;
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushliteral(L, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  lua_concat(L, 2);
  const char *text = lua_tolstring(L, 1, &count);
  luaL_argcheck(L, count <= SR_WIRE_SHA1_MOST, 1, "too long");
  sr_wire_sha1(text, count, digest);
  push_base64(L, digest, sizeof digest);
  return 1;
}

void sr_websocket_open_encoder(lua_State *L) {
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, l_put);
  lua_setfield(L, -2, "put");
  lua_pushcfunction(L, l_send);
  lua_setfield(L, -2, "send");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
