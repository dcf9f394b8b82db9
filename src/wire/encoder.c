/* SPDX-License-Identifier: MIT */
/*
** Encoders over zlib, brotli and zstd, see encoder.h. Their levels are those for content that is made for each request:
** a third of the size for little time.
*/
#include "wire/encoder.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* So much room the result has at once. */
enum { ROOM = 16384 };

typedef struct Input {
  const unsigned char *bytes;
  size_t left;
} Input;

/* One step: from the input to `room` bytes at most, whose number it gives. */
typedef struct Coding {
  const char *name;
  void *(*open)(void);
  /* Sets `*has_more` if there is more to come of what was taken. False: it failed. */
  bool (*run)(void *state, Input *in, SrWireFlush flush, unsigned char *room, size_t *count, bool *has_more);
  void (*close)(void *state);
} Coding;

struct SrWireEncoder {
  const Coding *coding;
  void *state;
};

#ifdef SAROS_BROTLIENC

#include <brotli/encode.h>

enum { BROTLI_LEVEL = 4, BROTLI_WINDOW = 19 };

static void *open_brotli(void) {
  BrotliEncoderState *state = BrotliEncoderCreateInstance(NULL, NULL, NULL);
  if (state == NULL) return NULL;
  BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, BROTLI_LEVEL);
  BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, BROTLI_WINDOW);
  return state;
}

static bool run_brotli(void *state, Input *in, SrWireFlush flush, unsigned char *room, size_t *count, bool *has_more) {
  static const BrotliEncoderOperation operations[] = {BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH,
                                                      BROTLI_OPERATION_FINISH};
  size_t left = ROOM;
  if (!BrotliEncoderCompressStream(state, operations[flush], &in->left, &in->bytes, &left, &room, NULL)) return false;
  *count = ROOM - left;
  *has_more = BrotliEncoderHasMoreOutput(state);
  return true;
}

static void close_brotli(void *state) {
  BrotliEncoderDestroyInstance(state);
}

#endif

#ifdef SAROS_ZSTD

#include <zstd.h>

enum { ZSTD_LEVEL = 3, ZSTD_WINDOW = 19 };

static void *open_zstd(void) {
  ZSTD_CCtx *state = ZSTD_createCCtx();
  if (state == NULL) return NULL;
  ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, ZSTD_LEVEL);
  ZSTD_CCtx_setParameter(state, ZSTD_c_windowLog, ZSTD_WINDOW);
  return state;
}

static bool run_zstd(void *state, Input *in, SrWireFlush flush, unsigned char *room, size_t *count, bool *has_more) {
  static const ZSTD_EndDirective directives[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
  ZSTD_inBuffer input = {in->bytes, in->left, 0};
  ZSTD_outBuffer output = {room, ROOM, 0};
  size_t rest = ZSTD_compressStream2(state, &output, &input, directives[flush]);
  if (ZSTD_isError(rest)) return false;
  in->bytes += input.pos;
  in->left -= input.pos;
  *count = output.pos;
  *has_more = flush != SR_WIRE_NO_FLUSH && rest > 0;
  return true;
}

static void close_zstd(void *state) {
  ZSTD_freeCCtx(state);
}

#endif

#ifdef SAROS_ZLIB

#include <zlib.h>

enum { GZIP_LEVEL = 6, GZIP_MEMORY = 8 };

static void *open_gzip(void) {
  z_stream *state = calloc(1, sizeof *state);
  if (state == NULL) return NULL;
  if (deflateInit2(state, GZIP_LEVEL, Z_DEFLATED, MAX_WBITS + 16, GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
    return state;
  free(state);
  return NULL;
}

static bool run_gzip(void *opaque, Input *in, SrWireFlush flush, unsigned char *room, size_t *count, bool *has_more) {
  static const int modes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
  z_stream *state = opaque;
  uInt taken = in->left < INT_MAX ? (uInt)in->left : INT_MAX;
  state->next_in = (unsigned char *)in->bytes;
  state->avail_in = taken;
  state->next_out = room;
  state->avail_out = ROOM;
  int status = deflate(state, modes[flush]);
  if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) return false;
  in->bytes += taken - state->avail_in;
  in->left -= taken - state->avail_in;
  *count = ROOM - state->avail_out;
  *has_more = state->avail_out == 0;
  return true;
}

static void close_gzip(void *state) {
  deflateEnd(state);
  free(state);
}

#endif

static const Coding codings[] = {
#ifdef SAROS_ZSTD
    {.name = "zstd", .open = open_zstd, .run = run_zstd, .close = close_zstd},
#endif
#ifdef SAROS_BROTLIENC
    {.name = "br", .open = open_brotli, .run = run_brotli, .close = close_brotli},
#endif
#ifdef SAROS_ZLIB
    {.name = "gzip", .open = open_gzip, .run = run_gzip, .close = close_gzip},
#endif
    {.name = NULL},
};

const char *const sr_wire_encodings[] = {
#ifdef SAROS_ZSTD
    "zstd",
#endif
#ifdef SAROS_BROTLIENC
    "br",
#endif
#ifdef SAROS_ZLIB
    "gzip",
#endif
    NULL,
};

SrWireEncoder *sr_wire_encoder_new(const char *name) {
  for (const Coding *coding = codings; coding->name != NULL; coding++) {
    if (strcmp(coding->name, name) != 0) continue;
    SrWireEncoder *encoder = malloc(sizeof *encoder);
    if (encoder == NULL) return NULL;
    *encoder = (SrWireEncoder){.coding = coding, .state = coding->open()};
    if (encoder->state != NULL) return encoder;
    free(encoder);
    return NULL;
  }
  return NULL;
}

void sr_wire_encoder_free(SrWireEncoder *encoder) {
  if (encoder == NULL) return;
  encoder->coding->close(encoder->state);
  free(encoder);
}

bool sr_wire_encoder_run(SrWireEncoder *encoder, const char *bytes, size_t count, SrWireFlush flush, SrBuffer *out) {
  Input in = {(const unsigned char *)bytes, count};
  bool has_more;
  do {
    unsigned char room[ROOM];
    size_t written;
    if (!encoder->coding->run(encoder->state, &in, flush, room, &written, &has_more)) return false;
    if (!sr_buffer_append(out, (const char *)room, written)) return false;
  } while (in.left > 0 || has_more);
  return true;
}
