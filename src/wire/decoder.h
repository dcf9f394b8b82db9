/* SPDX-License-Identifier: MIT */
/*
** Decoding a body: the codings its head named, undone one after another.
**
** Bytes are decoded when somebody reads them, and no more than that, so a small body that
** means a large one costs neither memory nor time before.
*/
#ifndef SR_WIRE_DECODER_H
#define SR_WIRE_DECODER_H

#include <stdbool.h>
#include "base/buffer.h"
#include "wire/codec.h"

/* As many as libcurl lets a server name; it refuses more. */
enum { SR_WIRE_CODINGS_MAX = 5 };

/* What Content-Encoding says. Zeroed before use. */
typedef struct SrWireCodings {
  const SrWireCodec *codecs[SR_WIRE_CODINGS_MAX]; /* in the order in which they were applied */
  unsigned char count;                            /* of codecs */
  bool opaque;                                    /* one of them is unknown: the body passes through */
} SrWireCodings;

/* Adds the value of a Content-Encoding header. */
void sr_wire_codings_add(SrWireCodings *codings, const char *value, size_t length);

/* Whether there is something to decode. */
static inline bool sr_wire_codings_any(const SrWireCodings *codings) {
  return codings->count > 0 && !codings->opaque;
}

typedef struct SrWireDecoder SrWireDecoder;

/* NULL: no memory. */
SrWireDecoder *sr_wire_decoder_new(const SrWireCodings *codings);
void sr_wire_decoder_free(SrWireDecoder *decoder);

/*
** Takes from the front of `source` and writes at most `size` bytes to `out`, `count` tells how many.
** Nothing is written only when the source is used up, or broken: then it is so for good.
*/
SrWireStep sr_wire_decoder_run(SrWireDecoder *decoder, SrBuffer *source, char *out, size_t size, size_t *count);

/* Whether a source that ends here ends at an end. */
bool sr_wire_decoder_ended(const SrWireDecoder *decoder);

#endif
