/* SPDX-License-Identifier: MIT */
/* Messages to bytes, and the keys of the handshake. See encoder.h. */
#include "websocket/encoder.h"

#include <lauxlib.h>
#include <string.h>
#include <uv.h>

#include "websocket/deflate.h"
#include "wire/frame.h"
#include "wire/sha1.h"

#define CLASS "saros.websocket.encoder"

enum { MASK_SIZE = 4, RANDOM_BYTES = 64 * MASK_SIZE, KEY_SIZE = 16 };

typedef struct Encoder {
  bool is_client;
  SrWebsocketDeflater *deflater; /* NULL: messages are sent as they are */
  SrBuffer deflated;
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

static void push_frame(lua_State *L, unsigned char bits, SrWireOpcode opcode, const char *bytes, size_t count,
                       const unsigned char *mask) {
  luaL_Buffer buffer;
  char *into = luaL_buffinitsize(L, &buffer, SR_WIRE_FRAME_HEAD + count);
  size_t head = sr_wire_frame_write(into, bits, opcode, count, mask);
  memcpy(into + head, bytes, count);
  if (mask != NULL) sr_wire_mask(into + head, count, mask, 0);
  luaL_pushresultsize(&buffer, head + count);
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

/* encoder:frame(kind, data) */
static int l_frame(lua_State *L) {
  Encoder *encoder = (Encoder *)luaL_checkudata(L, 1, CLASS);
  SrWireOpcode opcode = check_kind(L, 2);
  size_t count;
  const char *bytes = luaL_checklstring(L, 3, &count);
  const unsigned char *mask = next_mask(L, encoder);
  if (encoder->deflater == NULL || opcode >= SR_WIRE_CLOSE) {
    push_frame(L, SR_WIRE_FIN, opcode, bytes, count, mask);
    return 1;
  }
  sr_buffer_clear(&encoder->deflated);
  if (!sr_websocket_deflate(encoder->deflater, bytes, count, &encoder->deflated))
    return luaL_error(L, "not enough memory");
  push_frame(L, SR_WIRE_FIN | SR_WIRE_RSV1, opcode, sr_buffer_front(&encoder->deflated),
             sr_buffer_length(&encoder->deflated), mask);
  return 1;
}

static int l_gc(lua_State *L) {
  Encoder *encoder = (Encoder *)luaL_checkudata(L, 1, CLASS);
  sr_websocket_deflater_free(encoder->deflater);
  encoder->deflater = NULL;
  sr_buffer_free(&encoder->deflated);
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
  lua_pushcfunction(L, l_frame);
  lua_setfield(L, -2, "frame");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
