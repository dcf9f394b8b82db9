/* SPDX-License-Identifier: MIT */
/* Encoders as the Lua half has them, see encode.h. */
#include "server/encode.h"

#include "server/api.h"
#include "wire/encoder.h"

static const SrIoClass encoder_class = {"encoder"};

typedef struct Encoder {
  const SrIoClass *cls;
  SrWireEncoder *encoder;
  SrBuffer out;
} Encoder;

/* encoder(name) */
static int l_new(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  Encoder *self = (Encoder *)sr_io_new(L, &encoder_class, sizeof *self, 0);
  self->encoder = sr_wire_encoder_new(name);
  if (self->encoder == NULL) return luaL_error(L, "not enough memory");
  return 1;
}

/* encoder:run(bytes, is_last) gives what they come to, so far that all of them can be decoded. */
static int l_run(lua_State *L) {
  Encoder *self = (Encoder *)sr_io_self(L, &encoder_class, "encoder:run");
  size_t count;
  const char *bytes = luaL_checklstring(L, 2, &count);
  SrWireFlush flush = lua_toboolean(L, 3) ? SR_WIRE_FINISH : SR_WIRE_FLUSH;
  sr_buffer_clear(&self->out);
  if (!sr_wire_encoder_run(self->encoder, bytes, count, flush, &self->out)) return luaL_error(L, "not enough memory");
  lua_pushlstring(L, sr_buffer_front(&self->out), sr_buffer_length(&self->out));
  return 1;
}

static int l_gc(lua_State *L) {
  Encoder *self = (Encoder *)sr_io_test(L, 1, &encoder_class);
  if (self == NULL) return 0;
  sr_wire_encoder_free(self->encoder);
  self->encoder = NULL;
  sr_buffer_free(&self->out);
  return 0;
}

void sr_server_open_encode(lua_State *L) {
  static const luaL_Reg methods[] = {{"run", l_run}, {NULL, NULL}}, meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &encoder_class, methods, meta);
  lua_pushcfunction(L, l_new);
  lua_setfield(L, -2, "encoder");
  lua_newtable(L);
  for (int i = 0; sr_wire_encodings[i] != NULL; i++) {
    lua_pushstring(L, sr_wire_encodings[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "encodings");
}
