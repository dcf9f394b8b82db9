/* SPDX-License-Identifier: MIT */
/*
** saros.tls.core: OpenSSL for lua/saros/tls. It knows the runtime and the streams only through saros.h, as any other
** C module would.
*/
#include <lauxlib.h>
#include <openssl/opensslv.h>

#include "base/resident.h"
#include "tls/face.h"
#include "tls/handshake.h"
#include "tls/settings.h"
#include "tls/state.h"

#if OPENSSL_VERSION_NUMBER < 0x10101000L
#error "OpenSSL 1.1.1 or later is needed: before, there is no TLS 1.3, and renegotiation cannot be refused"
#endif

SAROS_EXPORT int luaopen_saros_tls_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_tls_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"context", sr_tls_settings_new},
                                       {"start", sr_tls_handshake_start},
                                       {"stamp", sr_tls_settings_stamp},
                                       {NULL, NULL}};
  sr_stay_loaded();
  sr_tls_saros = saros_open(L);
  sr_tls_streams = saros_open_streams(L);
  sr_tls_settings_open(L);
  sr_tls_handshake_open(L);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, (void *)&sr_tls_face);
  lua_setfield(L, -2, "face");
  return 1;
}
