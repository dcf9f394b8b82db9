/* SPDX-License-Identifier: MIT */
/* What both sides of a stream tell others, see state.h. */
#include "io/state.h"

void sr_io_stream_hold(saros_stream *stream) {
  if (stream->transport == NULL) return;
  int is_awaited = stream->reader.task != NULL || (stream->watched & SAROS_READABLE) != 0;
  stream->transport->cls->hold(stream->transport, is_awaited);
}
