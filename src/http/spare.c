/* SPDX-License-Identifier: MIT */
/* Memory for small bodies, see spare.h. */
#include "http/spare.h"

void sr_http_spare_take(SrHttpSpares *spares, SrBuffer *buffer) {
  if (buffer->data == NULL && spares->count > 0) *buffer = spares->buffers[--spares->count];
}

void sr_http_spare_give(SrHttpSpares *spares, SrBuffer *buffer) {
  size_t capacity = buffer->capacity;
  if (capacity < SR_HTTP_SPARE_LEAST || capacity > SR_HTTP_SPARE_MOST || spares->count == SR_HTTP_SPARES) {
    sr_buffer_free(buffer);
    return;
  }
  sr_buffer_clear(buffer);
  spares->buffers[spares->count++] = *buffer;
  *buffer = (SrBuffer){0};
}

void sr_http_spares_free(SrHttpSpares *spares) {
  while (spares->count > 0) sr_buffer_free(&spares->buffers[--spares->count]);
}
