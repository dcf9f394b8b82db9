/* SPDX-License-Identifier: MIT */
/*
** Taking chunks apart, see chunks.h.
*/
#include "wire/chunks.h"

#include <stdbool.h>

/* A size has no more digits than this. */
enum { MAX_DIGITS = 16 };

/* The longest line of an extension or a trailer: libcurl takes no trailers of more than 4 KiB. */
enum { LINE_BOUND = 4000 };

/* The most that may stand behind the last chunk in all. */
enum { TRAILERS_BOUND = 262144 };

static int digit_of(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if ((byte | 32) >= 'a' && (byte | 32) <= 'f') return (byte | 32) - 'a' + 10;
  return -1;
}

static SrWireChunkPlace behind_size(SrWireChunks *chunks) {
  chunks->digits = 0;
  chunks->line = chunks->trailers = 0;
  return chunks->left > 0 ? SR_WIRE_CHUNK_DATA : SR_WIRE_CHUNK_TRAILER;
}

static SrWireChunkPlace step_size(SrWireChunks *chunks, char byte) {
  int digit = digit_of(byte);
  if (digit >= 0) {
    if (chunks->digits++ == 0) chunks->left = 0;
    if (chunks->digits > MAX_DIGITS) return SR_WIRE_CHUNK_BROKEN;
    chunks->left = chunks->left << 4 | (uint64_t)digit;
    return SR_WIRE_CHUNK_SIZE;
  }
  if (chunks->digits == 0 || chunks->left > INT64_MAX) return SR_WIRE_CHUNK_BROKEN;
  if (byte == '\n') return behind_size(chunks);
  if (byte == '\r') return SR_WIRE_CHUNK_SIZE_END;
  return byte == ';' || byte == ' ' || byte == '\t' ? SR_WIRE_CHUNK_EXTENSION : SR_WIRE_CHUNK_BROKEN;
}

static SrWireChunkPlace step_line(SrWireChunks *chunks, SrWireChunkPlace place) {
  return ++chunks->line > LINE_BOUND || ++chunks->trailers > TRAILERS_BOUND ? SR_WIRE_CHUNK_LARGE : place;
}

/* An empty line is the last one. */
static SrWireChunkPlace end_trailer(SrWireChunks *chunks) {
  bool is_last = chunks->line == 0;
  chunks->line = 0;
  return is_last ? SR_WIRE_CHUNK_END : SR_WIRE_CHUNK_TRAILER;
}

/* Where one is behind the next byte, which is none of the data. */
static SrWireChunkPlace step(SrWireChunks *chunks, char byte) {
  switch (chunks->place) {
  case SR_WIRE_CHUNK_SIZE: return step_size(chunks, byte);
  case SR_WIRE_CHUNK_EXTENSION:
    if (byte == '\n') return behind_size(chunks);
    return byte == '\r' ? SR_WIRE_CHUNK_SIZE_END : step_line(chunks, SR_WIRE_CHUNK_EXTENSION);
  case SR_WIRE_CHUNK_SIZE_END: return byte == '\n' ? behind_size(chunks) : SR_WIRE_CHUNK_BROKEN;
  case SR_WIRE_CHUNK_DATA_END:
    if (byte == '\n') return SR_WIRE_CHUNK_SIZE;
    return byte == '\r' ? SR_WIRE_CHUNK_DATA_END : SR_WIRE_CHUNK_BROKEN;
  case SR_WIRE_CHUNK_TRAILER:
    if (byte == '\n') return end_trailer(chunks);
    return byte == '\r' ? SR_WIRE_CHUNK_TRAILER_END : step_line(chunks, SR_WIRE_CHUNK_TRAILER);
  case SR_WIRE_CHUNK_TRAILER_END: return byte == '\n' ? end_trailer(chunks) : SR_WIRE_CHUNK_BROKEN;
  default: return chunks->place;
  }
}

static size_t take_data(SrWireChunks *chunks, SrWirePiece *piece, const char **data) {
  size_t count = piece->left < chunks->left ? piece->left : (size_t)chunks->left;
  *data = piece->bytes;
  piece->bytes += count;
  piece->left -= count;
  chunks->left -= count;
  if (chunks->left == 0) chunks->place = SR_WIRE_CHUNK_DATA_END;
  return count;
}

size_t sr_wire_chunks_take(SrWireChunks *chunks, SrWirePiece *piece, const char **data) {
  while (piece->left > 0) {
    if (chunks->place == SR_WIRE_CHUNK_DATA) return take_data(chunks, piece, data);
    if (chunks->place >= SR_WIRE_CHUNK_END) { /* what follows is none of the body */
      chunks->followed = true;
      piece->left = 0;
      return 0;
    }
    chunks->place = step(chunks, *piece->bytes++);
    piece->left--;
  }
  return 0;
}
