/* SPDX-License-Identifier: MIT */
/*
** What a reader wants of the bytes that have arrived: some, so many, all up to a delimiter, all up to the end.
**
** A scan goes on where it stopped, so looking again and again while bytes come in is linear in them.
*/
#ifndef SR_IO_FRAME_H
#define SR_IO_FRAME_H

#include "base/buffer.h"

typedef enum SrIoWant {
  SR_IO_SOME = 1, /* at least one byte, at most `count` */
  SR_IO_EXACT,    /* `count` bytes */
  SR_IO_UNTIL,    /* up to the delimiter, which is no further than `count` bytes away */
  SR_IO_ALL,      /* up to the end */
  SR_IO_MORE      /* more than `count` bytes */
} SrIoWant;

typedef struct SrIoFrame {
  SrIoWant want;
  size_t count;
  const char *delimiter; /* of the reader */
  size_t length;         /* of the delimiter */
  size_t scanned;        /* no delimiter begins in the first so many bytes */
  size_t content;        /* once found: how many bytes it is */
  size_t taken;          /* and how many with its delimiter */
} SrIoFrame;

typedef enum SrIoFound {
  SR_IO_NOT_YET, /* more bytes are needed */
  SR_IO_FOUND,   /* it is there */
  SR_IO_TOO_FAR  /* the limit is passed; `taken` is 0 if the delimiter has not been seen */
} SrIoFound;

/* What sr_io_frame_find does for all but SR_IO_SOME. */
SrIoFound sr_io_frame_search(SrIoFrame *frame, const SrBuffer *buffer);

/* Looks whether what is wanted has arrived. Never so for SR_IO_ALL. */
static inline SrIoFound sr_io_frame_find(SrIoFrame *frame, const SrBuffer *buffer) {
  size_t size = sr_buffer_length(buffer);
  if (frame->want != SR_IO_SOME) return sr_io_frame_search(frame, buffer);
  frame->content = frame->taken = size < frame->count ? size : frame->count;
  return size > 0 ? SR_IO_FOUND : SR_IO_NOT_YET;
}

/* How many bytes are missing at least, 0 if that is not known. */
size_t sr_io_frame_missing(const SrIoFrame *frame, const SrBuffer *buffer);

/* Where the delimiter begins, from `from` on; `size` if it does not, and `*from` is where to go on. */
size_t sr_io_find(const char *bytes, size_t size, const char *delimiter, size_t length, size_t *from);

#endif
