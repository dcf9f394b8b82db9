/* SPDX-License-Identifier: MIT */
/*
** Heads of responses that come line by line, as libcurl gives them, which mends what it can. Here they are read as our
** own connections read them: another reader could take for something else what has to be mended.
*/
#ifndef SR_WIRE_LINES_H
#define SR_WIRE_LINES_H

#include "wire/head.h"
#include "wire/message.h"

/* Zeroed before use. */
typedef struct SrWireLines {
  SrWireMessage message; /* the present head */
  size_t total;          /* bytes of it and of those before it */
  size_t trailed;        /* bytes that came behind the body */
  bool begun;            /* there was one */
} SrWireLines;

/*
** Takes the next line, and notes what it says in `head`; behind an empty line a new head begins. `framed`: it has come
** over HTTP/2, which has a status line of its own.
*/
SrWireFaultKind sr_wire_lines_add(SrWireLines *lines, SrWireHead *head, SrWireText line, bool framed,
                                  const SrWireLimits *limits);

/* Whether the latest line was the status line. */
bool sr_wire_lines_begin(const SrWireLines *lines);

/* Takes note of the next line behind the body. */
SrWireFaultKind sr_wire_lines_trail(SrWireLines *lines, size_t length, const SrWireLimits *limits);

#endif
