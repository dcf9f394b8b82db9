/* SPDX-License-Identifier: MIT */
/*
** Files that the system sends by itself, see direct.h.
**
** A first piece that the system has in memory is sent at once. All else a thread of libuv's sends, as it may wait for
** the disk. Neither ever waits for the client: where that takes no more the operation has ended. Nothing else is written
** meanwhile, and whoever is cancelled hears of it when the thread has ended: so what was sent is known, and nothing
** comes behind it unasked.
**
** The task has a share of the operation, a userdata on its stack, and so has libuv while it runs; the last to let go
** frees it.
*/
#include "server/direct.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/cached.h"
#include "base/sending.h"
#include "server/conn.h"
#include "server/head.h"
#include "server/output.h"
#include "server/request.h"
#include "server/socket.h"

/* The frame of the method. */
enum { REQUEST = 1, DESCRIPTOR, POSITION, COUNT, SHARE };

/* As much is sent at once, and by one turn of a thread: others need the threads, too. */
enum { PIECE = 1 << 20, TURN = 4 << 20 };

typedef struct Direct {
  uv_work_t work;
  saros_wait wait;
  atomic_bool is_abandoned; /* the thread need not go on */
  bool is_running;          /* libuv's share */
  bool is_owned;            /* the task's */
  SrSending sending;        /* open until the thread has ended */
  int64_t position;         /* in the file */
  int64_t left;             /* of what is wanted */
  int64_t sent;             /* by the last turn */
  bool goes_on;             /* the client may well take more */
  bool is_refused;          /* the system knows no way */
} Direct;

typedef struct Share {
  const SrIoClass *cls;
  SrServerRequest *request;
  Direct *direct;   /* NULL: let go of */
  lua_Integer sent; /* by all turns */
} Share;

static const SrIoClass share_class = {"file that is sent"};

/* --- sending ----------------------------------------------------------------------------- */

/* Sends until that is enough, or the client takes no more. */
static void send_some(Direct *direct, int64_t enough) {
  ptrdiff_t count = 1;
  direct->sent = 0;
  while (count > 0 && direct->left > 0 && direct->sent < enough && !atomic_load(&direct->is_abandoned)) {
    count = sr_sending_send(&direct->sending, direct->position, direct->left < PIECE ? (size_t)direct->left : PIECE);
    if (count <= 0) break;
    direct->sent += count;
    direct->position += count;
    direct->left -= count;
  }
  direct->goes_on = count > 0 && direct->left > 0;
  direct->is_refused = count < 0 && count != UV_EAGAIN;
}

static void run(uv_work_t *work) {
  Direct *direct = (Direct *)work->data;
  send_some(direct, TURN);
  sr_sending_close(&direct->sending);
}

/* --- shares ------------------------------------------------------------------------------ */

static void on_done(uv_work_t *work, int status) {
  Direct *direct = (Direct *)work->data;
  direct->is_running = false;
  if (status != 0) sr_sending_close(&direct->sending); /* it never ran */
  if (direct->is_owned)
    sr_io_saros->wake(&direct->wait);
  else
    free(direct);
}

static void abandon(Direct *direct) {
  if (!atomic_exchange(&direct->is_abandoned, true)) uv_cancel((uv_req_t *)&direct->work);
}

static void let_go(Share *share) {
  Direct *direct = share->direct;
  share->direct = NULL;
  if (direct == NULL) return;
  direct->is_owned = false;
  if (direct->is_running)
    abandon(direct);
  else
    free(direct);
}

static int l_gc(lua_State *L) {
  Share *share = (Share *)sr_io_test(L, 1, &share_class);
  if (share != NULL) let_go(share);
  return 0;
}

/* --- waiting ------------------------------------------------------------------------------ */

static int abort_direct(saros_wait *wait) {
  abandon(SR_IO_CONTAINER(wait, Direct, wait));
  return 0;
}

static const saros_kind direct_kind = {"a file that is sent", abort_direct};

static int finish(lua_State *L, Share *share, bool is_refused) {
  let_go(share);
  lua_pushinteger(L, share->sent);
  lua_pushboolean(L, !is_refused);
  return sr_io_saros->ready(L, 2);
}

static int k_turn(lua_State *L, int status, lua_KContext ctx);

/* Has a thread send; what cannot be is not. */
static int send_turn(lua_State *L, Share *share) {
  SrServerConn *conn = share->request->conn;
  Direct *direct = share->direct;
  uv_os_fd_t fd;
  if (!sr_server_socket_find(conn, &fd)) return finish(L, share, true);
  if (sr_sending_open(&direct->sending, fd, (uv_file)lua_tointeger(L, DESCRIPTOR)) != 0) return finish(L, share, true);
  direct->work.data = direct;
  direct->is_running = uv_queue_work(sr_io_saros->loop(conn->core->runtime), &direct->work, run, on_done) == 0;
  if (direct->is_running) return sr_io_saros->park(L, &direct->wait, &direct_kind, k_turn, (lua_KContext)share);
  sr_sending_close(&direct->sending);
  return finish(L, share, true);
}

static void count_turn(Share *share) {
  sr_server_output_count(share->request, share->direct->sent);
  share->sent += share->direct->sent;
}

static int k_turn(lua_State *L, int status, lua_KContext ctx) {
  Share *share = (Share *)ctx;
  Direct *direct = share->direct;
  (void)status;
  count_turn(share);
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  if (!direct->goes_on) return finish(L, share, direct->is_refused);
  sr_server_request_check_open(L, share->request);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return send_turn(L, share);
}

/* Sends one piece at once, if the disk has no part in that. It is no more than one, as others wait meanwhile. */
static int send_piece(lua_State *L, Share *share) {
  Direct *direct = share->direct;
  uv_file file = (uv_file)lua_tointeger(L, DESCRIPTOR);
  uv_os_fd_t fd;
  if (!sr_server_socket_find(share->request->conn, &fd)) return finish(L, share, true);
  size_t count = direct->left < PIECE ? (size_t)direct->left : PIECE;
  if (!sr_cached_has(file, direct->position, count)) return send_turn(L, share);
  sr_sending_borrow(&direct->sending, fd, file);
  send_some(direct, PIECE);
  count_turn(share);
  return direct->goes_on ? send_turn(L, share) : finish(L, share, direct->is_refused);
}

/* --- the method ----------------------------------------------------------------------------- */

/* What was written before has left. */
static int k_begin(lua_State *L, int status, lua_KContext ctx) {
  Share *share = (Share *)lua_touserdata(L, SHARE);
  Direct *direct = (Direct *)calloc(1, sizeof *direct);
  (void)status, (void)ctx;
  if (direct == NULL) return finish(L, share, true);
  share->direct = direct;
  direct->is_owned = true;
  direct->position = lua_tointeger(L, POSITION);
  direct->left = lua_tointeger(L, COUNT);
  return send_piece(L, share);
}

int sr_server_l_send_file(lua_State *L) {
  SrServerRequest *request = sr_server_request_self(L, "request:_send_file");
  lua_settop(L, COUNT);
  for (int index = DESCRIPTOR; index <= COUNT; index++) luaL_checkinteger(L, index);
  sr_io_saros->check(L, "request:_send_file");
  sr_server_output_check(L, request);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  if (request->framing == SR_SERVER_SIZED && lua_tointeger(L, COUNT) > request->left)
    return sr_server_head_error(L, "response: the body is longer than its Content-Length");
  Share *share = (Share *)sr_io_new(L, &share_class, sizeof *share, 0);
  share->request = request;
  if (request->framing != SR_SERVER_SIZED || !sr_server_socket_is_plain(request->conn)) return finish(L, share, true);
  return sr_server_output_flush(L, request, k_begin);
}

void sr_server_open_direct(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}}, meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &share_class, methods, meta);
}
