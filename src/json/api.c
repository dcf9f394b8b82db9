/* SPDX-License-Identifier: MIT */
/* What this room knows of the runtime, see api.h. */
#include "json/api.h"

const saros_api *sr_json_saros;
