/* SPDX-License-Identifier: MIT */
/* Messages through zlib. See deflate.h. */
#include "websocket/deflate.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef SAROS_ZLIB

#include <zlib.h>

enum { PIECE = 16384, MEMORY_LEVEL = 8, TAIL = 4 };

static const char tail[TAIL] = {0, 0, (char)0xFF, (char)0xFF};

struct SrWebsocketInflater {
  z_stream zlib;
  bool keeps;
};

struct SrWebsocketDeflater {
  z_stream zlib;
  bool keeps;
};

bool sr_websocket_can_deflate(void) {
  return true;
}

SrWebsocketInflater *sr_websocket_inflater_new(int bits, bool keeps) {
  SrWebsocketInflater *inflater = (SrWebsocketInflater *)calloc(1, sizeof *inflater);
  if (inflater == NULL) return NULL;
  inflater->keeps = keeps;
  if (inflateInit2(&inflater->zlib, -bits) == Z_OK) return inflater;
  free(inflater);
  return NULL;
}

void sr_websocket_inflater_free(SrWebsocketInflater *inflater) {
  if (inflater == NULL) return;
  inflateEnd(&inflater->zlib);
  free(inflater);
}

SrWebsocketInflated sr_websocket_inflate(SrWebsocketInflater *inflater, const char *bytes, size_t count, SrBuffer *into,
                                         size_t limit) {
  z_stream *zlib = &inflater->zlib;
  int status = Z_OK;
  if (count > UINT_MAX) return SR_WEBSOCKET_TOO_LARGE;
  zlib->next_in = (Bytef *)(uintptr_t)bytes;
  zlib->avail_in = (uInt)count;
  do {
    if (!sr_buffer_reserve(into, PIECE)) return SR_WEBSOCKET_NO_MEMORY;
    zlib->next_out = (Bytef *)(into->data + into->size);
    zlib->avail_out = PIECE;
    status = inflate(zlib, Z_SYNC_FLUSH);
    into->size += PIECE - zlib->avail_out;
    if (sr_buffer_length(into) > limit) return SR_WEBSOCKET_TOO_LARGE;
    if (status == Z_MEM_ERROR) return SR_WEBSOCKET_NO_MEMORY;
    if (status == Z_STREAM_END) status = inflateReset(zlib); /* a last block is nothing special */
    if (status != Z_OK && status != Z_BUF_ERROR) return SR_WEBSOCKET_BROKEN;
  } while (zlib->avail_out == 0 || (zlib->avail_in > 0 && status == Z_OK));
  return zlib->avail_in == 0 ? SR_WEBSOCKET_INFLATED : SR_WEBSOCKET_BROKEN;
}

SrWebsocketInflated sr_websocket_inflate_end(SrWebsocketInflater *inflater, SrBuffer *into, size_t limit) {
  SrWebsocketInflated result = sr_websocket_inflate(inflater, tail, sizeof tail, into, limit);
  if (!inflater->keeps) inflateReset(&inflater->zlib);
  return result;
}

SrWebsocketDeflater *sr_websocket_deflater_new(int bits, bool keeps) {
  SrWebsocketDeflater *deflater = (SrWebsocketDeflater *)calloc(1, sizeof *deflater);
  if (deflater == NULL) return NULL;
  deflater->keeps = keeps;
  if (deflateInit2(&deflater->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
    return deflater;
  free(deflater);
  return NULL;
}

void sr_websocket_deflater_free(SrWebsocketDeflater *deflater) {
  if (deflater == NULL) return;
  deflateEnd(&deflater->zlib);
  free(deflater);
}

bool sr_websocket_deflate(SrWebsocketDeflater *deflater, const char *bytes, size_t count, SrBuffer *into) {
  z_stream *zlib = &deflater->zlib;
  if (count == 0) return sr_buffer_append(into, "", 1); /* zlib flushes nothing twice; RFC 7692, section 7.2.3.6 */
  do {
    size_t piece = count < INT_MAX ? count : INT_MAX;
    zlib->next_in = (Bytef *)(uintptr_t)bytes;
    zlib->avail_in = (uInt)piece;
    bytes += piece;
    count -= piece;
    do {
      if (!sr_buffer_reserve(into, PIECE)) return false;
      zlib->next_out = (Bytef *)(into->data + into->size);
      zlib->avail_out = PIECE;
      deflate(zlib, count > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH);
      into->size += PIECE - zlib->avail_out;
    } while (zlib->avail_out == 0);
  } while (count > 0);
  into->size -= TAIL; /* which a flush ends in */
  if (!deflater->keeps) deflateReset(zlib);
  return true;
}

#else

bool sr_websocket_can_deflate(void) {
  return false;
}

SrWebsocketInflater *sr_websocket_inflater_new(int bits, bool keeps) {
  (void)bits, (void)keeps;
  return NULL;
}

void sr_websocket_inflater_free(SrWebsocketInflater *inflater) {
  (void)inflater;
}

SrWebsocketInflated sr_websocket_inflate(SrWebsocketInflater *inflater, const char *bytes, size_t count, SrBuffer *into,
                                         size_t limit) {
  (void)inflater, (void)bytes, (void)count, (void)into, (void)limit;
  return SR_WEBSOCKET_BROKEN;
}

SrWebsocketInflated sr_websocket_inflate_end(SrWebsocketInflater *inflater, SrBuffer *into, size_t limit) {
  (void)inflater, (void)into, (void)limit;
  return SR_WEBSOCKET_BROKEN;
}

SrWebsocketDeflater *sr_websocket_deflater_new(int bits, bool keeps) {
  (void)bits, (void)keeps;
  return NULL;
}

void sr_websocket_deflater_free(SrWebsocketDeflater *deflater) {
  (void)deflater;
}

bool sr_websocket_deflate(SrWebsocketDeflater *deflater, const char *bytes, size_t count, SrBuffer *into) {
  (void)deflater, (void)bytes, (void)count, (void)into;
  return false;
}

#endif
