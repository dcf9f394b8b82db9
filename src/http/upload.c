/* SPDX-License-Identifier: MIT */
/*
** Streaming a body up, see upload.h: libcurl takes until no bytes are left, then is paused until the task that gives
** them has written some.
*/
#include "http/upload.h"

#include <string.h>

size_t sr_http_upload_take(SrHttpUpload *upload, char *out, size_t size) {
  size_t length = sr_buffer_length(&upload->bytes);
  upload->wanted = true;
  if (length > size) length = size;
  if (length > 0) memcpy(out, sr_buffer_front(&upload->bytes), length);
  sr_buffer_take(&upload->bytes, length);
  if (sr_buffer_length(&upload->bytes) <= SR_HTTP_UPLOAD_BOUND / 2) sr_http_saros->wake(&upload->wait);
  if (length > 0 || upload->ended) return length;
  upload->starved = true;
  return CURL_READFUNC_PAUSE;
}

void sr_http_upload_stop(SrHttpUpload *upload) {
  upload->over = true;
  upload->starved = false;
  upload->transfer = NULL;
  sr_buffer_free(&upload->bytes);
  sr_http_saros->wake(&upload->wait);
}
