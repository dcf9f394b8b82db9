/* SPDX-License-Identifier: MIT */
/* Where a message ends and whom it is for, see framing.h. */
#include "wire/framing.h"

#include "wire/target.h"

/* --- what the headers say -------------------------------------------------------- */

static SrWireFaultKind note_host(SrWireFraming *framing, const char *bytes, SrWireText value) {
  if (framing->is_response) return SR_WIRE_NO_FAULT;
  framing->hosts++;
  framing->host_at = (unsigned)(value.bytes - bytes);
  framing->host_length = (unsigned)value.length;
  return framing->hosts == 1 && sr_wire_is_host(value) ? SR_WIRE_NO_FAULT : SR_WIRE_BAD_HOST;
}

static SrWireFaultKind note_length(SrWireFraming *framing, SrWireText value) {
  int64_t length = 0, former = framing->content_length;
  if ((former >= 0 && !framing->is_response) || value.length == 0) return SR_WIRE_BAD_LENGTH;
  for (size_t i = 0; i < value.length; i++) {
    if (value.bytes[i] < '0' || value.bytes[i] > '9' || length > (INT64_MAX - 9) / 10) return SR_WIRE_BAD_LENGTH;
    length = length * 10 + (value.bytes[i] - '0');
  }
  if (former >= 0 && former != length) return SR_WIRE_BAD_LENGTH;
  framing->content_length = length;
  return SR_WIRE_NO_FAULT;
}

/* Nothing may follow "chunked", be it on another line. */
static SrWireFaultKind note_coding(SrWireFraming *framing, SrWireText value) {
  SrWireText coding;
  framing->has_coding = true;
  while (sr_wire_list_next(&value, &coding)) {
    if (framing->is_chunked) return SR_WIRE_BAD_CODING;
    size_t name = sr_wire_token_span(coding.bytes, coding.length);
    if (name == 0) return SR_WIRE_BAD_CODING;
    framing->is_chunked = sr_wire_is_word((SrWireText){coding.bytes, name}, "chunked");
    if (framing->is_chunked && name < coding.length) return SR_WIRE_BAD_CODING;
    framing->has_unknown |= !framing->is_chunked;
  }
  return SR_WIRE_NO_FAULT;
}

static void note_connection(SrWireFraming *framing, SrWireText value) {
  SrWireText option;
  while (sr_wire_list_next(&value, &option)) {
    if (sr_wire_is_word(option, "close")) framing->says_close = true;
    if (sr_wire_is_word(option, "keep-alive")) framing->says_keep_alive = true;
    if (sr_wire_is_word(option, "upgrade")) framing->says_upgrade = true;
  }
}

static void note_expectation(SrWireFraming *framing, SrWireText value) {
  SrWireText element;
  while (sr_wire_list_next(&value, &element)) {
    if (sr_wire_is_word(element, "100-continue"))
      framing->expects_continue = true;
    else
      framing->has_expectation = true;
  }
}

bool sr_wire_framing_knows(SrWireText name) {
  return sr_wire_is_word(name, "content-length") || sr_wire_is_word(name, "transfer-encoding") ||
         sr_wire_is_word(name, "connection");
}

/* Few names matter here, and their lengths tell them apart. */
SrWireFaultKind sr_wire_framing_note(SrWireFraming *framing, const char *bytes, SrWireText name, SrWireText value) {
  switch (name.length) {
  case 4: return sr_wire_is_word(name, "host") ? note_host(framing, bytes, value) : SR_WIRE_NO_FAULT;
  case 6:
    if (sr_wire_is_word(name, "expect")) note_expectation(framing, value);
    return SR_WIRE_NO_FAULT;
  case 10:
    if (sr_wire_is_word(name, "connection")) note_connection(framing, value);
    return SR_WIRE_NO_FAULT;
  case 14: return sr_wire_is_word(name, "content-length") ? note_length(framing, value) : SR_WIRE_NO_FAULT;
  case 17: return sr_wire_is_word(name, "transfer-encoding") ? note_coding(framing, value) : SR_WIRE_NO_FAULT;
  default: return SR_WIRE_NO_FAULT;
  }
}

/* --- what that comes to ----------------------------------------------------------------- */

/*
** In HTTP/1.0 there are no codings: who sends one there has not said where the message ends. Of a response RFC 9112 has
** its reader take more: a coding holds whatever else is said, and what is not in chunks ends with the connection.
*/
SrWireFaultKind sr_wire_framing_check(const SrWireFraming *framing) {
  if (framing->is_response) {
    if (!framing->has_coding || framing->is_chunked) return SR_WIRE_NO_FAULT;
    if (!framing->has_unknown) return SR_WIRE_BAD_CODING;
    return framing->content_length >= 0 ? SR_WIRE_TWO_FRAMINGS : SR_WIRE_NO_FAULT;
  }
  if (framing->minor > 0 && framing->hosts == 0) return SR_WIRE_BAD_HOST;
  if (!framing->has_coding) return SR_WIRE_NO_FAULT;
  if (framing->content_length >= 0) return SR_WIRE_TWO_FRAMINGS;
  if (framing->minor == 0 || (!framing->is_chunked && !framing->has_unknown)) return SR_WIRE_BAD_CODING;
  return framing->has_unknown ? SR_WIRE_UNKNOWN_CODING : SR_WIRE_NO_FAULT;
}

static SrWireBodyKind body_of(const SrWireFraming *framing, SrWireBodyKind otherwise) {
  if (framing->is_chunked) return SR_WIRE_CHUNKED;
  if (framing->content_length < 0 || framing->has_coding) return otherwise;
  return framing->content_length > 0 ? SR_WIRE_SIZED : SR_WIRE_NO_BODY;
}

SrWireBodyKind sr_wire_framing_of_request(const SrWireFraming *framing) {
  return body_of(framing, SR_WIRE_NO_BODY);
}

SrWireBodyKind sr_wire_framing_of_response(const SrWireFraming *framing, int status, SrWireText method) {
  bool is_tunnel = sr_wire_is_word(method, "connect") && status >= 200 && status <= 299;
  if (status < 200 || status == 204 || status == 304 || is_tunnel || sr_wire_is_word(method, "head"))
    return SR_WIRE_NO_BODY;
  return body_of(framing, SR_WIRE_UNTIL_CLOSE);
}

bool sr_wire_framing_persists(const SrWireFraming *framing) {
  bool contradicts_itself = framing->has_coding && (framing->content_length >= 0 || framing->minor == 0);
  if (contradicts_itself) return false; /* another reader may have found another end */
  return !framing->says_close && (framing->minor > 0 || framing->says_keep_alive);
}
