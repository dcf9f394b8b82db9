/* SPDX-License-Identifier: MIT */
/*
** The head of a response, line by line: what one has to know of it to read what follows. Whoever wants the lines
** themselves keeps them.
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
  bool coded;            /* there is a Transfer-Encoding */
  bool named;            /* and it names a coding */
  bool chunked;          /* the last of which is "chunked" */
  bool framed;           /* the end of the body shows itself, not just by that of the connection */
  bool contradictory;    /* it says two things of its body: others may take the end of that to be elsewhere */
  bool fields;           /* there is a header line */
  bool cookies;          /* there is a Set-Cookie */
  bool ended;            /* an empty line has come */
  bool sizing;           /* the latest line says where the body ends, or the connection */
  size_t total;          /* bytes of this head and of those before it */
  size_t trailed;        /* bytes that came behind the body */
} SrWireHead;

/* What is wrong with a head. */
typedef struct SrWireFault {
  const char *code, *message;
} SrWireFault;

/* Takes the next line; a status line begins a new head. NULL, or what is wrong with it. */
const SrWireFault *sr_wire_head_add(SrWireHead *head, const char *line, size_t length);

/* Whether the latest line was the status line. */
bool sr_wire_head_begins(const SrWireHead *head);

/* Takes note of the next line behind the body. NULL, or what is wrong with it. */
const SrWireFault *sr_wire_head_trail(SrWireHead *head, size_t length);

#endif
