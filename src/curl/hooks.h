/* SPDX-License-Identifier: MIT */
/*
** What libcurl calls while transfers go on.
*/
#ifndef SR_CURL_HOOKS_H
#define SR_CURL_HOOKS_H

#include "curl/easy.h"

extern const SrCurlHooks sr_curl_hooks;

/* Their owner is the pool. */
extern const SrCurlReports sr_curl_reports;

#endif
