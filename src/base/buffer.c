/* SPDX-License-Identifier: MIT */
/*
** A queue of bytes in one block of memory, see buffer.h.
**
** Bytes already taken are dropped by moving the rest down only when that makes
** room, so a reader that keeps pace costs no copy beyond the append itself.
*/
#include "base/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A first block: most heads fit. malloc keeps blocks of this size at hand, those of 1 KiB it sorts. */
enum { FIRST_CAPACITY = 512 };

static void compact(SrBuffer *buffer) {
  size_t length = sr_buffer_length(buffer);
  if (length > 0) memmove(buffer->data, buffer->data + buffer->head, length);
  buffer->head = 0;
  buffer->size = length;
}

static bool grow(SrBuffer *buffer, size_t needed) {
  size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
  while (capacity < needed) {
    if (capacity > SIZE_MAX / 2) return false;
    capacity *= 2;
  }
  char *data = (char *)realloc(buffer->data, capacity);
  if (data == NULL) return false;
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

bool sr_buffer_reserve(SrBuffer *buffer, size_t count) {
  if (buffer->capacity - buffer->size >= count) return true;
  if (buffer->head > 0) compact(buffer);
  if (buffer->capacity - buffer->size >= count) return true;
  if (count > SIZE_MAX - buffer->size) return false;
  return grow(buffer, buffer->size + count);
}

bool sr_buffer_append(SrBuffer *buffer, const char *bytes, size_t count) {
  if (count == 0) return true;
  bool is_there = buffer->capacity - buffer->size >= count && bytes == sr_buffer_end(buffer);
  if (!is_there) {
    if (!sr_buffer_reserve(buffer, count)) return false;
    memcpy(sr_buffer_end(buffer), bytes, count);
  }
  buffer->size += count;
  return true;
}

void sr_buffer_take(SrBuffer *buffer, size_t count) {
  buffer->head += count;
  if (buffer->head == buffer->size) sr_buffer_clear(buffer);
}

void sr_buffer_clear(SrBuffer *buffer) {
  buffer->head = buffer->size = 0;
}

void sr_buffer_free(SrBuffer *buffer) {
  free(buffer->data);
  *buffer = (SrBuffer){0};
}
