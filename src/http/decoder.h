/* SPDX-License-Identifier: MIT */
/*
** Decoding a body: the codings its head named, undone one after another.
**
** Bytes are decoded when somebody reads them, and no more than that, so a small body that
** means a large one costs neither memory nor time before.
*/
#ifndef SR_HTTP_DECODER_H
#define SR_HTTP_DECODER_H

#include "base/buffer.h"
#include "http/codec.h"

/* As many as libcurl lets a server name; it refuses more. */
#define SR_CODINGS_MAX 5

/* What Content-Encoding says. Zeroed before use. */
typedef struct SrCodings {
  const SrCodec *codecs[SR_CODINGS_MAX]; /* in the order in which they were applied */
  unsigned char count;                   /* of codecs */
  unsigned char opaque;                  /* one of them is unknown: the body passes through */
} SrCodings;

/* Adds the value of a Content-Encoding header. */
void sr_codings_add(SrCodings *codings, const char *value, size_t length);

/* Whether there is something to decode. */
static inline int sr_codings_any(const SrCodings *codings) {
  return codings->count > 0 && !codings->opaque;
}

typedef struct SrDecoder SrDecoder;

/* NULL: no memory. */
SrDecoder *sr_decoder_new(const SrCodings *codings);
void sr_decoder_free(SrDecoder *decoder);

/*
** Takes from the front of `source` and writes at most `size` bytes to `out`, `count` tells how many.
** Nothing is written only when the source is used up, or broken: then it is so for good.
*/
SrStep sr_decoder_run(SrDecoder *decoder, SrBuffer *source, char *out, size_t size, size_t *count);

/* Whether a source that ends here ends at an end. */
int sr_decoder_ended(const SrDecoder *decoder);

#endif
