/* SPDX-License-Identifier: MIT */
/*
** Reads messages out of bytes that come in pieces, as a connection would, and notes all that comes out. The probe of the
** specs and the fuzzer share it: what is noted must not depend on the pieces.
*/
#ifndef READING_H
#define READING_H

#include <string.h>

#include "base/buffer.h"
#include "wire/body.h"

typedef struct Reading {
  bool is_response;
  SrWireLimits limits;
  SrBuffer in;    /* what has come and was not taken */
  SrBuffer notes; /* what came out, as text */
  SrWireMessage message;
  SrWireBody body;
  bool is_in_body;
  SrWireFaultKind fault;
} Reading;

static void note(Reading *reading, const char *bytes, size_t count) {
  sr_buffer_append(&reading->notes, bytes, count);
}

static void note_word(Reading *reading, const char *word) {
  note(reading, word, strlen(word));
}

static void begin_message(Reading *reading) {
  sr_wire_message_open(&reading->message, reading->is_response);
  reading->is_in_body = false;
}

static void note_path(Reading *reading, const char *head) {
  const SrWireMessage *message = &reading->message;
  char path[65536];
  SrWireText sent = {head + message->target_at + message->target.path, message->target.path_length};
  if (sent.length == 0 || *sent.bytes != '/') return;
  size_t size = sr_wire_decode(sent, path);
  size = sr_wire_path_resolve((SrWireText){path, size}, path, true);
  note_word(reading, " path ");
  note(reading, path, size);
  size = sr_wire_path_resolve(sent, path, false);
  note_word(reading, " as sent ");
  note(reading, path, size);
}

static void note_head(Reading *reading, const char *head) {
  static const char *const bodies[] = {"none", "sized", "chunked", "until close"};
  const SrWireMessage *message = &reading->message;
  SrWireText all = {head, message->length}, name, value;
  SrWireBodyKind kind = reading->is_response
                            ? sr_wire_framing_of_response(&message->framing, message->status, (SrWireText){"GET", 3})
                            : sr_wire_framing_of_request(&message->framing);
  char status[4] = {(char)('0' + message->status / 100), (char)('0' + message->status / 10 % 10),
                    (char)('0' + message->status % 10), ' '};
  if (reading->is_response)
    note(reading, status, 4), note(reading, head + message->reason_at, message->reason_length);
  else
    note(reading, head, message->method + 1), note(reading, head + message->target_at, message->target_length);
  note_word(reading, message->framing.minor == 0 ? " 1.0" : " 1.1");
  if (!reading->is_response) note_path(reading, head);
  for (size_t at = message->first; sr_wire_field_next(all, &at, &name, &value);) {
    note_word(reading, "\n");
    note(reading, name.bytes, name.length);
    note_word(reading, "=");
    note(reading, value.bytes, value.length);
  }
  note_word(reading, "\nbody ");
  note_word(reading, bodies[kind]);
  note_word(reading, sr_wire_framing_persists(&message->framing) ? ", persists\n" : ", closes\n");
  reading->is_in_body = true;
  sr_wire_body_open(&reading->body, kind, message->framing.content_length);
}

/* Takes a step with what is there. False: more is needed, or something is wrong. */
static bool step_head(Reading *reading) {
  size_t blank = sr_wire_message_blank(sr_buffer_front(&reading->in), sr_buffer_length(&reading->in));
  if (blank > 0 && !reading->is_response) {
    sr_buffer_take(&reading->in, blank);
    begin_message(reading);
    return true;
  }
  reading->fault = sr_wire_message_read(&reading->message, sr_buffer_front(&reading->in),
                                        sr_buffer_length(&reading->in), &reading->limits);
  if (reading->fault != SR_WIRE_NO_FAULT || reading->message.length == 0) return false;
  note_head(reading, sr_buffer_front(&reading->in));
  sr_buffer_take(&reading->in, reading->message.length);
  return true;
}

static bool step_body(Reading *reading) {
  size_t count = sr_buffer_length(&reading->in);
  const char *bytes = sr_buffer_front(&reading->in);
  SrWirePart part = sr_wire_body_take(&reading->body, bytes, count, 4096, &reading->limits);
  note(reading, bytes + part.at, part.length);
  sr_buffer_take(&reading->in, part.taken);
  reading->fault = part.fault;
  if (part.fault != SR_WIRE_NO_FAULT) return false;
  if (!sr_wire_body_has_ended(&reading->body)) return part.length > 0;
  note_word(reading, "\nend\n");
  begin_message(reading);
  return true;
}

static void reading_open(Reading *reading, bool is_response, SrWireLimits limits) {
  *reading = (Reading){.is_response = is_response, .limits = limits};
  begin_message(reading);
}

/* More has come. */
static void reading_feed(Reading *reading, const char *bytes, size_t count) {
  if (reading->fault != SR_WIRE_NO_FAULT) return;
  sr_buffer_append(&reading->in, bytes, count);
  while (reading->is_in_body ? step_body(reading) : sr_buffer_length(&reading->in) > 0 && step_head(reading)) {}
}

static void reading_close(Reading *reading) {
  sr_buffer_free(&reading->in);
  sr_buffer_free(&reading->notes);
}

#endif
