/* SPDX-License-Identifier: MIT */
/*
** Streaming a body up, see upload.h: who sends takes until no bytes are left, then stands still until the task that
** gives them has written some.
*/
#include "http/upload.h"

const SrHttpType sr_http_upload_type = {"saros.http.upload"};

bool sr_http_upload_peek(SrHttpUpload *upload, const char **bytes, size_t *count) {
  upload->wanted = true;
  *bytes = sr_buffer_front(&upload->bytes);
  *count = sr_buffer_length(&upload->bytes);
  if (*count > 0) return true;
  sr_http_saros->wake(&upload->wait);
  if (upload->ended) return true;
  upload->starved = true;
  return false;
}

void sr_http_upload_taken(SrHttpUpload *upload, size_t count) {
  sr_buffer_take(&upload->bytes, count);
  if (sr_buffer_length(&upload->bytes) <= SR_HTTP_UPLOAD_BOUND / 2) sr_http_saros->wake(&upload->wait);
}

void sr_http_upload_stop(SrHttpUpload *upload) {
  upload->over = true;
  upload->starved = false;
  upload->transfer = NULL;
  sr_buffer_free(&upload->bytes);
  sr_http_saros->wake(&upload->wait);
}
