/* SPDX-License-Identifier: MIT */
/*
** One side of TLS for the specs, that does what well-behaved ones do not: bytes in, bytes out.
**
**   rogue.client([version]), rogue.server(cert, key [, version])    version: 12 or 13
**   side:feed(bytes), side:drain()       what the other side sends, and what is to be sent to it
**   side:shake()                         goes on with the handshake; true when it is done
**   side:write(bytes), side:read()       plaintext; read gives nil if there is none
**   side:finish()                        says that nothing follows
**   side:update_keys()                   asks for new keys of both sides
**   side:renegotiate()                   begins a handshake in the midst of the connection
*/
#include <lauxlib.h>
#include <lua.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define TYPE "rogue"

typedef struct Side {
  SSL *ssl;
  BIO *in, *out;
} Side;

static SSL *check(lua_State *L) {
  return ((Side *)luaL_checkudata(L, 1, TYPE))->ssl;
}

static int l_feed(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  BIO_write(((Side *)luaL_checkudata(L, 1, TYPE))->in, bytes, (int)length);
  return 0;
}

static int l_drain(lua_State *L) {
  char *bytes;
  BIO *out = ((Side *)luaL_checkudata(L, 1, TYPE))->out;
  long length = BIO_get_mem_data(out, &bytes);
  lua_pushlstring(L, bytes, length > 0 ? (size_t)length : 0);
  (void)BIO_reset(out);
  return 1;
}

static int l_shake(lua_State *L) {
  lua_pushboolean(L, SSL_do_handshake(check(L)) == 1);
  return 1;
}

static int l_write(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  lua_pushboolean(L, SSL_write(check(L), bytes, (int)length) > 0);
  return 1;
}

static int l_read(lua_State *L) {
  char bytes[16384];
  int count = SSL_read(check(L), bytes, sizeof bytes);
  if (count <= 0) return 0;
  lua_pushlstring(L, bytes, (size_t)count);
  return 1;
}

static int l_finish(lua_State *L) {
  lua_pushboolean(L, SSL_shutdown(check(L)) >= 0);
  return 1;
}

static int l_update_keys(lua_State *L) {
  SSL *ssl = check(L);
  lua_pushboolean(L, SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1);
  return 1;
}

static int l_renegotiate(lua_State *L) {
  SSL *ssl = check(L);
  int begun = SSL_renegotiate(ssl);
  SSL_do_handshake(ssl);
  lua_pushboolean(L, begun);
  return 1;
}

static int l_gc(lua_State *L) {
  SSL_free(check(L));
  return 0;
}

static Side *new_side(lua_State *L, SSL_CTX *context, int version) {
  Side *side = lua_newuserdatauv(L, sizeof *side, 0);
  if (version == 12) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  side->ssl = SSL_new(context);
  side->in = BIO_new(BIO_s_mem());
  side->out = BIO_new(BIO_s_mem());
  SSL_set_bio(side->ssl, side->in, side->out);
  SSL_CTX_free(context);
  luaL_setmetatable(L, TYPE);
  return side;
}

static int l_client(lua_State *L) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_set_connect_state(new_side(L, context, (int)luaL_optinteger(L, 1, 13))->ssl);
  return 1;
}

static int l_server(lua_State *L) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, luaL_checkstring(L, 1)) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, luaL_checkstring(L, 2), SSL_FILETYPE_PEM) != 1)
    return luaL_error(L, "the certificate cannot be used");
  SSL_set_accept_state(new_side(L, context, (int)luaL_optinteger(L, 3, 13))->ssl);
  return 1;
}

int luaopen_rogue(lua_State *L);

int luaopen_rogue(lua_State *L) {
  static const luaL_Reg functions[] = {{"client", l_client}, {"server", l_server}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"feed", l_feed},
                                     {"drain", l_drain},
                                     {"shake", l_shake},
                                     {"write", l_write},
                                     {"read", l_read},
                                     {"finish", l_finish},
                                     {"update_keys", l_update_keys},
                                     {"renegotiate", l_renegotiate},
                                     {"__gc", l_gc},
                                     {NULL, NULL}};
  luaL_newmetatable(L, TYPE);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}
