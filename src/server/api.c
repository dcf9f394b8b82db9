/* SPDX-License-Identifier: MIT */
/* The functions of streams, see api.h. */
#include "server/api.h"

const saros_stream_api *sr_server_streams;
