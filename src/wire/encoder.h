/* SPDX-License-Identifier: MIT */
/*
** The content codings of HTTP the other way round: what a server sends. As many as their libraries were there when this
** was built.
*/
#ifndef SR_WIRE_ENCODER_H
#define SR_WIRE_ENCODER_H

#include "base/buffer.h"

typedef struct SrWireEncoder SrWireEncoder;

/* What is to be there of the result when some bytes have been taken. */
typedef enum SrWireFlush {
  SR_WIRE_NO_FLUSH, /* as much as comes by itself */
  SR_WIRE_FLUSH,    /* enough to decode all of them */
  SR_WIRE_FINISH    /* everything: these were the last ones */
} SrWireFlush;

/* The names of all that there are, the one that is liked best first; ends with NULL. */
extern const char *const sr_wire_encodings[];

/* NULL: no such coding, or no memory. */
SrWireEncoder *sr_wire_encoder_new(const char *name);
void sr_wire_encoder_free(SrWireEncoder *encoder);

/* Encodes bytes to the end of `out`. False: no memory, and the encoder is of no more use. */
bool sr_wire_encoder_run(SrWireEncoder *encoder, const char *bytes, size_t count, SrWireFlush flush, SrBuffer *out);

#endif
