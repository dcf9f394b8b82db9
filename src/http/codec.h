/* SPDX-License-Identifier: MIT */
/*
** The content codings of HTTP: gzip, deflate, br and zstd, as far as their libraries were there
** when this was built. They know neither libcurl nor Lua.
*/
#ifndef SR_HTTP_CODEC_H
#define SR_HTTP_CODEC_H

#include <stddef.h>

/* What a run came to. */
typedef enum SrStep {
  SR_STEP_MORE,  /* in the middle: wants more input, or more room */
  SR_STEP_END,   /* the stream may end here */
  SR_STEP_BROKEN /* this is no such stream, or there was no memory */
} SrStep;

/* Bytes to be read, or room to be written. */
typedef struct SrSpan {
  unsigned char *bytes;
  size_t left;
} SrSpan;

typedef struct SrCodec {
  const char *name, *alias; /* as in Content-Encoding */
  void *(*open)(void);      /* NULL: no memory */
  /* Decodes from `in` to `out` and moves both on. Returns when either is used up. */
  SrStep (*run)(void *state, SrSpan *in, SrSpan *out);
  void (*close)(void *state);
} SrCodec;

/* The codec with this name, in any case; NULL if there is none. */
const SrCodec *sr_codec_find(const char *name, size_t length);

/* What to send as Accept-Encoding; NULL if nothing can be decoded. */
const char *sr_codec_names(void);

#endif
