/* SPDX-License-Identifier: MIT */
/* What this room knows of the runtime: the table of functions behind saros.h, as any other C module would. */
#ifndef SR_JSON_API_H
#define SR_JSON_API_H

#include "saros.h"

extern const saros_api *sr_json_saros; /* set when the module is opened */

/* Tables may stand within each other so deep, whoever reads or writes them. */
enum { SR_JSON_DEEPEST = 1000 };

/* What both sides get, as upvalues of their functions. The first is the runtime: it marks them as saros' own. */
enum {
  SR_JSON_ARRAY = lua_upvalueindex(2), /* the metatable of what is an array whatever is in it */
  SR_JSON_EMPTY = lua_upvalueindex(3), /* that of an empty array that was read */
  SR_JSON_PLAIN = lua_upvalueindex(4)  /* gives what `pairs` says of a table that has a say in that */
};

#endif
