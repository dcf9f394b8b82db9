/* SPDX-License-Identifier: MIT */
/*
** The chunks of a body as they came over the wire. libcurl decodes them and does not tell when the
** last one has come; somebody who is still sending wants to know.
*/
#ifndef SR_HTTP_CHUNKS_H
#define SR_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

typedef enum SrChunkPlace {
  SR_CHUNK_SIZE,         /* in the digits of a size */
  SR_CHUNK_EXTENSION,    /* behind them */
  SR_CHUNK_DATA,         /* `left` bytes are to come */
  SR_CHUNK_DATA_END,     /* in the line end behind them */
  SR_CHUNK_TRAILER,      /* at the begin of a line behind the last chunk */
  SR_CHUNK_TRAILER_LINE, /* in it */
  SR_CHUNK_END           /* the body has ended */
} SrChunkPlace;

/* Where in the body one is. Zeroed before use. */
typedef struct SrChunks {
  SrChunkPlace place;
  uint64_t left;
} SrChunks;

/* The next bytes have come. */
void sr_chunks_scan(SrChunks *chunks, const char *bytes, size_t length);

#endif
