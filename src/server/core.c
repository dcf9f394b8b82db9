/* SPDX-License-Identifier: MIT */
/*
** Cores, see core.h.
**
** The dispatcher is the task that runs core:run. It hears of connections in the order in which something happened to
** them, and is the only one who starts and cancels the tasks of handlers.
*/
#include "server/core.h"

#include <math.h>

#include "server/closing.h"
#include "server/conn.h"
#include "server/handle.h"
#include "server/request.h"
#include "server/timer.h"

static const SrIoClass core_class = {"server"};

/* In seconds: so long nobody asks whether a task has begun. */
static const double PATIENCE = 1;

/* The stack of the dispatcher. */
enum { CORE = 1, HANDLER, SPAWN, NEWS };

static SrServerCore *check_core(lua_State *L, const char *function) {
  return (SrServerCore *)sr_io_self(L, &core_class, function);
}

/* --- new ------------------------------------------------------------------------------- */

static double seconds_option(lua_State *L, int index, const char *name) {
  double seconds = lua_getfield(L, index, name) == LUA_TNUMBER ? (double)lua_tonumber(L, -1) : HUGE_VAL;
  lua_pop(L, 1);
  return seconds < 0 ? 0 : seconds;
}

static lua_Integer count_option(lua_State *L, int index, const char *name) {
  lua_Integer count = lua_getfield(L, index, name) == LUA_TNUMBER ? lua_tointeger(L, -1) : LUA_MAXINTEGER;
  lua_pop(L, 1);
  return count;
}

static bool flag_option(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

static SrServerCancels cancels_option(lua_State *L, int index) {
  SrServerCancels cancels = SR_SERVER_CANCELS_READERS;
  if (lua_getfield(L, index, "cancel_on_disconnect") == LUA_TBOOLEAN)
    cancels = lua_toboolean(L, -1) ? SR_SERVER_CANCELS_ALL : SR_SERVER_CANCELS_NONE;
  lua_pop(L, 1);
  return cancels;
}

static void read_options(lua_State *L, SrServerCore *core, int index) {
  core->limits = (SrWireLimits){.head = (size_t)count_option(L, index, "max_header_size"),
                                .target = (size_t)count_option(L, index, "max_target"),
                                .fields = (unsigned)count_option(L, index, "max_headers")};
  core->max_body = count_option(L, index, "max_body_size");
  core->max_conns = count_option(L, index, "max_connections");
  core->times = (SrServerTimes){.header = seconds_option(L, index, "header_timeout"),
                                .idle = seconds_option(L, index, "idle_timeout"),
                                .read = seconds_option(L, index, "read_timeout"),
                                .write = seconds_option(L, index, "write_timeout")};
  core->is_secure = flag_option(L, index, "tls");
  core->has_log = flag_option(L, index, "log");
  core->compresses = flag_option(L, index, "compress");
  core->cancels = cancels_option(L, index);
}

/* Its strings stay where they are as long as the table, which nobody changes, holds them. */
static void read_phrases(lua_State *L, SrServerCore *core, int index) {
  for (int i = 0; i < SR_SERVER_STATUSES; i++) {
    lua_rawgeti(L, index, i + SR_SERVER_FIRST_STATUS);
    core->phrases[i] = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
  }
}

/* new(options, phrases): all options are there, and checked. */
static int l_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  SrServerCore *core = (SrServerCore *)sr_io_new(L, &core_class, sizeof *core, SR_SERVER_CORE_VALUES);
  core->runtime = sr_io_saros->runtime(L);
  core->second = -1;
  lua_newtable(L);
  lua_setiuservalue(L, -2, SR_SERVER_CORE_CONNS);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, 2) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  read_phrases(L, core, lua_gettop(L));
  lua_setiuservalue(L, -2, SR_SERVER_CORE_PHRASES);
  read_options(L, core, 1);
  return 1;
}

/* --- waiting -------------------------------------------------------------------------------- */

static int abort_wait(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind request_kind = {.name = "http request", .abort = abort_wait};
static const saros_kind room_kind = {.name = "room for a connection", .abort = abort_wait};

/* --- the dispatcher --------------------------------------------------------------------------- */

static SrServerConn *take_news(SrServerCore *core) {
  SrServerConn *conn = core->news;
  if (conn == NULL) return NULL;
  core->news = conn->next_news;
  conn->is_news = false;
  return conn;
}

/* The handler, which is at work or has not begun, hears of the end of its client; so does who writes in its name. */
static void cancel_handler(lua_State *L, SrServerConn *conn) {
  conn->is_told = true;
  if (lua_getiuservalue(L, NEWS, SR_SERVER_CONN_TASK) == LUA_TUSERDATA) {
    lua_getfield(L, -1, "cancel");
    lua_insert(L, -2);
    lua_pushliteral(L, "the client is gone");
    lua_call(L, 2, 0);
  }
  sr_io_saros->wake(&conn->writer);
}

/*
** For want of memory a task may end without having begun, and nobody is told. So somebody looks after a while whether it
** has; the deadline is moved as soon as the handler reads, and is of no account once it has begun.
*/
static void look_at_task(lua_State *L, SrServerConn *conn) {
  lua_getiuservalue(L, NEWS, SR_SERVER_CONN_TASK);
  lua_getfield(L, -1, "done");
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  if (lua_toboolean(L, -1))
    sr_server_conclude(conn->request);
  else
    sr_server_timer_set(conn->core, &conn->reading, PATIENCE);
}

/* Starts the task of a request. */
static void dispatch(lua_State *L, SrServerCore *core, SrServerConn *conn) {
  SrServerRequest *request = sr_server_request_push(L, conn);
  if (request->conn == NULL) return;
  lua_pushvalue(L, NEWS);
  lua_setiuservalue(L, -2, SR_SERVER_REQUEST_CONN);
  lua_pushvalue(L, SPAWN);
  lua_pushcfunction(L, sr_server_l_handle); /* without a name, so that no traceback shows it */
  lua_pushvalue(L, -3);
  lua_pushvalue(L, HANDLER);
  lua_call(L, 3, 1);
  lua_setiuservalue(L, NEWS, SR_SERVER_CONN_TASK);
  request->began = sr_io_saros->now(core->runtime);
  sr_server_timer_set(core, &conn->reading, PATIENCE);
  conn->request = request;
  conn->is_told = false;
  core->active++;
  core->requests++;
  if (conn->phase == SR_SERVER_HAS_REQUEST) conn->phase = SR_SERVER_ANSWERS;
}

static void tell_refusal(lua_State *L, SrServerConn *conn) {
  conn->is_refused = false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sr_server_half_key);
  lua_getfield(L, -1, "refused");
  lua_pushvalue(L, CORE);
  lua_getiuservalue(L, NEWS, SR_SERVER_CONN_STREAM);
  lua_pushinteger(L, conn->refused);
  lua_call(L, 3, 0);
}

/* Sees to the connection at NEWS. */
static void attend(lua_State *L, SrServerCore *core, SrServerConn *conn) {
  if (conn->request != NULL && !conn->request->has_begun) look_at_task(L, conn);
  if (conn->phase == SR_SERVER_HAS_REQUEST) dispatch(L, core, conn);
  if (conn->is_refused) tell_refusal(L, conn);
  if (conn->is_gone && !conn->is_told && conn->request != NULL && sr_server_request_is_forsaken(conn->request))
    cancel_handler(L, conn);
  if (conn->phase != SR_SERVER_CLOSED || conn->request != NULL) return; /* its handler may have to hear of something */
  lua_getiuservalue(L, CORE, SR_SERVER_CORE_CONNS);
  lua_pushnil(L);
  lua_rawsetp(L, -2, conn);
}

/* Sees to all that has happened. */
static void attend_all(lua_State *L, SrServerCore *core) {
  SrServerConn *conn;
  while ((conn = take_news(core)) != NULL) {
    lua_getiuservalue(L, CORE, SR_SERVER_CORE_CONNS);
    lua_rawgetp(L, -1, conn);
    lua_replace(L, NEWS);
    attend(L, core, conn);
    lua_settop(L, NEWS);
  }
}

static int k_run(lua_State *L, int status, lua_KContext ctx);

static int run(lua_State *L, SrServerCore *core) {
  attend_all(L, core);
  if (core->is_draining && core->active == 0) return 0;
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return sr_io_saros->park(L, &core->dispatcher, &request_kind, k_run, (lua_KContext)core);
}

static int k_run(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  return run(L, (SrServerCore *)ctx);
}

/*
** run(core, handler, spawn): until it is drained and nothing is under way. It is the body of a task, so that who spawns
** in it has no long way to look for the place.
*/
static int l_run(lua_State *L) {
  SrServerCore *core = check_core(L, "server:serve");
  sr_io_saros->check(L, "server:serve");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  lua_settop(L, NEWS);
  core->is_served = true;
  return run(L, core);
}

/* --- room -------------------------------------------------------------------------------------- */

static int k_await_room(lua_State *L, int status, lua_KContext ctx) {
  SrServerCore *core = (SrServerCore *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  if (core->count < core->max_conns || core->is_draining) return 0;
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return sr_io_saros->park(L, &core->acceptor, &room_kind, k_await_room, ctx);
}

/* core:await_room() waits until there may be one more connection. */
static int l_await_room(lua_State *L) {
  SrServerCore *core = check_core(L, "server:serve");
  sr_io_saros->check(L, "server:serve");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  if (core->count < core->max_conns || core->is_draining) return 0;
  return sr_io_saros->park(L, &core->acceptor, &room_kind, k_await_room, (lua_KContext)core);
}

/* --- methods -------------------------------------------------------------------------------------- */

/* core:attach(stream) */
static int l_attach(lua_State *L) {
  SrServerCore *core = check_core(L, "server:attach");
  luaL_argcheck(L, sr_server_streams->test(L, 2) != NULL, 1, "stream expected");
  sr_server_conn_attach(L, core, 2);
  return 0;
}

/* core:drain(): no further requests; idle connections are closed. */
static int l_drain(lua_State *L) {
  SrServerCore *core = check_core(L, "server:close");
  core->is_draining = true;
  for (SrServerConn *conn = core->conns, *next; conn != NULL; conn = next) {
    next = conn->next;
    sr_server_conn_retire(conn);
  }
  sr_io_saros->wake(&core->acceptor);
  sr_io_saros->wake(&core->dispatcher);
  return 0;
}

/* core:finish(): nobody serves any more; connections without a handler are closed. */
static int l_finish(lua_State *L) {
  SrServerCore *core = check_core(L, "server:serve");
  core->is_served = false;
  for (SrServerConn *conn = core->conns, *next; conn != NULL; conn = next) {
    next = conn->next;
    if (conn->request == NULL) sr_server_conn_close(conn, false);
  }
  return 0;
}

/* core:tasks(): those of handlers, that of a closed connection as well. */
static int l_tasks(lua_State *L) {
  check_core(L, "server:shutdown");
  lua_Integer count = 0;
  lua_settop(L, 1);
  lua_newtable(L);
  lua_getiuservalue(L, 1, SR_SERVER_CORE_CONNS);
  for (lua_pushnil(L); lua_next(L, 3) != 0; lua_settop(L, 4)) {
    if (((SrServerConn *)lua_touserdata(L, 5))->request == NULL) continue;
    lua_getiuservalue(L, 5, SR_SERVER_CONN_TASK);
    lua_rawseti(L, 2, ++count);
  }
  lua_settop(L, 2);
  return 1;
}

/* core:stats(): connections, active, requests, failed. */
static int l_stats(lua_State *L) {
  const SrServerCore *core = check_core(L, "server:stats");
  lua_pushinteger(L, core->count);
  lua_pushinteger(L, core->active);
  lua_pushinteger(L, core->requests);
  lua_pushinteger(L, core->failed);
  return 4;
}

static int l_gc(lua_State *L) {
  SrServerCore *core = (SrServerCore *)sr_io_test(L, 1, &core_class);
  if (core != NULL) sr_buffer_free(&core->out);
  return 0;
}

void sr_server_open_core(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"run", l_run},       {"await_room", l_await_room}, {"attach", l_attach}, {"drain", l_drain},
      {"finish", l_finish}, {"tasks", l_tasks},           {"stats", l_stats},   {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &core_class, methods, meta);
  lua_pushcfunction(L, l_new);
  lua_setfield(L, -2, "new");
  lua_pushcfunction(L, l_run);
  lua_setfield(L, -2, "run");
}
