/* SPDX-License-Identifier: MIT */
/* What a reader wants of the bytes that have arrived, see frame.h. */
#include "io/frame.h"

#include <string.h>

size_t sr_io_find(const char *bytes, size_t size, const char *delimiter, size_t length, size_t *from) {
  size_t at = *from;
  while (at + length <= size) {
    const char *first = (const char *)memchr(bytes + at, delimiter[0], size - length + 1 - at);
    if (first == NULL) {
      at = size - length + 1;
      break;
    }
    at = (size_t)(first - bytes);
    if (memcmp(first, delimiter, length) == 0) return *from = at;
    at++;
  }
  *from = at;
  return size;
}

/* A line feed takes the carriage return before it along, which does not count. */
static size_t line_length(const SrIoFrame *frame, const char *bytes, size_t at) {
  bool is_line = frame->length == 1 && frame->delimiter[0] == '\n';
  return is_line && at > 0 && bytes[at - 1] == '\r' ? at - 1 : at;
}

static SrIoFound find_delimiter(SrIoFrame *frame, const char *bytes, size_t size) {
  size_t at = sr_io_find(bytes, size, frame->delimiter, frame->length, &frame->scanned);
  frame->taken = 0;
  if (at == size) return frame->scanned > frame->count + 1 ? SR_IO_TOO_FAR : SR_IO_NOT_YET;
  frame->taken = at + frame->length;
  frame->content = line_length(frame, bytes, at);
  return frame->content > frame->count ? SR_IO_TOO_FAR : SR_IO_FOUND;
}

static SrIoFound found_bytes(SrIoFrame *frame, size_t count) {
  frame->content = frame->taken = count;
  return SR_IO_FOUND;
}

SrIoFound sr_io_frame_search(SrIoFrame *frame, const SrBuffer *buffer) {
  size_t size = sr_buffer_length(buffer), count = frame->count;
  switch (frame->want) {
  case SR_IO_EXACT: return size >= count ? found_bytes(frame, count) : SR_IO_NOT_YET;
  case SR_IO_MORE: return size > count ? found_bytes(frame, size) : SR_IO_NOT_YET;
  case SR_IO_UNTIL: return find_delimiter(frame, sr_buffer_front(buffer), size);
  default: return SR_IO_NOT_YET;
  }
}

size_t sr_io_frame_missing(const SrIoFrame *frame, const SrBuffer *buffer) {
  size_t size = sr_buffer_length(buffer);
  return frame->want == SR_IO_EXACT && frame->count > size ? frame->count - size : 0;
}
