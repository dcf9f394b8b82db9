/* SPDX-License-Identifier: MIT */
/*
** How a request leaves, see sending.h.
**
** A transport that has nothing pending takes a bounded piece as a whole. So the next one is offered when the one before
** has left, and no byte is copied twice, however slow the other side is.
*/
#include "http/sending.h"

#include "http/transfer.h"
#include "http/upload.h"
#include "wire/writer.h"

/* So many pieces are sent in a row before others get their turn. */
enum { PIECES = 16 };

/* Room for what stands around a chunk. */
enum { FRAME = SR_WIRE_NUMBER + 2 };

static bool is_idle(const SrHttpConn *conn) {
  return conn->write_status == 0 && conn->transport->cls->pending(conn->transport) == 0;
}

/* Hands a piece over, which is at most SAROS_HIGH_WATER long. False: that has failed. */
static bool put(SrHttpConn *conn, const uv_buf_t *bufs, unsigned count) {
  ptrdiff_t taken = conn->transport->cls->write(conn->transport, bufs, count);
  if (taken < 0) conn->write_status = (int)taken;
  sr_http_transfer_touch(conn->transfer);
  return taken >= 0;
}

static uv_buf_t part(const char *bytes, size_t length, size_t most) {
  uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)(length < most ? length : most));
  return buf;
}

/* The head, and the body that is there as a whole, or the next piece of them. */
static void put_whole(SrHttpConn *conn) {
  const SrHttpRequest *request = conn->transfer->request;
  size_t body = conn->awaits_go ? 0 : request->body_length, head = request->head_length;
  uv_buf_t bufs[2];
  unsigned count = 0;
  size_t left = SAROS_HIGH_WATER, at = conn->at;
  if (at < head) {
    bufs[count++] = part(request->head + at, head - at, left);
    left -= bufs[0].len;
    at += bufs[0].len;
  }
  if (at >= head && at - head < body && left > 0) {
    bufs[count] = part(request->body + (at - head), body - (at - head), left);
    at += bufs[count++].len;
  }
  if (put(conn, bufs, count)) conn->at = at;
}

/* The next chunk of an upload, or, at its end, the last one. */
static void put_chunk(SrHttpConn *conn, SrHttpUpload *upload, const char *bytes, size_t count) {
  char frame[FRAME];
  if (count > SAROS_HIGH_WATER - FRAME - 2) count = SAROS_HIGH_WATER - FRAME - 2;
  size_t length = count > 0 ? sr_wire_put_chunk(frame, count) : 0;
  uv_buf_t bufs[3] = {uv_buf_init(frame, (unsigned)length), uv_buf_init((char *)bytes, (unsigned)count),
                      uv_buf_init("\r\n", 2)};
  if (count == 0) bufs[0] = uv_buf_init("0\r\n\r\n", 5);
  if (!put(conn, bufs, count > 0 ? 3 : 1)) return;
  conn->has_left = count == 0;
  sr_http_upload_taken(upload, count);
}

/* False: there is nothing to be sent now. */
static bool put_upload(SrHttpConn *conn) {
  const SrHttpRequest *request = conn->transfer->request;
  SrHttpUpload *upload = conn->transfer->upload;
  const char *bytes;
  size_t count;
  if (upload == NULL || conn->awaits_go) return false;
  if (!sr_http_upload_peek(upload, &bytes, &count)) return false;
  if (request->stream_length < 0) {
    put_chunk(conn, upload, bytes, count);
    return true;
  }
  conn->has_left = count == 0;
  if (count == 0) return true;
  uv_buf_t buf = part(bytes, count, SAROS_HIGH_WATER);
  if (put(conn, &buf, 1)) sr_http_upload_taken(upload, buf.len);
  return true;
}

/* Sends one piece. False: there is nothing to be sent now. */
static bool send_piece(SrHttpConn *conn) {
  const SrHttpRequest *request = conn->transfer->request;
  size_t body = conn->awaits_go ? 0 : request->body_length;
  if (conn->at < request->head_length + body) {
    put_whole(conn);
    conn->has_left = !request->streamed && conn->at == request->head_length + request->body_length;
    return true;
  }
  return request->streamed && put_upload(conn);
}

void sr_http_sending_go_on(SrHttpConn *conn) {
  for (int i = 0; !conn->has_left && is_idle(conn); i++) {
    if (i == PIECES) {
      if (!sr_http_transfer_call_back(conn->transfer))
        sr_http_transfer_fail(conn->transfer, "FetchError", "ENOMEM", "not enough memory");
      return;
    }
    if (!send_piece(conn)) return;
  }
  if (conn->write_status != 0) sr_http_transfer_stop_upload(conn->transfer);
}
