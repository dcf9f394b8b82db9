/* SPDX-License-Identifier: MIT */
/* Reading a file piece by piece, see piece.h. */
#include "process/piece.h"

#include <stdlib.h>

static void begin_piece(SrProcessTransport *transport);

/* Gives what has come of a file, if it is wanted, and asks for more. */
static void give_piece(SrProcessTransport *transport) {
  SrProcessPiece *piece = transport->piece;
  if (!piece->is_full || !transport->is_reading) return;
  piece->is_full = false;
  if (piece->result <= 0)
    sr_process_tell_end(transport, piece->result == 0 ? UV_EOF : (int)piece->result);
  else if (sr_process_tell_read(transport, piece->bytes, (size_t)piece->result) && transport->is_reading)
    begin_piece(transport);
}

static void on_piece(uv_fs_t *request) {
  SrProcessPiece *piece = SR_IO_CONTAINER(request, SrProcessPiece, request);
  SrProcessTransport *transport = piece->owner;
  piece->is_busy = false;
  piece->is_full = true;
  piece->result = request->result;
  uv_fs_req_cleanup(request);
  if (transport == NULL)
    free(piece);
  else
    give_piece(transport);
}

/* Reads on, from where the descriptor stands. */
static void begin_piece(SrProcessTransport *transport) {
  SrProcessPiece *piece = transport->piece;
  if (transport->handle == NULL) return; /* between two runs */
  if (piece == NULL) piece = transport->piece = (SrProcessPiece *)calloc(1, sizeof *piece);
  if (piece == NULL) {
    sr_process_tell_end(transport, UV_ENOMEM);
    return;
  }
  if (piece->is_busy) return;
  piece->owner = transport;
  uv_buf_t buf = uv_buf_init(piece->bytes, sizeof piece->bytes);
  int status =
      uv_fs_read(transport->handle->any.loop, &piece->request, transport->descriptor.fd, &buf, 1, -1, on_piece);
  piece->is_busy = status == 0;
  if (status != 0) sr_process_tell_end(transport, status);
}

void sr_process_read_file(SrProcessTransport *transport) {
  if (transport->piece != NULL && transport->piece->is_full)
    give_piece(transport);
  else
    begin_piece(transport);
}
