/* SPDX-License-Identifier: MIT */
/*
** What a transfer does with its upload.
*/
#ifndef SR_HTTP_UPLOAD_H
#define SR_HTTP_UPLOAD_H

#include "http/state.h"

#define SR_HTTP_UPLOAD_TYPE "saros.http.upload"

/* Bytes that wait to be sent before the body's task has to wait. */
enum { SR_HTTP_UPLOAD_BOUND = 131072 };

/* For libcurl's read callback: fills `out`, or says that it is the end or that there is nothing yet. */
size_t sr_http_upload_take(SrHttpUpload *upload, char *out, size_t size);

/* The transfer wants no more bytes. */
void sr_http_upload_stop(SrHttpUpload *upload);

#endif
