/* SPDX-License-Identifier: MIT */
/*
** The head of a message, of a request or of a response, as RFC 9112 has it and in no other way.
**
** Bytes in, and out come places in those bytes: nothing is copied. A head that is not there yet is read on when more
** has come; what is found wrong, and at which byte, does not depend on how the bytes were cut. All numbers of bytes are
** counted from the front of the head.
*/
#ifndef SR_WIRE_MESSAGE_H
#define SR_WIRE_MESSAGE_H

#include "wire/framing.h"
#include "wire/target.h"

typedef struct SrWireLimits {
  size_t head;     /* bytes of a head; also of the extensions and trailers of a body */
  size_t line;     /* bytes of one line of a head, with its end; 0: as of all of it */
  size_t trailer;  /* the same of a line behind a body */
  size_t target;   /* bytes of a target */
  unsigned fields; /* lines of a head; also of trailers */
} SrWireLimits;

typedef struct SrWireMessage {
  size_t line;       /* where the next line begins */
  size_t scanned;    /* up to here there is no end of it */
  unsigned fields;   /* how many lines there were behind the first one */
  bool may_fold;     /* of a response: the latest header may go on in the next line */
  bool sets_cookies; /* there is a Set-Cookie */
  bool is_coded;     /* there is a Content-Encoding */

  size_t length;      /* of the whole head; 0 as long as it is not there */
  unsigned first;     /* length of the first line with its end: there the headers begin */
  int status;         /* of a response */
  unsigned reason_at; /* and its phrase */
  unsigned reason_length;
  unsigned method;    /* of a request, the length of the method at its front */
  unsigned target_at; /* and what it asks for */
  unsigned target_length;
  SrWireTarget target; /* which is taken apart; its numbers are counted from target_at */
  SrWireFraming framing;
} SrWireMessage;

/* A head of which nothing is known yet. */
void sr_wire_message_open(SrWireMessage *message, bool is_response);

/* How many bytes of empty lines stand before a request: they are to be taken off, and the head is opened anew. */
size_t sr_wire_message_blank(const char *bytes, size_t count);

/*
** Reads a head, whose bytes from its front on are these. `length` is set once it is there. After a fault it must not
** be read on.
*/
SrWireFaultKind sr_wire_message_read(SrWireMessage *message, const char *bytes, size_t count,
                                     const SrWireLimits *limits);

/*
** The same of a head that comes line by line, without their ends: takes the next line, which is to be kept by whoever
** wants it. With the empty one `length` is not 0 any more, and says nothing else.
*/
SrWireFaultKind sr_wire_message_add(SrWireMessage *message, SrWireText line, const SrWireLimits *limits);

/* Whether another message may follow on the connection, as far as the head of this one has its say. */
bool sr_wire_message_persists(const SrWireMessage *message);

/* The next header of a head that was read, of a folded one its first line; `*at` begins as `first`. False: there is none. */
bool sr_wire_field_next(SrWireText head, size_t *at, SrWireText *name, SrWireText *value);
/* The first header of that name, which is in lower case. False: there is none. */
bool sr_wire_field_find(const SrWireMessage *message, const char *bytes, const char *name, SrWireText *value);
/* Whether this is a line of a head, without its end; gives name and value. */
SrWireFaultKind sr_wire_field_read(SrWireText line, SrWireText *name, SrWireText *value);

#endif
