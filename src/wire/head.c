/* SPDX-License-Identifier: MIT */
/*
** Reading heads, see head.h. The lines come from libcurl, which has seen to a part of their form. What it takes for
** granted is checked here: lengths, and whatever a later reader could take for something else than libcurl did.
*/
#include "wire/head.h"

#include <string.h>
#include <strings.h>

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
  head->ended = head->cookies = head->coded = head->chunked = head->fields = false;
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

/* Whether "chunked" is one of the names in the list. A name that only contains it is another one, for libcurl too. */
static bool names_chunks(const char *value, size_t size) {
  static const char word[] = "chunked";
  for (size_t start = 0, stop; start < size; start = stop + 1) {
    while (start < size && strchr(" \t", value[start]) != NULL) start++;
    for (stop = start; stop < size && value[stop] != ',';) stop++;
    size_t length = stop - start;
    while (length > 0 && strchr(" \t\r\n", value[start + length - 1]) != NULL) length--;
    if (length == sizeof word - 1 && strncasecmp(value + start, word, length) == 0) return true;
  }
  return false;
}

/* Whether there is a return that does not end the line. Some readers take it for the end of one. */
static bool has_bare_return(const char *line, size_t length) {
  const char *found = memchr(line, '\r', length);
  return found != NULL && (found + 2 != line + length || found[1] != '\n');
}

/*
** Whether the line says where the body ends in a way that libcurl does not see: with blanks before its colon, or as a
** folded line behind such a header.
*/
static bool hides_size(const SrWireHead *head, const char *line, size_t length) {
  const char *rest = NULL;
  char first = (char)(line[0] | 32);
  if (line[0] == ' ' || line[0] == '\t') return head->sizing;
  if (first == 'c') rest = VALUE_OF("content-length", line, length);
  if (first == 't') rest = VALUE_OF("transfer-encoding", line, length);
  return rest != NULL && rest < line + length && (*rest == ' ' || *rest == '\t');
}

/* Looks at the few headers that matter here. False: contradictory lengths. */
static bool look_at(SrWireHead *head, const char *line, size_t length) {
  const char *value;
  char first = (char)(line[0] | 32);
  head->sizing = false;
  head->fields = true;
  if (first == 's' && VALUE_OF("set-cookie:", line, length) != NULL) head->cookies = true;
  if (first == 't' && (value = VALUE_OF("transfer-encoding:", line, length)) != NULL) {
    head->framed = head->sizing = head->coded = true;
    head->chunked |= names_chunks(value, length - (size_t)(value - line));
  }
  if (first != 'c') return true;
  if ((value = VALUE_OF("content-encoding:", line, length)) != NULL)
    sr_wire_codings_add(&head->codings, value, length - (size_t)(value - line));
  if ((value = VALUE_OF("content-length:", line, length)) == NULL) return true;
  head->sizing = true;
  return add_length(head, value, length - (size_t)(value - line));
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
  static const SrWireFault lengths = {"EPROTO", "contradictory Content-Length"};
  static const SrWireFault returns = {"EPROTO", "a bare CR in the headers"};
  static const SrWireFault hidden = {"EPROTO", "a malformed Content-Length or Transfer-Encoding"};
  if (length == 0) return NULL;
  if (has_bare_return(line, length)) return &returns;
  head->total += length;
  if (head->total > HEAD_BOUND) return &too_large;
  if ((head->status == 0 || head->ended) && length >= 5 && memcmp(line, "HTTP/", 5) == 0)
    start(head, line, length);
  else if (line[0] == '\r' || line[0] == '\n')
    return end(head);
  else if (hides_size(head, line, length))
    return &hidden;
  else if (!look_at(head, line, length))
    return &lengths;
  return NULL;
}

bool sr_wire_head_begins(const SrWireHead *head) {
  return !head->fields && !head->ended;
}
