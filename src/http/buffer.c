/* SPDX-License-Identifier: MIT */
/*
** A queue of bytes in one block of memory, see buffer.h.
**
** Bytes already taken are dropped by moving the rest down only when that makes
** room, so a reader that keeps pace costs no copy beyond the append itself.
*/
#include "http/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A first block: most heads fit. malloc keeps blocks of this size at hand, those of 1 KiB it sorts. */
#define FIRST_CAPACITY 512

static void compact(SrBuffer *buffer) {
  size_t length = sr_buffer_length(buffer);
  if (length > 0) memmove(buffer->data, buffer->data + buffer->head, length);
  buffer->head = 0;
  buffer->size = length;
}

static int grow(SrBuffer *buffer, size_t needed) {
  size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
  while (capacity < needed) {
    if (capacity > SIZE_MAX / 2) return 0;
    capacity *= 2;
  }
  char *data = realloc(buffer->data, capacity);
  if (data == NULL) return 0;
  buffer->data = data;
  buffer->capacity = capacity;
  return 1;
}

int sr_buffer_reserve(SrBuffer *buffer, size_t count) {
  if (buffer->capacity - buffer->size >= count) return 1;
  if (buffer->head > 0) compact(buffer);
  if (buffer->capacity - buffer->size >= count) return 1;
  if (count > SIZE_MAX - buffer->size) return 0;
  return grow(buffer, buffer->size + count);
}

int sr_buffer_append(SrBuffer *buffer, const char *bytes, size_t count) {
  if (count == 0) return 1;
  if (!sr_buffer_reserve(buffer, count)) return 0;
  memcpy(buffer->data + buffer->size, bytes, count);
  buffer->size += count;
  return 1;
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
