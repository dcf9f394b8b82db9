/* SPDX-License-Identifier: MIT */
/*
** Reading heads, see head.h. The lines come from libcurl, which mends what it can. Here they are taken to the letter, as
** our own connections take them: another reader could take for something else what has to be mended.
*/
#include "wire/head.h"

#include <string.h>
#include <strings.h>

#include "wire/token.h"

/* A head larger than this is no head. */
enum { HEAD_BOUND = 262144 };

static void start(SrWireHead *head, const char *line, size_t length) {
  const char *blank = memchr(line, ' ', length);
  size_t left = blank != NULL ? length - (size_t)(blank - line) : 0;
  head->status = 0;
  for (size_t i = 1; i < left && i <= 3 && blank[i] >= '0' && blank[i] <= '9'; i++)
    head->status = head->status * 10 + (blank[i] - '0');
  head->length = -1;
  head->codings = (SrWireCodings){0};
  head->ended = head->cookies = head->coded = head->named = head->chunked = head->fields = false;
  head->framed = length > 5 && line[5] != '1'; /* HTTP/2 */
}

/* What follows this name (lower case), which with its colon is the value, if the line begins with it, else NULL. */
static const char *value_of(const char *name, size_t size, const char *line, size_t length) {
  return length >= size && strncasecmp(line, name, size) == 0 ? line + size : NULL;
}

#define VALUE_OF(name, line, length) value_of(name, sizeof(name) - 1, line, length)

/* Of two lengths a proxy before us may have believed the other one, so they have to be equal. False: they are not. */
static bool add_length(SrWireHead *head, const char *value, size_t size) {
  int64_t length = 0;
  size_t i = 0;
  while (i < size && (value[i] == ' ' || value[i] == '\t')) i++;
  if (i == size || value[i] < '0' || value[i] > '9') return false;
  for (; i < size && value[i] >= '0' && value[i] <= '9'; i++) {
    if (length > (INT64_MAX - 9) / 10) return false;
    length = length * 10 + (value[i] - '0');
  }
  while (i < size && strchr(" \t\r\n", value[i]) != NULL) i++;
  if (i < size || (head->length >= 0 && head->length != length)) return false;
  head->length = length;
  head->framed = true;
  return true;
}

/* Nothing may follow "chunked", be it on another line. False: something does, or is no name. */
static bool add_codings(SrWireHead *head, const char *value, size_t size) {
  SrWireText list = {value, size - strlen("\r\n")}, coding;
  while (sr_wire_list_next(&list, &coding)) {
    size_t name = sr_wire_token_span(coding.bytes, coding.length);
    if (head->chunked || name == 0) return false;
    head->chunked = sr_wire_is_word((SrWireText){coding.bytes, name}, "chunked");
    if (head->chunked && name < coding.length) return false;
    head->named = true;
  }
  return true;
}

/* Whether the line is a header, or goes on with one that says nothing of where the message ends. */
static bool is_field(const SrWireHead *head, const char *line, size_t length) {
  size_t name = sr_wire_token_span(line, length);
  if (sr_wire_is_blank(line[0])) return !head->sizing;
  return name > 0 && name < length && line[name] == ':';
}

static const SrWireFault bad_coding = {"EPROTO", "a Transfer-Encoding that does not end with one 'chunked'"};

/* Looks at the few headers that matter here. NULL, or what is wrong. */
static const SrWireFault *look_at(SrWireHead *head, const char *line, size_t length) {
  static const SrWireFault bad_length = {"EPROTO", "contradictory Content-Length"};
  const char *value;
  char first = (char)(line[0] | 32);
  head->sizing = false;
  head->fields = true;
  if (first == 's' && VALUE_OF("set-cookie:", line, length) != NULL) head->cookies = true;
  if (first == 't' && (value = VALUE_OF("transfer-encoding:", line, length)) != NULL) {
    head->framed = head->sizing = head->coded = true;
    return add_codings(head, value, length - (size_t)(value - line)) ? NULL : &bad_coding;
  }
  if (first != 'c') return NULL;
  if (VALUE_OF("connection:", line, length) != NULL) head->sizing = true;
  if ((value = VALUE_OF("content-encoding:", line, length)) != NULL)
    sr_wire_codings_add(&head->codings, value, length - (size_t)(value - line));
  if ((value = VALUE_OF("content-length:", line, length)) == NULL) return NULL;
  head->sizing = true;
  return add_length(head, value, length - (size_t)(value - line)) ? NULL : &bad_length;
}

static const SrWireFault too_large = {"ETOOLARGE", "the response headers are too large"};

const SrWireFault *sr_wire_head_trail(SrWireHead *head, size_t length) {
  head->trailed += length;
  return head->trailed > HEAD_BOUND ? &too_large : NULL;
}

/* A switch of protocols is refused: what comes behind it is no HTTP, and has no end. */
static const SrWireFault *end(SrWireHead *head) {
  static const SrWireFault status = {"EPROTO", "the response has no valid status line"};
  static const SrWireFault switches = {"EPROTO",
                                       "the server switches to another protocol (101), which is not supported"};
  if (head->coded && !head->named) return &bad_coding;
  head->ended = true;
  if (head->status == 204)
    head->contradictory = head->coded || head->length > 0;
  else
    head->contradictory = head->coded && head->length >= 0;
  if (head->chunked) head->length = -1; /* the chunks say where it ends, whatever else was said */
  if (head->status == 101) return &switches;
  return head->status >= 100 ? NULL : &status;
}

const SrWireFault *sr_wire_head_add(SrWireHead *head, const char *line, size_t length) {
  static const SrWireFault newline = {"EPROTO", "a bare LF"};
  static const SrWireFault field = {"EPROTO", "a malformed header"};
  if (length == 0) return NULL;
  if (length == 1 || line[length - 2] != '\r') return &newline;
  if (!sr_wire_is_value(line, length - 2)) return &field;
  head->total += length;
  if (head->total > HEAD_BOUND) return &too_large;
  if (length == 2) return end(head);
  if ((head->status == 0 || head->ended) && length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    start(head, line, length);
    return NULL;
  }
  return is_field(head, line, length) ? look_at(head, line, length) : &field;
}

bool sr_wire_head_begins(const SrWireHead *head) {
  return !head->fields && !head->ended;
}
