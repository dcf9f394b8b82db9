/* SPDX-License-Identifier: MIT */
/*
** The functions of the runtime, which src/http knows no other way.
*/
#ifndef SR_HTTP_API_H
#define SR_HTTP_API_H

#include "saros.h"

/* Set when the module is opened, the same for every Lua state. */
extern const saros_api *sr_http_saros;

#endif
