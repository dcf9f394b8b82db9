/* SPDX-License-Identifier: MIT */
/*
** The chunks of a body as they come over the wire, taken apart. libcurl does the same to know where they end, and
** refuses what is malformed; but then, and while it is paused, it keeps to itself what it has decoded. So it is told
** to leave the chunks as they are.
*/
#ifndef SR_WIRE_CHUNKS_H
#define SR_WIRE_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum SrWireChunkPlace {
  SR_WIRE_CHUNK_SIZE,        /* in the digits of a size */
  SR_WIRE_CHUNK_EXTENSION,   /* behind them */
  SR_WIRE_CHUNK_SIZE_END,    /* between the return and the newline there */
  SR_WIRE_CHUNK_DATA,        /* `left` bytes are to come */
  SR_WIRE_CHUNK_DATA_END,    /* in the line end behind them */
  SR_WIRE_CHUNK_TRAILER,     /* in a line behind the last chunk */
  SR_WIRE_CHUNK_TRAILER_END, /* between its return and its newline */
  SR_WIRE_CHUNK_END,         /* the body has ended */
  SR_WIRE_CHUNK_BROKEN,      /* this is no chunk */
  SR_WIRE_CHUNK_LARGE        /* a line without data that is too long, or too many of them */
} SrWireChunkPlace;

/* Where in the body one is. Zeroed before use. */
typedef struct SrWireChunks {
  SrWireChunkPlace place;
  unsigned digits; /* of the size */
  size_t line;     /* bytes of an extension or a trailer */
  size_t trailers; /* bytes behind the last chunk */
  uint64_t left;
  bool followed; /* bytes have come behind the body */
} SrWireChunks;

/* Bytes that have come. */
typedef struct SrWirePiece {
  const char *bytes;
  size_t left;
} SrWirePiece;

/* Takes bytes off the piece up to the next data, and the data. Gives their number; 0: the piece is used up. */
size_t sr_wire_chunks_take(SrWireChunks *chunks, SrWirePiece *piece, const char **data);

#endif
