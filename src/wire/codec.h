/* SPDX-License-Identifier: MIT */
/*
** The content codings of HTTP: gzip, deflate, br and zstd, as far as their libraries were there
** when this was built. They know neither libcurl nor Lua.
*/
#ifndef SR_WIRE_CODEC_H
#define SR_WIRE_CODEC_H

#include <stddef.h>

/* What a run came to. */
typedef enum SrWireStep {
  SR_WIRE_STEP_MORE,  /* in the middle: wants more input, or more room */
  SR_WIRE_STEP_END,   /* the stream may end here */
  SR_WIRE_STEP_BROKEN /* this is no such stream, or there was no memory */
} SrWireStep;

/* Bytes to be read, or room to be written. */
typedef struct SrWireSpan {
  unsigned char *bytes;
  size_t left;
} SrWireSpan;

typedef struct SrWireCodec {
  const char *name, *alias; /* as in Content-Encoding */
  void *(*open)(void);      /* NULL: no memory */
  /* Decodes from `in` to `out` and moves both on. Returns when either is used up. */
  SrWireStep (*run)(void *state, SrWireSpan *in, SrWireSpan *out);
  void (*close)(void *state);
} SrWireCodec;

/* The codec with this name, in any case; NULL if there is none. */
const SrWireCodec *sr_wire_codec_find(const char *name, size_t length);

/* What to send as Accept-Encoding; NULL if nothing can be decoded. */
const char *sr_wire_codec_names(void);

#endif
