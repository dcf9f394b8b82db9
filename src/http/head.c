/* SPDX-License-Identifier: MIT */
/*
** Reading heads, see head.h. libcurl has seen to their form; the lengths it takes for granted are
** checked here.
*/
#include "http/head.h"

#include <string.h>
#include <strings.h>

/* A head larger than this is no head. */
#define HEAD_BOUND 262144

static void start(SrHead *head, const char *line, size_t length) {
  const char *blank = memchr(line, ' ', length);
  size_t left = blank != NULL ? length - (size_t)(blank - line) : 0;
  head->status = 0;
  for (size_t i = 1; i < left && i <= 3 && blank[i] >= '0' && blank[i] <= '9'; i++)
    head->status = head->status * 10 + (blank[i] - '0');
  head->length = -1;
  head->codings = (SrCodings){0};
  head->ended = head->cookies = head->chunked = 0;
  head->framed = length > 5 && line[5] != '1'; /* HTTP/2 */
  sr_buffer_clear(&head->lines);
}

/* The value of the line if its name (lower case, with its colon) is this one, else NULL. */
static const char *value_of(const char *name, size_t size, const char *line, size_t length) {
  return length >= size && strncasecmp(line, name, size) == 0 ? line + size : NULL;
}

#define VALUE_OF(name, line, length) value_of(name, sizeof(name) - 1, line, length)

/* Two answers to where the body ends are two answers: a proxy may have believed the other one. */
static int add_length(SrHead *head, const char *value, size_t size) {
  int64_t length = 0;
  size_t i = 0;
  while (i < size && (value[i] == ' ' || value[i] == '\t')) i++;
  if (i == size || value[i] < '0' || value[i] > '9') return 0;
  for (; i < size && value[i] >= '0' && value[i] <= '9'; i++) {
    if (length > (INT64_MAX - 9) / 10) return 0;
    length = length * 10 + (value[i] - '0');
  }
  while (i < size && strchr(" \t\r\n", value[i]) != NULL) i++;
  if (i < size || (head->length >= 0 && head->length != length)) return 0;
  head->length = length;
  head->framed = 1;
  return 1;
}

/* Whether "chunked" is in the list: then libcurl gives chunks, and not for a name that only contains it. */
static unsigned char names_chunks(const char *value, size_t size) {
  static const char word[] = "chunked";
  for (size_t start = 0, stop; start < size; start = stop + 1) {
    while (start < size && strchr(" \t", value[start]) != NULL) start++;
    for (stop = start; stop < size && value[stop] != ',';) stop++;
    size_t length = stop - start;
    while (length > 0 && strchr(" \t\r\n", value[start + length - 1]) != NULL) length--;
    if (length == sizeof word - 1 && strncasecmp(value + start, word, length) == 0) return 1;
  }
  return 0;
}

/* Looks at the few headers that matter here. False: contradictory lengths. */
static int look_at(SrHead *head, const char *line, size_t length) {
  const char *value;
  char first = (char)(line[0] | 32);
  if (first == 's' && VALUE_OF("set-cookie:", line, length) != NULL) head->cookies = 1;
  if (first == 't' && (value = VALUE_OF("transfer-encoding:", line, length)) != NULL) {
    head->framed = 1;
    head->chunked |= names_chunks(value, length - (size_t)(value - line));
  }
  if (first != 'c') return 1;
  if ((value = VALUE_OF("content-encoding:", line, length)) != NULL)
    sr_codings_add(&head->codings, value, length - (size_t)(value - line));
  if ((value = VALUE_OF("content-length:", line, length)) != NULL)
    return add_length(head, value, length - (size_t)(value - line));
  return 1;
}

static const SrHeadFault too_large = {"ETOOLARGE", "the response headers are too large"};

const SrHeadFault *sr_head_trail(SrHead *head, size_t length) {
  head->trailed += length;
  return head->trailed > HEAD_BOUND ? &too_large : NULL;
}

const SrHeadFault *sr_head_add(SrHead *head, const char *line, size_t length) {
  static const SrHeadFault lengths = {"EPROTO", "contradictory Content-Length"};
  static const SrHeadFault status = {"EPROTO", "the answer has no valid status line"};
  static const SrHeadFault memory = {"ENOMEM", "not enough memory"};
  if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) start(head, line, length);
  if (length == 0) return NULL;
  if (line[0] == '\r' || line[0] == '\n') {
    head->ended = 1;
    if (head->chunked) head->length = -1; /* the chunks say where it ends, whatever else was said */
    return head->status >= 100 ? NULL : &status;
  }
  if (!look_at(head, line, length)) return &lengths;
  if (sr_buffer_length(&head->lines) + length > HEAD_BOUND) return &too_large;
  return sr_buffer_append(&head->lines, line, length) ? NULL : &memory;
}
