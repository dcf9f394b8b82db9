/* SPDX-License-Identifier: MIT */
/*
** The small words that heads are made of (RFC 9110, section 5.6): tokens, values, and lists of tokens.
*/
#ifndef SR_WIRE_TOKEN_H
#define SR_WIRE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* A part of a message that somebody else holds. */
typedef struct SrWireText {
  const char *bytes;
  size_t length;
} SrWireText;

/* How many bytes at the front are those of a token. */
size_t sr_wire_token_span(const char *bytes, size_t length);

/* Whether all of it is one token, of at least one byte. */
bool sr_wire_is_token(const char *bytes, size_t length);

/* Whether a value may be sent: nothing that a reader could take for the end of a line, and no control characters. */
bool sr_wire_is_value(const char *bytes, size_t length);

/* Whether it is that word, in any case; the word is in lower case, and not empty. Most are told apart by a letter. */
static inline bool sr_wire_is_word(SrWireText text, const char *word) {
  return strlen(word) == text.length && (*text.bytes | 32) == (*word | 32) &&
         strncasecmp(text.bytes, word, text.length) == 0;
}

static inline bool sr_wire_is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

/* The text without blanks and tabs at both ends. */
static inline SrWireText sr_wire_trim(SrWireText text) {
  while (text.length > 0 && sr_wire_is_blank(*text.bytes)) text.bytes++, text.length--;
  while (text.length > 0 && sr_wire_is_blank(text.bytes[text.length - 1])) text.length--;
  return text;
}

/* Takes the next element off a list that commas divide, without blanks; empty ones are passed over. False: the end. */
bool sr_wire_list_next(SrWireText *list, SrWireText *element);

/* The value of a hexadecimal digit, or -1. */
int sr_wire_digit(char byte);

#endif
