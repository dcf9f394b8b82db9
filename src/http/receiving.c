/* SPDX-License-Identifier: MIT */
/*
** Responses, see receiving.h. Bytes are read where they are; kept is only what has to be looked at again together with
** what follows.
*/
#include "http/receiving.h"

#include <string.h>

#include "http/content.h"
#include "http/transfer.h"

/* Into less room than this nothing is read: another read of the system would cost more than the copy. */
enum { ROOM_LEAST = 16384 };

/* --- heads ------------------------------------------------------------------------ */

/* Headers of one name count in their order. */
static void note_codings(SrWireHead *head, const SrWireMessage *message, const char *bytes) {
  SrWireText all = {bytes, message->length}, name, value;
  for (size_t at = message->first; sr_wire_field_next(all, &at, &name, &value);)
    if (sr_wire_is_word(name, "content-encoding")) sr_wire_codings_add(&head->codings, value.bytes, value.length);
}

/* What the client has to know of the head at the front of these bytes. */
static void note_head(SrHttpConn *conn, const char *bytes) {
  const SrWireMessage *message = &conn->message;
  SrWireHead *head = &conn->transfer->head;
  head->status = message->status;
  head->length = message->framing.is_chunked ? -1 : message->framing.content_length;
  head->chunked = message->framing.is_chunked;
  head->cookies = message->sets_cookies;
  head->ended = true;
  if (message->is_coded) note_codings(head, message, bytes);
}

/* The head of the final response. */
static bool begin_response(SrHttpConn *conn, const char *bytes) {
  SrHttpTransfer *transfer = conn->transfer;
  const SrWireMessage *message = &conn->message;
  const SrWireFraming *framing = &message->framing;
  SrWireText method = {transfer->request->method, strlen(transfer->request->method)};
  note_head(conn, bytes);
  if (!sr_http_transfer_keep_head(transfer, bytes, message->length - 2)) return false;
  SrWireBodyKind kind = sr_wire_framing_of_response(framing, message->status, method);
  sr_wire_body_open(&conn->body, kind, framing->content_length);
  conn->keeps = sr_wire_message_persists(message) && kind != SR_WIRE_UNTIL_CLOSE && !transfer->request->closes;
  conn->has_head = true;
  bool was_starved = sr_http_awaits_upload(transfer);
  if (message->status >= 300) sr_http_transfer_stop_upload(transfer); /* the server refuses: the rest is not sent */
  sr_http_transfer_finish_head(transfer);
  if (was_starved && !sr_http_transfer_try_arm(transfer))
    return sr_http_transfer_refuse(transfer, "ENOMEM", "not enough memory");
  return true;
}

static bool take_interim(SrHttpConn *conn) {
  if (conn->message.status == 101) return sr_http_content_refuse_switch(conn->transfer);
  if (conn->message.status == 100) conn->awaits_go = false;
  return true;
}

/* Takes heads off the piece. False: the transfer has failed. */
static bool take_heads(SrHttpConn *conn, SrWireText *piece) {
  SrWireMessage *message = &conn->message;
  while (!conn->has_head && piece->length > 0) {
    SrWireFaultKind fault = sr_wire_message_read(message, piece->bytes, piece->length, &sr_http_content_limits);
    size_t length = message->length;
    if (fault == SR_WIRE_NO_FAULT && conn->heads + (length > 0 ? length : piece->length) > sr_http_content_limits.head)
      fault = SR_WIRE_LARGE_HEAD;
    if (fault != SR_WIRE_NO_FAULT) return sr_http_content_refuse(conn->transfer, fault);
    if (length == 0) return true;
    if (!(message->status < 200 ? take_interim(conn) : begin_response(conn, piece->bytes))) return false;
    conn->heads += length;
    piece->bytes += length;
    piece->length -= length;
    if (!conn->has_head) sr_wire_message_open(message, true);
  }
  return true;
}

/* --- bodies ------------------------------------------------------------------------- */

static bool take_body(SrHttpConn *conn, SrWireText *piece) {
  SrHttpTransfer *transfer = conn->transfer;
  if (piece->length > 0 && conn->body.kind == SR_WIRE_SIZED) sr_http_transfer_reserve(transfer, piece->length);
  if (!sr_http_content_take(transfer, &conn->body, piece)) return false;
  conn->is_whole = sr_wire_body_has_ended(&conn->body);
  return true;
}

/* So many bytes at least are to come of the body, with nothing between them. */
static bool is_body_alone(const SrHttpConn *conn, size_t count) {
  return conn->has_head && conn->body.kind == SR_WIRE_SIZED && conn->body.left >= count;
}

void sr_http_receiving_room(const SrHttpConn *conn, uv_buf_t *room) {
  SrBuffer *body = &conn->transfer->body;
  size_t length = sr_buffer_length(body);
  size_t count = length < SR_HTTP_BODY_BOUND ? SR_HTTP_BODY_BOUND - length : 0;
  if (conn->transfer->unbounded) count = SR_HTTP_BODY_BOUND;
  if (count < ROOM_LEAST || !is_body_alone(conn, count) || !sr_buffer_reserve(body, count)) return;
  *room = uv_buf_init(sr_buffer_end(body), (unsigned)count);
}

/* What was not taken is looked at again when more has come. */
static bool keep_rest(SrHttpConn *conn, SrWireText rest, bool is_kept) {
  if (is_kept) {
    sr_buffer_take(&conn->in, sr_buffer_length(&conn->in) - rest.length);
    if (rest.length == 0) sr_buffer_free(&conn->in);
    return true;
  }
  if (rest.length == 0 || sr_buffer_append(&conn->in, rest.bytes, rest.length)) return true;
  return sr_http_transfer_refuse(conn->transfer, "ENOMEM", "not enough memory");
}

bool sr_http_receiving_take(SrHttpConn *conn, const char *bytes, size_t count) {
  SrWireText piece = {bytes, count};
  bool is_kept = sr_buffer_length(&conn->in) > 0;
  conn->has_begun = true;
  if (is_kept) {
    if (!sr_buffer_append(&conn->in, bytes, count))
      return sr_http_transfer_refuse(conn->transfer, "ENOMEM", "not enough memory");
    piece = (SrWireText){sr_buffer_front(&conn->in), sr_buffer_length(&conn->in)};
  }
  if (!take_heads(conn, &piece)) return false;
  if (conn->has_head && !take_body(conn, &piece)) return false;
  if (conn->is_whole && piece.length > 0) conn->keeps = false; /* nobody has asked for that */
  return keep_rest(conn, piece, is_kept);
}

/* --- the end ---------------------------------------------------------------------------- */

/*
** A server that closes before it has read all of the request resets the connection. If only the end of the connection
** tells the end of the body, a reset is such an end, too; but not over TLS, which says goodbye before it ends.
*/
static bool is_end_of_body(const SrHttpConn *conn, int status) {
  const SrHttpRequest *request = conn->transfer->request;
  if (conn->body.kind != SR_WIRE_UNTIL_CLOSE) return false;
  if (status == UV_EOF) return true;
  return (request->streamed || request->body_length > 0) && !conn->is_tls && status == UV_ECONNRESET;
}

static const char *code_of(int status) {
  return status == UV_EPIPE || status == UV_EOF || status == SAROS_ETRUNCATED ? "ECONNRESET" : uv_err_name(status);
}

void sr_http_receiving_end(SrHttpConn *conn, int status) {
  SrHttpTransfer *transfer = conn->transfer;
  conn->keeps = false;
  if (!conn->has_head) {
    sr_http_transfer_refuse(transfer, code_of(status),
                            conn->has_begun ? "the connection was closed within the headers"
                                            : "the connection was closed before a response came");
    return;
  }
  if (is_end_of_body(conn, status)) {
    conn->is_whole = true;
    return;
  }
  bool is_cut = status == UV_EOF || status == SAROS_ETRUNCATED;
  sr_http_transfer_refuse(transfer, is_cut ? "ETRUNCATED" : code_of(status), "the body was cut short");
}
