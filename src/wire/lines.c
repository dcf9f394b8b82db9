/* SPDX-License-Identifier: MIT */
/* Heads that come line by line, see lines.h. */
#include "wire/lines.h"

#include <string.h>

static void begin(SrWireLines *lines, SrWireHead *head) {
  sr_wire_message_open(&lines->message, true);
  lines->begun = true;
  *head = (SrWireHead){.length = -1};
}

/* "HTTP/2 200 " is what libcurl makes of a status; nothing else of it is left. */
static bool is_of_frames(SrWireText line) {
  return line.length >= 10 && memcmp(line.bytes, "HTTP/", 5) == 0 && line.bytes[5] != '1' && line.bytes[6] == ' ';
}

static SrWireFaultKind take(SrWireLines *lines, SrWireText line, bool framed, const SrWireLimits *limits) {
  char first[] = "HTTP/1.1 200";
  if (lines->message.first > 0 || !framed || !is_of_frames(line))
    return sr_wire_message_add(&lines->message, line, limits);
  memcpy(first + 9, line.bytes + 7, 3);
  return sr_wire_message_add(&lines->message, (SrWireText){first, sizeof first - 1}, limits);
}

/* What is known of the head is told as soon as it is. */
static void tell(const SrWireLines *lines, SrWireHead *head, SrWireText line) {
  const SrWireMessage *message = &lines->message;
  SrWireText name, value;
  head->status = message->status;
  head->length = message->framing.is_chunked ? -1 : message->framing.content_length;
  head->chunked = message->framing.is_chunked;
  head->cookies = message->sets_cookies;
  head->ended = message->length > 0;
  if (!message->is_coded || sr_wire_field_read(line, &name, &value) != SR_WIRE_NO_FAULT) return;
  if (sr_wire_is_word(name, "content-encoding")) sr_wire_codings_add(&head->codings, value.bytes, value.length);
}

SrWireFaultKind sr_wire_lines_add(SrWireLines *lines, SrWireHead *head, SrWireText line, bool framed,
                                  const SrWireLimits *limits) {
  if (!lines->begun || lines->message.length > 0) begin(lines, head);
  if (line.length == 0 || line.bytes[line.length - 1] != '\n') return SR_WIRE_BAD_FIELD;
  lines->total += line.length;
  if (lines->total > limits->head) return SR_WIRE_LARGE_HEAD;
  if (line.length == 1 || line.bytes[line.length - 2] != '\r') return SR_WIRE_BARE_NEWLINE;
  line.length -= 2;
  SrWireFaultKind fault = take(lines, line, framed, limits);
  if (fault == SR_WIRE_NO_FAULT) tell(lines, head, line);
  return fault;
}

bool sr_wire_lines_begin(const SrWireLines *lines) {
  return lines->message.first > 0 && lines->message.fields == 0 && lines->message.length == 0;
}

SrWireFaultKind sr_wire_lines_trail(SrWireLines *lines, size_t length, const SrWireLimits *limits) {
  lines->trailed += length;
  return lines->trailed > limits->head ? SR_WIRE_LARGE_HEAD : SR_WIRE_NO_FAULT;
}
