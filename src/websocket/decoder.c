/* SPDX-License-Identifier: MIT */
/* Bytes to messages. See decoder.h. */
#include "websocket/decoder.h"

#include <string.h>

typedef SrWebsocketDecoder Decoder;

enum { KEPT = 65536 }; /* bytes that a buffer may keep between messages */
enum { MOST_FRAGMENTS = 16384, NO_CODE = 1005, PROTOCOL = 1002, INVALID = 1007, POLICY = 1008, TOO_LARGE = 1009 };
enum { FAILURE = 1011 };

static bool is_control(const SrWireFrame *frame) {
  return frame->opcode >= SR_WIRE_CLOSE;
}

static bool fail(Decoder *decoder, int code, const char *fault) {
  decoder->code = code;
  decoder->fault = fault;
  return false;
}

/* --- heads --------------------------------------------------------------------------- */

static bool check_control(Decoder *decoder) {
  const SrWireFrame *frame = &decoder->frame;
  if (frame->opcode > SR_WIRE_PONG) return fail(decoder, PROTOCOL, "unknown kind of frame");
  if ((frame->bits & SR_WIRE_FIN) == 0) return fail(decoder, PROTOCOL, "a control frame in pieces");
  if (frame->length > SR_WIRE_CONTROL_LIMIT) return fail(decoder, PROTOCOL, "a control frame of more than 125 bytes");
  return (frame->bits & SR_WIRE_RSV) == 0 || fail(decoder, PROTOCOL, "a reserved bit is set");
}

static bool check_data(Decoder *decoder) {
  const SrWireFrame *frame = &decoder->frame;
  bool is_first = frame->opcode != SR_WIRE_CONTINUATION, is_deflated = (frame->bits & SR_WIRE_RSV1) != 0;
  if (frame->opcode > SR_WIRE_BINARY) return fail(decoder, PROTOCOL, "unknown kind of frame");
  if ((frame->bits & SR_WIRE_RSV & ~SR_WIRE_RSV1) != 0 || (is_deflated && (!is_first || decoder->inflater == NULL)))
    return fail(decoder, PROTOCOL, "a reserved bit is set");
  if (is_first == (decoder->opcode != SR_WIRE_CONTINUATION))
    return fail(decoder, PROTOCOL, is_first ? "a message inside another one" : "the rest of no message");
  if (is_first) {
    decoder->opcode = frame->opcode;
    decoder->is_deflated = is_deflated;
    decoder->fragments = 0;
    memset(&decoder->utf8, 0, sizeof decoder->utf8);
  }
  if (++decoder->fragments > MOST_FRAGMENTS) return fail(decoder, POLICY, "a message in too many fragments");
  if (!decoder->is_deflated && frame->length > decoder->limit - sr_buffer_length(&decoder->message))
    return fail(decoder, TOO_LARGE, "a message that is too large");
  return true;
}

static bool check_head(Decoder *decoder) {
  const SrWireFrame *frame = &decoder->frame;
  if (frame->is_masked != decoder->is_server)
    return fail(decoder, PROTOCOL, decoder->is_server ? "a frame without a mask" : "a frame with a mask");
  if (frame->is_odd) return fail(decoder, PROTOCOL, "a length that is not written in the shortest way");
  return is_control(frame) ? check_control(decoder) : check_data(decoder);
}

/* Takes bytes into the head; returns how many of them. */
static size_t take_head(Decoder *decoder, const char *bytes, size_t count) {
  size_t room = sizeof decoder->head - decoder->head_size, former = decoder->head_size;
  size_t taken = count < room ? count : room;
  memcpy(decoder->head + former, bytes, taken);
  decoder->head_size += taken;
  size_t size = sr_wire_frame_read(&decoder->frame, decoder->head, decoder->head_size);
  if (size == 0) return taken;
  decoder->head_size = 0;
  decoder->is_inside = true;
  decoder->taken = 0;
  return size - former; /* a head that was not whole is shorter than this one */
}

/* --- payloads -------------------------------------------------------------------------- */

/* What is behind the limit is nobody's any more. */
static bool check_text(Decoder *decoder, size_t from) {
  if (decoder->opcode != SR_WIRE_TEXT) return true;
  const char *front = sr_buffer_front(&decoder->message);
  size_t end = sr_buffer_length(&decoder->message);
  if (end > decoder->limit) end = decoder->limit;
  return sr_wire_utf8(&decoder->utf8, front + from, end - from) || fail(decoder, INVALID, "a text that is not UTF-8");
}

static bool check_inflated(Decoder *decoder, SrWebsocketInflated result) {
  switch (result) {
  case SR_WEBSOCKET_INFLATED: return true;
  case SR_WEBSOCKET_TOO_LARGE: return fail(decoder, TOO_LARGE, "a message that is too large");
  case SR_WEBSOCKET_NO_MEMORY: return fail(decoder, FAILURE, "not enough memory");
  default: return fail(decoder, INVALID, "a message that cannot be inflated");
  }
}

static void unmask(const Decoder *decoder, char *bytes, size_t count) {
  if (decoder->frame.is_masked) sr_wire_mask(bytes, count, decoder->frame.mask, (size_t)(decoder->taken & 3));
}

static bool take_deflated(Decoder *decoder, const char *bytes, size_t count) {
  size_t former = sr_buffer_length(&decoder->message);
  sr_buffer_clear(&decoder->scratch);
  if (!sr_buffer_append(&decoder->scratch, bytes, count)) return fail(decoder, FAILURE, "not enough memory");
  unmask(decoder, decoder->scratch.data + decoder->scratch.head, count);
  SrWebsocketInflated result = sr_websocket_inflate(decoder->inflater, sr_buffer_front(&decoder->scratch), count,
                                                    &decoder->message, decoder->limit);
  return check_text(decoder, former) && check_inflated(decoder, result); /* in the order of the bytes */
}

static bool take_data(Decoder *decoder, const char *bytes, size_t count) {
  size_t former = sr_buffer_length(&decoder->message);
  if (count == 0) return true;
  if (decoder->is_deflated) return take_deflated(decoder, bytes, count);
  if (!sr_buffer_append(&decoder->message, bytes, count)) return fail(decoder, FAILURE, "not enough memory");
  unmask(decoder, decoder->message.data + decoder->message.head + former, count);
  return check_text(decoder, former);
}

/* Takes bytes of the payload; `*count` becomes how many. */
static bool take_payload(Decoder *decoder, const char *bytes, size_t *count) {
  uint64_t left = decoder->frame.length - decoder->taken;
  if (left < *count) *count = (size_t)left;
  if (!is_control(&decoder->frame)) {
    if (!take_data(decoder, bytes, *count)) return false;
  } else {
    memcpy(decoder->control + decoder->taken, bytes, *count);
    unmask(decoder, decoder->control + decoder->taken, *count);
  }
  decoder->taken += *count;
  return true;
}

/* --- events ------------------------------------------------------------------------------ */

static SrWebsocketEvent end_at(Decoder *decoder, SrWebsocketEvent event, const char *bytes, size_t count) {
  decoder->data = bytes;
  decoder->size = count;
  return event;
}

static bool is_close_code(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static SrWebsocketEvent end_close(Decoder *decoder) {
  size_t size = (size_t)decoder->taken;
  const char *text = decoder->control;
  SrWireUtf8 utf8 = {0};
  unsigned code = size < 2 ? NO_CODE : (unsigned)(unsigned char)text[0] << 8 | (unsigned char)text[1];
  if (size == 1 || (size >= 2 && !is_close_code(code))) fail(decoder, PROTOCOL, "a code that is none");
  if (size > 2 && (!sr_wire_utf8(&utf8, text + 2, size - 2) || utf8.left > 0))
    fail(decoder, INVALID, "a reason that is not UTF-8");
  if (decoder->fault != NULL) return SR_WEBSOCKET_FAULT;
  decoder->is_over = true;
  decoder->code = (int)code;
  return end_at(decoder, SR_WEBSOCKET_CLOSE, size > 2 ? text + 2 : "", size > 2 ? size - 2 : 0);
}

static SrWebsocketEvent end_control(Decoder *decoder) {
  if (decoder->frame.opcode == SR_WIRE_CLOSE) return end_close(decoder);
  SrWebsocketEvent event = decoder->frame.opcode == SR_WIRE_PING ? SR_WEBSOCKET_PING : SR_WEBSOCKET_PONG;
  return end_at(decoder, event, decoder->control, (size_t)decoder->taken);
}

static SrWebsocketEvent end_message(Decoder *decoder) {
  bool is_text = decoder->opcode == SR_WIRE_TEXT;
  size_t former = sr_buffer_length(&decoder->message);
  if (decoder->is_deflated) {
    SrWebsocketInflated result = sr_websocket_inflate_end(decoder->inflater, &decoder->message, decoder->limit);
    if (!check_text(decoder, former) || !check_inflated(decoder, result)) return SR_WEBSOCKET_FAULT;
  }
  if (decoder->utf8.left > 0) {
    fail(decoder, INVALID, "a text that is not UTF-8");
    return SR_WEBSOCKET_FAULT;
  }
  decoder->opcode = SR_WIRE_CONTINUATION;
  decoder->is_told = true;
  return end_at(decoder, is_text ? SR_WEBSOCKET_TEXT : SR_WEBSOCKET_BINARY, sr_buffer_front(&decoder->message),
                sr_buffer_length(&decoder->message));
}

static SrWebsocketEvent end_frame(Decoder *decoder) {
  decoder->is_inside = false;
  if (is_control(&decoder->frame)) return end_control(decoder);
  return (decoder->frame.bits & SR_WIRE_FIN) == 0 ? SR_WEBSOCKET_NOTHING : end_message(decoder);
}

/* The message that was told is of no use any more. */
static void forget_message(Decoder *decoder) {
  if (!decoder->is_told) return;
  decoder->is_told = false;
  if (decoder->message.capacity > KEPT)
    sr_buffer_free(&decoder->message);
  else
    sr_buffer_clear(&decoder->message);
}

/* Takes the next bytes of a frame; `*count` becomes how many. */
static SrWebsocketEvent step(Decoder *decoder, const char *bytes, size_t *count) {
  if (!decoder->is_inside) {
    *count = take_head(decoder, bytes, *count);
    if (decoder->is_inside && !check_head(decoder)) return SR_WEBSOCKET_FAULT;
  } else if (!take_payload(decoder, bytes, count))
    return SR_WEBSOCKET_FAULT;
  bool has_ended = decoder->is_inside && decoder->taken == decoder->frame.length;
  return has_ended ? end_frame(decoder) : SR_WEBSOCKET_NOTHING;
}

SrWebsocketEvent sr_websocket_decode(Decoder *decoder, const char *bytes, size_t count, size_t *taken) {
  SrWebsocketEvent event = SR_WEBSOCKET_NOTHING;
  *taken = 0;
  forget_message(decoder);
  while (event == SR_WEBSOCKET_NOTHING && *taken < count && !decoder->is_over) {
    size_t piece = count - *taken;
    event = step(decoder, bytes + *taken, &piece);
    *taken += piece;
  }
  if (event != SR_WEBSOCKET_FAULT) return event;
  decoder->is_over = true;
  return end_at(decoder, event, decoder->fault, strlen(decoder->fault));
}

void sr_websocket_decoder_open(Decoder *decoder, bool is_server, size_t limit, SrWebsocketInflater *inflater) {
  memset(decoder, 0, sizeof *decoder);
  decoder->is_server = is_server;
  decoder->limit = limit;
  decoder->inflater = inflater;
}

void sr_websocket_decoder_close(Decoder *decoder) {
  sr_websocket_inflater_free(decoder->inflater);
  decoder->inflater = NULL;
  decoder->is_over = true;
  sr_buffer_free(&decoder->message);
  sr_buffer_free(&decoder->scratch);
}
