/* SPDX-License-Identifier: MIT */
/*
** A queue of bytes: callbacks append at its end, readers take from its front.
**
** Invariant: the bytes waiting are data[head .. size); head == size means empty.
*/
#ifndef SR_BASE_BUFFER_H
#define SR_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct SrBuffer {
  char *data;      /* NULL until the first byte */
  size_t head;     /* where the bytes not yet taken begin */
  size_t size;     /* where they end */
  size_t capacity; /* of data */
} SrBuffer;

/* How many bytes wait to be taken. */
static inline size_t sr_buffer_length(const SrBuffer *buffer) {
  return buffer->size - buffer->head;
}

/* The first byte that waits; valid until the next append or take. */
static inline const char *sr_buffer_front(const SrBuffer *buffer) {
  return buffer->data != NULL ? buffer->data + buffer->head : "";
}

/* Makes room for `count` more bytes, so that appending them allocates nothing. False: no memory. */
bool sr_buffer_reserve(SrBuffer *buffer, size_t count);

/* Behind the bytes that wait: whoever puts more there has reserved room for them, and appends them from there. */
static inline char *sr_buffer_end(const SrBuffer *buffer) {
  return buffer->data + buffer->size;
}

/* Appends `count` bytes; those that are at the end already are not copied. False: no memory, nothing was appended. */
bool sr_buffer_append(SrBuffer *buffer, const char *bytes, size_t count);

/* Takes `count` bytes (no more than wait) from the front. */
void sr_buffer_take(SrBuffer *buffer, size_t count);

/* Drops the bytes that wait and keeps the memory. */
void sr_buffer_clear(SrBuffer *buffer);

/* Gives the memory back; the buffer is empty and usable afterwards. */
void sr_buffer_free(SrBuffer *buffer);

#endif
