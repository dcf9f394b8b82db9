/* SPDX-License-Identifier: MIT */
/*
** The codecs over zlib, brotli and zstd, see codec.h.
**
** All of them have bounded memory: a window of 32 KiB, 16 MiB and 8 MiB. What follows the
** end of a stream is another stream (gzip, zstd) or an error.
*/
#include "wire/codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef SAROS_ZLIB

#include <limits.h>
#include <zlib.h>

typedef struct Inflater {
  z_stream stream;
  bool opened; /* deflate: the first byte has told which kind it is */
  bool ended;  /* at the end of a member */
} Inflater;

static void close_inflater(void *state) {
  Inflater *inflater = state;
  if (inflater->opened) inflateEnd(&inflater->stream);
  free(inflater);
}

static void *open_deflate(void) {
  return calloc(1, sizeof(Inflater));
}

static void *open_gzip(void) {
  Inflater *inflater = calloc(1, sizeof *inflater);
  if (inflater == NULL) return NULL;
  inflater->opened = inflateInit2(&inflater->stream, MAX_WBITS + 16) == Z_OK;
  if (inflater->opened) return inflater;
  close_inflater(inflater);
  return NULL;
}

static SrWireStep run_inflater(Inflater *inflater, SrWireSpan *in, SrWireSpan *out) {
  z_stream *stream = &inflater->stream;
  stream->next_in = in->bytes;
  stream->avail_in = in->left < UINT_MAX ? (uInt)in->left : UINT_MAX;
  stream->next_out = out->bytes;
  stream->avail_out = out->left < UINT_MAX ? (uInt)out->left : UINT_MAX;
  int result = inflate(stream, Z_NO_FLUSH);
  in->left -= (size_t)(stream->next_in - in->bytes);
  in->bytes = stream->next_in;
  out->left -= (size_t)(stream->next_out - out->bytes);
  out->bytes = stream->next_out;
  inflater->ended = result == Z_STREAM_END;
  if (inflater->ended) return SR_WIRE_STEP_END;
  return result == Z_OK || result == Z_BUF_ERROR ? SR_WIRE_STEP_MORE : SR_WIRE_STEP_BROKEN;
}

/* Members follow one another; zeros behind them are padding. */
static SrWireStep run_gzip(void *state, SrWireSpan *in, SrWireSpan *out) {
  Inflater *inflater = state;
  for (;;) {
    while (inflater->ended && in->left > 0 && *in->bytes == 0) in->bytes++, in->left--;
    if (inflater->ended && in->left == 0) return SR_WIRE_STEP_END;
    if (inflater->ended && inflateReset(&inflater->stream) != Z_OK) return SR_WIRE_STEP_BROKEN;
    SrWireStep step = run_inflater(inflater, in, out);
    if (step != SR_WIRE_STEP_END || in->left == 0 || out->left == 0) return step;
  }
}

/* "deflate" should be zlib's format and sometimes is not: a raw stream never begins with its 8. */
static SrWireStep run_deflate(void *state, SrWireSpan *in, SrWireSpan *out) {
  Inflater *inflater = state;
  if (inflater->ended) return in->left == 0 ? SR_WIRE_STEP_END : SR_WIRE_STEP_BROKEN;
  if (!inflater->opened) {
    if (in->left == 0) return SR_WIRE_STEP_MORE;
    int bits = (*in->bytes & 15) == 8 ? MAX_WBITS : -MAX_WBITS;
    inflater->opened = inflateInit2(&inflater->stream, bits) == Z_OK;
    if (!inflater->opened) return SR_WIRE_STEP_BROKEN;
  }
  SrWireStep step = run_inflater(inflater, in, out);
  return step == SR_WIRE_STEP_END && in->left > 0 ? SR_WIRE_STEP_BROKEN : step;
}

#endif

#ifdef SAROS_BROTLI

#include <brotli/decode.h>

static void *open_brotli(void) {
  return BrotliDecoderCreateInstance(NULL, NULL, NULL);
}

static void close_brotli(void *state) {
  BrotliDecoderDestroyInstance(state);
}

static SrWireStep run_brotli(void *state, SrWireSpan *in, SrWireSpan *out) {
  const uint8_t *bytes = in->bytes;
  if (BrotliDecoderIsFinished(state)) return in->left == 0 ? SR_WIRE_STEP_END : SR_WIRE_STEP_BROKEN;
  BrotliDecoderResult result = BrotliDecoderDecompressStream(state, &in->left, &bytes, &out->left, &out->bytes, NULL);
  in->bytes += bytes - in->bytes;
  if (result == BROTLI_DECODER_RESULT_ERROR) return SR_WIRE_STEP_BROKEN;
  if (result != BROTLI_DECODER_RESULT_SUCCESS) return SR_WIRE_STEP_MORE;
  return in->left == 0 ? SR_WIRE_STEP_END : SR_WIRE_STEP_BROKEN;
}

#endif

#ifdef SAROS_ZSTD

#include <zstd.h>

/* RFC 9659: 8 MiB is all that a sender may ask for. */
enum { ZSTD_WINDOW_LOG = 23 };

typedef struct Zstd {
  ZSTD_DStream *stream;
  bool inside; /* a frame has begun and not ended */
} Zstd;

static void close_zstd(void *state) {
  Zstd *zstd = state;
  ZSTD_freeDStream(zstd->stream);
  free(zstd);
}

static void *open_zstd(void) {
  Zstd *zstd = calloc(1, sizeof *zstd);
  if (zstd == NULL) return NULL;
  zstd->stream = ZSTD_createDStream();
  if (zstd->stream != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(zstd->stream, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
    return zstd;
  close_zstd(zstd);
  return NULL;
}

static SrWireStep run_zstd(void *state, SrWireSpan *in, SrWireSpan *out) {
  Zstd *zstd = state;
  ZSTD_inBuffer input = {in->bytes, in->left, 0};
  ZSTD_outBuffer output = {out->bytes, out->left, 0};
  if (!zstd->inside && in->left == 0) return SR_WIRE_STEP_END;
  do {
    size_t result = ZSTD_decompressStream(zstd->stream, &output, &input);
    if (ZSTD_isError(result)) return SR_WIRE_STEP_BROKEN;
    zstd->inside = result != 0;
  } while (input.pos < input.size && output.pos < output.size);
  in->bytes += input.pos;
  in->left -= input.pos;
  out->bytes += output.pos;
  out->left -= output.pos;
  return zstd->inside ? SR_WIRE_STEP_MORE : SR_WIRE_STEP_END;
}

#endif

static const SrWireCodec codecs[] = {
#ifdef SAROS_ZLIB
    {.name = "gzip", .alias = "x-gzip", .open = open_gzip, .run = run_gzip, .close = close_inflater},
    {.name = "deflate", .alias = "deflate", .open = open_deflate, .run = run_deflate, .close = close_inflater},
#endif
#ifdef SAROS_BROTLI
    {.name = "br", .alias = "br", .open = open_brotli, .run = run_brotli, .close = close_brotli},
#endif
#ifdef SAROS_ZSTD
    {.name = "zstd", .alias = "zstd", .open = open_zstd, .run = run_zstd, .close = close_zstd},
#endif
    {.name = NULL},
};

static bool is_name(const char *known, const char *name, size_t length) {
  return strlen(known) == length && strncasecmp(known, name, length) == 0;
}

const SrWireCodec *sr_wire_codec_find(const char *name, size_t length) {
  for (const SrWireCodec *codec = codecs; codec->name != NULL; codec++)
    if (is_name(codec->name, name, length) || is_name(codec->alias, name, length)) return codec;
  return NULL;
}

const char *sr_wire_codec_names(void) {
  static const char names[] = ""
#ifdef SAROS_ZLIB
                              ", gzip, deflate"
#endif
#ifdef SAROS_BROTLI
                              ", br"
#endif
#ifdef SAROS_ZSTD
                              ", zstd"
#endif
      ;
  return sizeof names > 2 ? names + 2 : NULL;
}
