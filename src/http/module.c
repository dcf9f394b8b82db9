/* SPDX-License-Identifier: MIT */
/*
** saros.http.core: libcurl for lua/saros/http. It knows the runtime only through
** the table of functions behind saros.h, as any other C module would.
*/
#include <lauxlib.h>
#include <stdlib.h>

#include "base/resident.h"
#include "http/body.h"
#include "wire/codec.h"
#include "http/send.h"
#include "fs/file.h"
#include "http/idn.h"
#include "http/lookup.h"
#include "http/request.h"
#include "http/pool.h"
#include "http/suffix.h"
#include "http/upload.h"

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed: before, a cancelled name lookup blocks the loop (CURLOPT_QUICK_EXIT)"
#endif

/* What may be free at the end of the heap before glibc gives it back, see below: twice this. */
#define LARGE_BLOCK 1048576

/*
** glibc gives the end of its heap back whenever 128 KiB are free there. That is in nearly every turn
** where many responses end at once, or a body comes in pieces, and the next turn pays for it in page
** faults. It waits for more once it has seen a large block come and go, as it has in most programs.
*/
static void settle_heap(void) {
  void *volatile block = malloc(LARGE_BLOCK); /* volatile: or the compiler leaves both calls out */
  free(block);
}

SAROS_EXPORT int luaopen_saros_http_core(lua_State *L);

/* [-0, +1, v] */
int luaopen_saros_http_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"pool", sr_http_pool_new},
                                       {"prepare", sr_http_request_prepare},
                                       {"send", sr_http_send},
                                       {"upload", sr_http_upload_new},
                                       {"open", sr_fs_open},
                                       {"create", sr_fs_create},
                                       {"target", sr_fs_target},
                                       {"rename", sr_fs_rename},
                                       {"remove", sr_fs_remove},
                                       {"error_name", sr_fs_error_name},
                                       {"is_public_suffix", sr_http_suffix_is_public},
                                       {"is_address", sr_http_lookup_is_address},
                                       {"to_ascii", sr_http_idn_to_ascii},
                                       {NULL, NULL}};
  sr_stay_loaded();
  sr_http_saros = saros_open(L);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return luaL_error(L, "libcurl could not be initialised");
  settle_heap();
  sr_http_request_open(L);
  sr_http_pool_open(L);
  sr_http_body_open(L);
  sr_http_upload_open(L);
  luaL_newlib(L, functions);
  lua_pushstring(L, sr_wire_codec_names());
  lua_setfield(L, -2, "encodings");
  lua_pushliteral(L, SR_HTTP_USER_AGENT);
  lua_setfield(L, -2, "user_agent");
  return 1;
}
