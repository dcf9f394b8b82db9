/* SPDX-License-Identifier: MIT */
/*
** What a pool has for its transfers by libcurl: the multi handles of the present run, and easy handles that are used
** again.
*/
#ifndef SR_CURL_POOL_H
#define SR_CURL_POOL_H

#include "http/backend.h"

extern const SrHttpBackend sr_curl_backend;

#endif
