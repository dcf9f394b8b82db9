/* SPDX-License-Identifier: MIT */
/*
** What one has to know of the head of a response to read what follows.
*/
#ifndef SR_WIRE_HEAD_H
#define SR_WIRE_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/decoder.h"

/* Zeroed before use, but for `length`. */
typedef struct SrWireHead {
  int status;            /* 0 before the status line */
  int64_t length;        /* Content-Length, -1 without one */
  SrWireCodings codings; /* Content-Encoding */
  bool chunked;          /* the body comes in chunks */
  bool cookies;          /* there is a Set-Cookie */
  bool ended;            /* an empty line has come */
} SrWireHead;

#endif
