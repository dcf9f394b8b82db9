/* SPDX-License-Identifier: MIT */
/*
** Where a message ends and whom it is for (RFC 9112, sections 3.2 and 6): what its headers say of that, noted while it
** is read. Two readers that disagree here can be made to see different messages, so nothing is mended, but for what RFC
** 9112 has the readers of responses take.
*/
#ifndef SR_WIRE_FRAMING_H
#define SR_WIRE_FRAMING_H

#include <stdint.h>

#include "wire/fault.h"
#include "wire/token.h"

/* Where a body ends. */
typedef enum SrWireBodyKind {
  SR_WIRE_NO_BODY,
  SR_WIRE_SIZED,      /* after so many bytes */
  SR_WIRE_CHUNKED,    /* with its last chunk */
  SR_WIRE_UNTIL_CLOSE /* with the connection */
} SrWireBodyKind;

typedef struct SrWireFraming {
  bool is_response;
  unsigned minor;         /* of the version: 0 or 1 */
  int64_t content_length; /* -1: there is none */
  unsigned hosts;         /* how many Host there are */
  unsigned host_at;       /* the value of the first one, from the front of the head on */
  unsigned host_length;
  bool has_coding;                                /* there is a Transfer-Encoding */
  bool is_chunked;                                /* which has "chunked" as its latest element */
  bool has_unknown;                               /* and another one */
  bool says_close, says_keep_alive, says_upgrade; /* in Connection */
  bool expects_continue;
  bool has_expectation; /* of another kind */
} SrWireFraming;

/* Whether a header of that name is one that is noted. */
bool sr_wire_framing_knows(SrWireText name);

/* Notes what a header says; `bytes` is the front of the head. */
SrWireFaultKind sr_wire_framing_note(SrWireFraming *framing, const char *bytes, SrWireText name, SrWireText value);

/* All headers are there: whether they go together. */
SrWireFaultKind sr_wire_framing_check(const SrWireFraming *framing);

/* Where the body of a request ends. */
SrWireBodyKind sr_wire_framing_of_request(const SrWireFraming *framing);
/* And that of a response with that status to a request with that method. */
SrWireBodyKind sr_wire_framing_of_response(const SrWireFraming *framing, int status, SrWireText method);
/* Whether another message may follow on the connection, as far as this one has its say. */
bool sr_wire_framing_persists(const SrWireFraming *framing);

#endif
