/* SPDX-License-Identifier: MIT */
/*
** What a transfer does with its upload.
*/
#ifndef SR_HTTP_UPLOAD_H
#define SR_HTTP_UPLOAD_H

#include "http/state.h"

extern const SrHttpType sr_http_upload_type;

/* Bytes that wait to be sent before the body's task has to wait. */
enum { SR_HTTP_UPLOAD_BOUND = 131072 };

/* Bytes are wanted: those that wait, `*count` of them. False: there are none yet, it is starved from now on. */
bool sr_http_upload_peek(SrHttpUpload *upload, const char **bytes, size_t *count);

/* So many of them have been taken. */
void sr_http_upload_taken(SrHttpUpload *upload, size_t count);

/* The transfer wants no more bytes. */
void sr_http_upload_stop(SrHttpUpload *upload);

#endif
