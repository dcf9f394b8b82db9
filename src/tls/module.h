/* SPDX-License-Identifier: MIT */
/*
** What the files of saros.tls.core share.
*/
#ifndef SR_TLS_MODULE_H
#define SR_TLS_MODULE_H

#include "saros.h"

/* The tables of functions, the same for all Lua states. */
extern const saros_api *sr_saros;
extern const saros_stream_api *sr_streams;

#endif
