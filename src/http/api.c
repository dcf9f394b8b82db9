/* SPDX-License-Identifier: MIT */
/*
** The functions of the runtime, see api.h.
*/
#include "http/api.h"

const saros_api *sr_http_saros;
