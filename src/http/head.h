/* SPDX-License-Identifier: MIT */
/*
** The head of an answer, line by line as libcurl brings it: what C has to know of it, and all of it
** for Lua.
*/
#ifndef SR_HTTP_HEAD_H
#define SR_HTTP_HEAD_H

#include <stdint.h>

#include "base/buffer.h"
#include "http/decoder.h"

typedef struct SrHead {
  int status;            /* 0 before the status line */
  int64_t length;        /* Content-Length, -1 without one */
  SrCodings codings;     /* Content-Encoding */
  unsigned char chunked; /* Transfer-Encoding */
  unsigned char framed;  /* the end of the body shows itself, not just by that of the connection */
  unsigned char ended;   /* an empty line has come */
  unsigned char cookies; /* there is a Set-Cookie */
  unsigned char fields;  /* there is a header line */
  unsigned char within;  /* a piece of a line has come that did not end it */
  unsigned char sizing;  /* the latest line was one that says where the body ends */
  size_t total;          /* bytes of this head and of those before it */
  SrBuffer lines;        /* status line and header lines */
  size_t trailed;        /* bytes that came behind the body */
} SrHead;

/* What is wrong with a head. */
typedef struct SrHeadFault {
  const char *code, *message;
} SrHeadFault;

/*
** To be asked of each piece of a line before libcurl takes note of the line. NULL, or what is wrong with it: libcurl
** 7.88 adds a folded line to the header before it, even where that was freed with a former head.
*/
const SrHeadFault *sr_head_foresee(SrHead *head, const char *piece, size_t length);

/* Takes note of the next line behind the body. NULL, or what is wrong with it. */
const SrHeadFault *sr_head_trail(SrHead *head, size_t length);

/* Takes the next line; a status line begins a new head. NULL, or what is wrong with it. */
const SrHeadFault *sr_head_add(SrHead *head, const char *line, size_t length);

#endif
