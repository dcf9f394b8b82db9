/* SPDX-License-Identifier: MIT */
/* The functions of streams, which src/server knows no other way; those of the runtime are sr_io_saros. */
#ifndef SR_SERVER_API_H
#define SR_SERVER_API_H

#include "io/object.h"

/* Set when the module is opened, the same for every Lua state. */
extern const saros_stream_api *sr_server_streams;

#endif
