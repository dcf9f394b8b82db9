/* SPDX-License-Identifier: MIT */
/* What the dispatcher hears, and the end of a connection: see closing.h. */
#include "server/closing.h"

#include "server/timer.h"

/* --- what the dispatcher hears ------------------------------------------------------- */

void sr_server_conn_tell(SrServerConn *conn) {
  SrServerCore *core = conn->core;
  if (conn->is_news) return;
  conn->is_news = true;
  conn->next_news = NULL;
  if (core->news == NULL)
    core->news = conn;
  else
    core->last_news->next_news = conn;
  core->last_news = conn;
  sr_io_saros->wake(&core->dispatcher);
}

/* --- the end ---------------------------------------------------------------------------- */

static void unlink_conn(SrServerConn *conn) {
  SrServerCore *core = conn->core;
  if (conn->next != NULL) conn->next->prev = conn->prev;
  if (conn->prev != NULL)
    conn->prev->next = conn->next;
  else
    core->conns = conn->next;
  core->count--;
  sr_io_saros->wake(&core->acceptor);
}

/* Everything but the stream. */
void sr_server_conn_end(SrServerConn *conn) {
  conn->phase = SR_SERVER_CLOSED;
  conn->handed++;
  sr_server_timer_stop(conn->core, &conn->reading);
  sr_server_timer_stop(conn->core, &conn->writing);
  unlink_conn(conn);
  sr_io_saros->wake(&conn->reader);
  sr_io_saros->wake(&conn->writer);
  sr_server_conn_tell(conn);
}

void sr_server_conn_close(SrServerConn *conn, bool at_once) {
  if (conn->phase == SR_SERVER_CLOSED) return;
  sr_server_streams->watch(conn->stream, 0, NULL, NULL);
  sr_server_streams->close(conn->stream, at_once);
  sr_server_conn_end(conn);
}

void sr_server_conn_lose(SrServerConn *conn) {
  if (conn->is_gone) return;
  conn->is_gone = true;
  sr_io_saros->wake(&conn->reader);
  sr_io_saros->wake(&conn->writer);
  if (conn->request == NULL && conn->phase != SR_SERVER_HAS_REQUEST)
    sr_server_conn_close(conn, true);
  else
    sr_server_conn_tell(conn);
}
