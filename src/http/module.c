/* SPDX-License-Identifier: MIT */
/*
** saros.http.core: libcurl for lua/saros/http. It knows the runtime only through
** the table of functions behind saros.h, as any other C module would.
*/
#include <lauxlib.h>

#include "base/platform.h"
#include "base/resident.h"
#include "http/body.h"
#include "http/codec.h"
#include "http/exchange.h"
#include "http/file.h"
#include "http/lookup.h"
#include "http/plan.h"
#include "http/pool.h"
#include "http/suffix.h"
#include "http/upload.h"

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed: before, a cancelled name lookup blocks the loop (CURLOPT_QUICK_EXIT)"
#endif

SAROS_EXPORT int luaopen_saros_http_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_http_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"pool", sr_pool_new},
                                       {"compile", sr_plan_compile},
                                       {"send", sr_exchange_send},
                                       {"upload", sr_upload_new},
                                       {"open", sr_file_open},
                                       {"create", sr_file_create},
                                       {"target", sr_file_target},
                                       {"rename", sr_file_rename},
                                       {"remove", sr_file_remove},
                                       {"error_name", sr_file_error_name},
                                       {"is_public_suffix", sr_suffix_is_public},
                                       {"date", sr_suffix_date},
                                       {"is_address", sr_lookup_is_address},
                                       {NULL, NULL}};
  sr_stay_loaded();
  sr_saros = saros_open(L);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return luaL_error(L, "libcurl could not be initialised");
  sr_settle_heap();
  sr_plan_open(L);
  sr_pool_open(L);
  sr_body_open(L);
  sr_upload_open(L);
  luaL_newlib(L, functions);
  lua_pushstring(L, sr_codec_names());
  lua_setfield(L, -2, "encodings");
  lua_pushliteral(L, SR_USER_AGENT);
  lua_setfield(L, -2, "user_agent");
  return 1;
}
