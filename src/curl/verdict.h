/* SPDX-License-Identifier: MIT */
/*
** What libcurl's results mean, in the words of the contract.
*/
#ifndef SR_CURL_VERDICT_H
#define SR_CURL_VERDICT_H

#include "curl/easy.h"
#include "http/failure.h"

/* Records libcurl's verdict on the transfer of a request; `has_head`: the response had begun. */
void sr_curl_verdict(SrHttpFailure *failure, const SrCurlEasy *easy, const SrHttpRequest *request, CURLcode result,
                     bool has_head);

/* Whether the verdict is nghttp2's on a whole connection; libcurl 7.88 takes it for one on a single stream. */
bool sr_curl_verdict_breaks(const SrCurlEasy *easy, CURLcode result);

#endif
