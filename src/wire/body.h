/* SPDX-License-Identifier: MIT */
/*
** A body as it comes over the wire: sized, in chunks, or up to the end of the connection. It gives the places of its
** data in the bytes that came; nothing is copied. Extensions of chunks and trailers are checked, counted and dropped.
*/
#ifndef SR_WIRE_BODY_H
#define SR_WIRE_BODY_H

#include "wire/message.h"

/* Where one is in a body. */
typedef enum SrWireBodyPlace {
  SR_WIRE_IN_DATA,     /* `left` bytes are to come */
  SR_WIRE_IN_SIZE,     /* in the line before a chunk */
  SR_WIRE_IN_DATA_END, /* in the line end behind its data */
  SR_WIRE_IN_TRAILER,  /* in a line behind the last one */
  SR_WIRE_AT_END       /* nothing more is to come */
} SrWireBodyPlace;

typedef struct SrWireBody {
  SrWireBodyKind kind;
  SrWireBodyPlace place;
  uint64_t left;   /* of the data of a chunk, or of a sized body */
  size_t extra;    /* bytes of extensions and trailers so far */
  unsigned fields; /* trailers so far */
} SrWireBody;

/* What was found in some bytes. */
typedef struct SrWirePart {
  size_t taken;  /* so many of them are of no more use once the data has been used */
  size_t at;     /* where data is */
  size_t length; /* and how much; 0: none is there yet, or the body has ended */
  SrWireFaultKind fault;
} SrWirePart;

/* A body of that kind; `length` is that of a sized one. */
void sr_wire_body_open(SrWireBody *body, SrWireBodyKind kind, int64_t length);

/* Looks for data, at most `most` bytes. What is not `taken` has to be given again, with more behind it. */
SrWirePart sr_wire_body_take(SrWireBody *body, const char *bytes, size_t count, size_t most,
                             const SrWireLimits *limits);

static inline bool sr_wire_body_has_ended(const SrWireBody *body) {
  return body->place == SR_WIRE_AT_END;
}

#endif
