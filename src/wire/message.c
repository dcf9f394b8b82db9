/* SPDX-License-Identifier: MIT */
/*
** Reading heads, see message.h.
**
** A line is looked at when its end has come. Limits, the method and the length of the target are checked before, so
** each fault belongs to one byte: the first after which nothing could mend it.
*/
#include "wire/message.h"

#include <string.h>
#include <strings.h>

/* --- the first line ----------------------------------------------------------------- */

/* What can be said of a request line of which `count` bytes are there, its end or not. */
static SrWireFaultKind check_request_line(const char *bytes, size_t count, const SrWireLimits *limits) {
  size_t method = sr_wire_token_span(bytes, count);
  if (method == count || (count == 1 && *bytes == '\r')) return SR_WIRE_NO_FAULT; /* it may be an empty line */
  if (method == 0 || bytes[method] != ' ') return SR_WIRE_BAD_START;
  size_t left = count - method - 1;
  if (left <= limits->target) return SR_WIRE_NO_FAULT;
  return memchr(bytes + method + 1, ' ', limits->target + 1) == NULL ? SR_WIRE_LONG_TARGET : SR_WIRE_NO_FAULT;
}

/* The same of a status line. */
static SrWireFaultKind check_status_line(const char *bytes, size_t count) {
  return memcmp(bytes, "HTTP/", count < 5 ? count : 5) == 0 ? SR_WIRE_NO_FAULT : SR_WIRE_BAD_START;
}

static bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1" */
static SrWireFaultKind read_version(SrWireMessage *message, const char *bytes) {
  if (memcmp(bytes, "HTTP/", 5) != 0 || !is_digit(bytes[5]) || bytes[6] != '.' || !is_digit(bytes[7]))
    return SR_WIRE_BAD_START;
  message->framing.minor = bytes[7] > '0'; /* later ones are as the latest that is known */
  return bytes[5] == '1' ? SR_WIRE_NO_FAULT : SR_WIRE_BAD_VERSION;
}

static SrWireFaultKind read_request_line(SrWireMessage *message, const char *bytes, size_t length) {
  size_t method = sr_wire_token_span(bytes, length);
  const char *target = bytes + method + 1, *blank;
  if (length < method + 1) return SR_WIRE_BAD_START;
  blank = memchr(target, ' ', length - method - 1);
  if (blank == NULL || bytes + length - blank != 9) return SR_WIRE_BAD_START;
  SrWireFaultKind fault = read_version(message, blank + 1);
  message->method = (unsigned)method;
  message->target_at = (unsigned)method + 1;
  message->target_length = (unsigned)(blank - target);
  if (fault != SR_WIRE_NO_FAULT) return fault;
  SrWireText text = {target, message->target_length};
  return sr_wire_target_read(&message->target, (SrWireText){bytes, method}, text) ? SR_WIRE_NO_FAULT
                                                                                  : SR_WIRE_BAD_TARGET;
}

/* "HTTP/1.1 200 OK"; the words may be missing, and the blank before them with them. */
static SrWireFaultKind read_status_line(SrWireMessage *message, const char *bytes, size_t length) {
  if (length < 12 || bytes[8] != ' ' || (length > 12 && bytes[12] != ' ')) return SR_WIRE_BAD_START;
  for (int i = 9; i < 12; i++) {
    if (!is_digit(bytes[i])) return SR_WIRE_BAD_START;
    message->status = message->status * 10 + (bytes[i] - '0');
  }
  message->reason_at = length > 12 ? 13 : 12;
  message->reason_length = (unsigned)length - message->reason_at;
  if (message->status < 100 || !sr_wire_is_value(bytes + 12, length - 12)) return SR_WIRE_BAD_START;
  return read_version(message, bytes);
}

/* --- headers -------------------------------------------------------------------------- */

SrWireFaultKind sr_wire_field_read(SrWireText line, SrWireText *name, SrWireText *value) {
  size_t length = sr_wire_token_span(line.bytes, line.length);
  if (length == 0 && line.length > 0 && (*line.bytes == ' ' || *line.bytes == '\t')) return SR_WIRE_FOLDED;
  if (length == 0 || length == line.length || line.bytes[length] != ':') return SR_WIRE_BAD_FIELD;
  *name = (SrWireText){line.bytes, length};
  *value = sr_wire_trim((SrWireText){line.bytes + length + 1, line.length - length - 1});
  return sr_wire_is_value(value->bytes, value->length) ? SR_WIRE_NO_FAULT : SR_WIRE_BAD_FIELD;
}

bool sr_wire_field_next(SrWireText head, size_t *at, SrWireText *name, SrWireText *value) {
  SrWireText line;
  do {
    line = (SrWireText){head.bytes + *at, head.length - *at};
    const char *end = memchr(line.bytes, '\r', line.length);
    line.length = (size_t)(end - line.bytes);
    *at += line.length + 2;
  } while (line.length > 0 && (*line.bytes == ' ' || *line.bytes == '\t'));
  return line.length > 0 && sr_wire_field_read(line, name, value) == SR_WIRE_NO_FAULT;
}

bool sr_wire_field_find(const SrWireMessage *message, const char *bytes, const char *name, SrWireText *value) {
  SrWireText found;
  SrWireText head = {bytes, message->length};
  for (size_t at = message->first; sr_wire_field_next(head, &at, &found, value);)
    if (sr_wire_is_word(found, name)) return true;
  return false;
}

/* --- lines ------------------------------------------------------------------------------ */

static SrWireFaultKind take_first_line(SrWireMessage *message, const char *bytes, size_t length) {
  message->first = (unsigned)length + 2;
  return message->framing.is_response ? read_status_line(message, bytes, length)
                                      : read_request_line(message, bytes, length);
}

/* What its reader looks for if it is there. */
static void note_name(SrWireMessage *message, SrWireText name) {
  if (name.length == 10 && sr_wire_is_word(name, "set-cookie")) message->sets_cookies = true;
  if (name.length == 16 && sr_wire_is_word(name, "content-encoding")) message->is_coded = true;
}

static SrWireFaultKind take_field(SrWireMessage *message, const char *bytes, SrWireText line,
                                  const SrWireLimits *limits) {
  SrWireText name, value;
  if (++message->fields > limits->fields) return SR_WIRE_MANY_FIELDS;
  SrWireFaultKind fault = sr_wire_field_read(line, &name, &value);
  if (fault == SR_WIRE_FOLDED && message->may_fold)
    return sr_wire_is_value(line.bytes, line.length) ? SR_WIRE_NO_FAULT : SR_WIRE_BAD_FIELD;
  message->may_fold = fault == SR_WIRE_NO_FAULT && message->framing.is_response && !sr_wire_framing_knows(name);
  if (fault == SR_WIRE_NO_FAULT) note_name(message, name);
  return fault != SR_WIRE_NO_FAULT ? fault : sr_wire_framing_note(&message->framing, bytes, name, value);
}

/* What is wrong with what is there of a line, up to `count`, before its end is looked at. */
static SrWireFaultKind check_rest(const SrWireMessage *message, const char *bytes, size_t count,
                                  const SrWireLimits *limits) {
  SrWireFaultKind fault = SR_WIRE_NO_FAULT;
  size_t seen = count < limits->head ? count : limits->head;
  if (message->first == 0 && message->framing.is_response) fault = check_status_line(bytes, seen);
  if (message->first == 0 && !message->framing.is_response) fault = check_request_line(bytes, seen, limits);
  if (fault != SR_WIRE_NO_FAULT) return fault;
  bool is_large = count > limits->head || (limits->line > 0 && count - message->line > limits->line);
  return is_large ? SR_WIRE_LARGE_HEAD : SR_WIRE_NO_FAULT;
}

/* Takes a line, without its end, of the head that begins with `bytes`. */
static SrWireFaultKind take_text(SrWireMessage *message, const char *bytes, SrWireText line,
                                 const SrWireLimits *limits) {
  if (message->first == 0) return take_first_line(message, line.bytes, line.length);
  if (line.length > 0) return take_field(message, bytes, line, limits);
  return sr_wire_framing_check(&message->framing);
}

/* Whether a limit is reached within the line whose newline is at `stop`. */
static bool is_bounded(const SrWireMessage *message, size_t stop, const SrWireLimits *limits) {
  return stop >= limits->head || (limits->line > 0 && stop - message->line >= limits->line);
}

/* Takes the line whose newline is at `stop`. */
static SrWireFaultKind take_line(SrWireMessage *message, const char *bytes, size_t stop, const SrWireLimits *limits) {
  size_t length = stop - message->line - 1;
  bool is_later = message->first > 0 && !is_bounded(message, stop, limits); /* most lines are */
  SrWireFaultKind fault = is_later ? SR_WIRE_NO_FAULT : check_rest(message, bytes, stop + 1, limits);
  if (fault != SR_WIRE_NO_FAULT) return fault;
  if (stop == message->line || bytes[stop - 1] != '\r') return SR_WIRE_BARE_NEWLINE;
  bool is_last = message->first > 0 && length == 0;
  fault = take_text(message, bytes, (SrWireText){bytes + message->line, length}, limits);
  if (fault == SR_WIRE_NO_FAULT && is_last) message->length = stop + 1;
  return fault;
}

SrWireFaultKind sr_wire_message_add(SrWireMessage *message, SrWireText line, const SrWireLimits *limits) {
  bool is_last = message->first > 0 && line.length == 0;
  if (limits->line > 0 && line.length + 2 > limits->line) return SR_WIRE_LARGE_HEAD;
  SrWireFaultKind fault = take_text(message, line.bytes, line, limits);
  if (fault == SR_WIRE_NO_FAULT && is_last) message->length = 1;
  return fault;
}

void sr_wire_message_open(SrWireMessage *message, bool is_response) {
  *message = (SrWireMessage){.framing = {.is_response = is_response, .content_length = -1}};
}

size_t sr_wire_message_blank(const char *bytes, size_t count) {
  size_t size = 0;
  while (size + 2 <= count && bytes[size] == '\r' && bytes[size + 1] == '\n') size += 2;
  return size;
}

SrWireFaultKind sr_wire_message_read(SrWireMessage *message, const char *bytes, size_t count,
                                     const SrWireLimits *limits) {
  while (message->length == 0) {
    const char *newline = memchr(bytes + message->scanned, '\n', count - message->scanned);
    if (newline == NULL) {
      message->scanned = count;
      return count == 0 ? SR_WIRE_NO_FAULT : check_rest(message, bytes, count, limits);
    }
    size_t stop = (size_t)(newline - bytes);
    SrWireFaultKind fault = take_line(message, bytes, stop, limits);
    if (fault != SR_WIRE_NO_FAULT) return fault;
    message->line = message->scanned = stop + 1;
  }
  return SR_WIRE_NO_FAULT;
}

/* Who says how long a body is that the response cannot have may send it all the same. */
bool sr_wire_message_persists(const SrWireMessage *message) {
  const SrWireFraming *framing = &message->framing;
  bool contradicts_itself = message->status == 204 && (framing->has_coding || framing->content_length > 0);
  return sr_wire_framing_persists(framing) && !contradicts_itself;
}
