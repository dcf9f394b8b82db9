/* SPDX-License-Identifier: MIT */
/*
** The chunks of a body as they come over the wire, taken apart. libcurl does the same to know where they end, and
** refuses what is malformed; but what it has decoded it would keep to itself when it does, or while it is paused.
*/
#ifndef SR_HTTP_CHUNKS_H
#define SR_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

typedef enum SrChunkPlace {
  SR_CHUNK_SIZE,        /* in the digits of a size */
  SR_CHUNK_EXTENSION,   /* behind them */
  SR_CHUNK_SIZE_END,    /* between the return and the newline there */
  SR_CHUNK_DATA,        /* `left` bytes are to come */
  SR_CHUNK_DATA_END,    /* in the line end behind them */
  SR_CHUNK_TRAILER,     /* in a line behind the last chunk */
  SR_CHUNK_TRAILER_END, /* between its return and its newline */
  SR_CHUNK_END,         /* the body has ended */
  SR_CHUNK_BROKEN,      /* this is no chunk */
  SR_CHUNK_LARGE        /* a line without data that is too long, or too many of them */
} SrChunkPlace;

/* Where in the body one is. Zeroed before use. */
typedef struct SrChunks {
  SrChunkPlace place;
  unsigned digits; /* of the size */
  size_t line;     /* bytes of an extension or a trailer */
  size_t trailers; /* bytes behind the last chunk */
  uint64_t left;
} SrChunks;

/* Bytes that have come. */
typedef struct SrPiece {
  const char *bytes;
  size_t left;
} SrPiece;

/* Takes bytes off the piece up to the next data, and these. Gives their number, 0 where the piece has none (any more). */
size_t sr_chunks_take(SrChunks *chunks, SrPiece *piece, const char **data);

#endif
