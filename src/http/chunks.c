/* SPDX-License-Identifier: MIT */
/*
** Counting chunks, see chunks.h. libcurl, which has the same bytes, refuses what is malformed.
*/
#include "http/chunks.h"

static int digit_of(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if ((byte | 32) >= 'a' && (byte | 32) <= 'f') return (byte | 32) - 'a' + 10;
  return -1;
}

static void end_size(SrChunks *chunks) {
  chunks->place = chunks->left > 0 ? SR_CHUNK_DATA : SR_CHUNK_TRAILER;
}

static void step(SrChunks *chunks, char byte) {
  int digit = digit_of(byte);
  switch (chunks->place) {
  case SR_CHUNK_SIZE:
    if (byte == '\n')
      end_size(chunks);
    else if (digit >= 0)
      chunks->left = chunks->left << 4 | (uint64_t)digit;
    else
      chunks->place = SR_CHUNK_EXTENSION;
    break;
  case SR_CHUNK_EXTENSION:
    if (byte == '\n') end_size(chunks);
    break;
  case SR_CHUNK_DATA_END:
    if (byte == '\n') chunks->place = SR_CHUNK_SIZE;
    break;
  case SR_CHUNK_TRAILER:
    if (byte != '\r') chunks->place = byte == '\n' ? SR_CHUNK_END : SR_CHUNK_TRAILER_LINE;
    break;
  case SR_CHUNK_TRAILER_LINE:
    if (byte == '\n') chunks->place = SR_CHUNK_TRAILER;
    break;
  default: break;
  }
}

void sr_chunks_scan(SrChunks *chunks, const char *bytes, size_t length) {
  for (size_t i = 0; i < length && chunks->place != SR_CHUNK_END; i++) {
    if (chunks->place != SR_CHUNK_DATA) {
      step(chunks, bytes[i]);
      continue;
    }
    uint64_t count = length - i < chunks->left ? length - i : chunks->left;
    chunks->left -= count;
    i += (size_t)count - 1;
    if (chunks->left == 0) chunks->place = SR_CHUNK_DATA_END;
  }
}
