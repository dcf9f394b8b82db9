/* SPDX-License-Identifier: MIT */
/*
** What can be wrong with a message. For each there is what a server says to it, and words for who has to find it.
*/
#ifndef SR_WIRE_FAULT_H
#define SR_WIRE_FAULT_H

typedef enum SrWireFaultKind {
  SR_WIRE_NO_FAULT,
  SR_WIRE_BAD_START,      /* the first line is none of HTTP/1.1 */
  SR_WIRE_BAD_VERSION,    /* it is one of another HTTP */
  SR_WIRE_BAD_TARGET,     /* what is asked for is none of the four forms */
  SR_WIRE_LONG_TARGET,    /* it is longer than allowed */
  SR_WIRE_BARE_NEWLINE,   /* a line that ends without one */
  SR_WIRE_BAD_FIELD,      /* a line that is no header, or one with a bare return or another control character */
  SR_WIRE_FOLDED,         /* a line that goes on with the one before */
  SR_WIRE_LARGE_HEAD,     /* the head is larger than allowed; also extensions of chunks, and trailers */
  SR_WIRE_MANY_FIELDS,    /* there are more lines than allowed */
  SR_WIRE_BAD_HOST,       /* no Host, two, or one that is none */
  SR_WIRE_BAD_LENGTH,     /* a Content-Length that is no number, or two */
  SR_WIRE_TWO_FRAMINGS,   /* Content-Length beside Transfer-Encoding */
  SR_WIRE_BAD_CODING,     /* a Transfer-Encoding that does not end with one "chunked" */
  SR_WIRE_UNKNOWN_CODING, /* one that is not known here */
  SR_WIRE_BAD_CHUNK,      /* a chunk without a proper size, or that does not end where it says */
} SrWireFaultKind;

/* The status that a server answers with. */
int sr_wire_fault_status(SrWireFaultKind fault);
/* What is wrong. */
const char *sr_wire_fault_text(SrWireFaultKind fault);

#endif
