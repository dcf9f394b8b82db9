/* SPDX-License-Identifier: MIT */
/*
** What libcurl calls while transfers go on.
*/
#ifndef SR_HTTP_HOOKS_H
#define SR_HTTP_HOOKS_H

#include "http/easy.h"

extern const SrHttpHooks sr_http_hooks;

/* Their owner is the pool. */
extern const SrHttpReports sr_http_reports;

#endif
