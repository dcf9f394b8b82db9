/* SPDX-License-Identifier: MIT */
/* See state.h. */
#include "tls/state.h"

const saros_api *sr_tls_saros;
const saros_stream_api *sr_tls_streams;
