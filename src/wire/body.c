/* SPDX-License-Identifier: MIT */
/*
** Bodies, see body.h.
**
** Between its data a body in chunks consists of lines. One is taken when it is there as a whole; how long that may last
** the limits say.
*/
#include "wire/body.h"

#include <string.h>

/* A size has no more digits than this, zeros in front included. */
enum { MOST_DIGITS = 15 };

void sr_wire_body_open(SrWireBody *body, SrWireBodyKind kind, int64_t length) {
  *body = (SrWireBody){.kind = kind};
  switch (kind) {
  case SR_WIRE_NO_BODY: body->place = SR_WIRE_AT_END; break;
  case SR_WIRE_SIZED: body->left = (uint64_t)length; break;
  case SR_WIRE_CHUNKED: body->place = SR_WIRE_IN_SIZE; break;
  case SR_WIRE_UNTIL_CLOSE: body->left = UINT64_MAX; break;
  }
}

/* --- the line before a chunk --------------------------------------------------------- */

/* Blanks that a sender ought not to send. */
static void skip_blanks(SrWireText *text) {
  while (text->length > 0 && (*text->bytes == ' ' || *text->bytes == '\t')) text->bytes++, text->length--;
}

static void skip(SrWireText *text, size_t count) {
  text->bytes += count;
  text->length -= count;
}

/* The length of a text in quotes, with them; 0: it is none. */
static size_t quoted_span(SrWireText text) {
  for (size_t i = 1; i < text.length; i++) {
    if (text.bytes[i] == '"') return i + 1;
    if (text.bytes[i] == '\\') i++;
  }
  return 0;
}

/* *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted ) ] ), of which the first blanks are gone. */
static bool is_extensions(SrWireText text) {
  while (text.length > 0) {
    if (*text.bytes != ';') return false;
    skip(&text, 1);
    skip_blanks(&text);
    size_t name = sr_wire_token_span(text.bytes, text.length);
    if (name == 0) return false;
    skip(&text, name);
    skip_blanks(&text);
    if (text.length == 0 || *text.bytes != '=') continue;
    skip(&text, 1);
    skip_blanks(&text);
    size_t value =
        text.length > 0 && *text.bytes == '"' ? quoted_span(text) : sr_wire_token_span(text.bytes, text.length);
    if (value == 0) return false;
    skip(&text, value);
    skip_blanks(&text);
  }
  return true;
}

static SrWireFaultKind take_size(SrWireBody *body, SrWireText line, const SrWireLimits *limits) {
  uint64_t size = 0;
  size_t digits = 0;
  for (; digits < line.length && sr_wire_digit(line.bytes[digits]) >= 0; digits++) {
    if (digits == MOST_DIGITS) return SR_WIRE_BAD_CHUNK;
    size = size << 4 | (uint64_t)sr_wire_digit(line.bytes[digits]);
  }
  if (digits == 0) return SR_WIRE_BAD_CHUNK;
  skip(&line, digits);
  body->extra += line.length;
  if (body->extra > limits->head) return SR_WIRE_LARGE_HEAD;
  if (line.length > 0) {
    if (!sr_wire_is_value(line.bytes, line.length)) return SR_WIRE_BAD_CHUNK;
    skip_blanks(&line);
    if (line.length == 0 || !is_extensions(line)) return SR_WIRE_BAD_CHUNK;
  }
  body->left = size;
  body->place = size > 0 ? SR_WIRE_IN_DATA : SR_WIRE_IN_TRAILER;
  return SR_WIRE_NO_FAULT;
}

/* --- the lines behind the last one ------------------------------------------------------ */

static SrWireFaultKind take_trailer(SrWireBody *body, SrWireText line, const SrWireLimits *limits) {
  SrWireText name, value;
  if (line.length == 0) {
    body->place = SR_WIRE_AT_END;
    return SR_WIRE_NO_FAULT;
  }
  body->extra += line.length + 2;
  if (++body->fields > limits->fields) return SR_WIRE_MANY_FIELDS;
  return sr_wire_field_read(line, &name, &value);
}

/* --- lines -------------------------------------------------------------------------------- */

/* How long the present line may be, with its end. */
static size_t longest(const SrWireBody *body, const SrWireLimits *limits) {
  if (body->place == SR_WIRE_IN_DATA_END) return 2;
  size_t left = limits->head > body->extra ? limits->head - body->extra : 0;
  bool is_short = body->place == SR_WIRE_IN_TRAILER && limits->trailer > 0 && limits->trailer < left;
  if (is_short) return limits->trailer;
  return left + (body->place == SR_WIRE_IN_SIZE ? MOST_DIGITS + 2 : 2);
}

/* What is wrong with a line that is too long. */
static SrWireFaultKind too_long(const SrWireBody *body) {
  return body->place == SR_WIRE_IN_DATA_END ? SR_WIRE_BAD_CHUNK : SR_WIRE_LARGE_HEAD;
}

/* Whether what is there of a line can be no line, however it goes on. */
static bool is_none(const SrWireBody *body, SrWireText rest) {
  if (body->place == SR_WIRE_IN_SIZE) return sr_wire_digit(*rest.bytes) < 0;
  return body->place == SR_WIRE_IN_DATA_END && *rest.bytes != '\r';
}

/* Takes the next line. Gives its length with its end; 0: it is not there yet, or there is a fault. */
static size_t take_line(SrWireBody *body, SrWireText rest, const SrWireLimits *limits, SrWireFaultKind *fault) {
  size_t most = longest(body, limits);
  if (is_none(body, rest)) {
    *fault = SR_WIRE_BAD_CHUNK;
    return 0;
  }
  const char *newline = memchr(rest.bytes, '\n', rest.length < most ? rest.length : most);
  if (newline == NULL) {
    *fault = rest.length >= most ? too_long(body) : SR_WIRE_NO_FAULT;
    return 0;
  }
  size_t length = (size_t)(newline - rest.bytes);
  if (length == 0 || newline[-1] != '\r')
    *fault = SR_WIRE_BAD_CHUNK;
  else if (body->place == SR_WIRE_IN_SIZE)
    *fault = take_size(body, (SrWireText){rest.bytes, length - 1}, limits);
  else if (body->place == SR_WIRE_IN_TRAILER)
    *fault = take_trailer(body, (SrWireText){rest.bytes, length - 1}, limits);
  else
    body->place = SR_WIRE_IN_SIZE; /* the only line of two bytes */
  return *fault == SR_WIRE_NO_FAULT ? length + 1 : 0;
}

static void take_data(SrWireBody *body, SrWirePart *part, size_t count, size_t most) {
  part->at = part->taken;
  part->length = count < most ? count : most;
  if (part->length > body->left) part->length = (size_t)body->left;
  part->taken += part->length;
  if (body->kind == SR_WIRE_UNTIL_CLOSE) return;
  body->left -= part->length;
  if (body->left == 0) body->place = body->kind == SR_WIRE_CHUNKED ? SR_WIRE_IN_DATA_END : SR_WIRE_AT_END;
}

SrWirePart sr_wire_body_take(SrWireBody *body, const char *bytes, size_t count, size_t most,
                             const SrWireLimits *limits) {
  SrWirePart part = {0};
  while (!sr_wire_body_has_ended(body) && part.taken < count) {
    if (body->place == SR_WIRE_IN_DATA) {
      take_data(body, &part, count - part.taken, most);
      return part;
    }
    size_t line = take_line(body, (SrWireText){bytes + part.taken, count - part.taken}, limits, &part.fault);
    if (line == 0) return part;
    part.taken += line;
  }
  return part;
}
