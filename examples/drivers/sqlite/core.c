/* SPDX-License-Identifier: MIT */
/*
** SQLite for saros: each connection has a thread of its own, which does what tasks ask it for, one job after another.
** Nothing here but saros.h, libuv and SQLite.
**
** A job belongs to the loop until it is handed over, to the thread until it is done, then to the loop again; the
** lock is held for the handing over alone. Only the flag that tells the thread to give up is shared all the time.
*/
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "saros.h"

#define CLASS "saros.sqlite"

enum {
  GIVE_UP_EVERY = 1000, /* instructions of SQLite's machine between two looks at the flag */
  BUSY_STEP = 5,        /* milliseconds between two tries of a database that somebody else has locked */
  BUSY_STEPS = 1000
};

static const saros_api *saros;

/* --- growing memory ------------------------------------------------------------- */

typedef struct Bytes {
  char *data;
  size_t size, room;
  bool failed; /* there was no memory: what is in it is not whole */
} Bytes;

static void add(Bytes *bytes, const void *data, size_t size) {
  if (bytes->room - bytes->size < size) {
    size_t room = (bytes->size + size) * 2;
    char *grown = (char *)realloc(bytes->data, room);
    if (grown == NULL) {
      bytes->failed = true;
      return;
    }
    bytes->data = grown;
    bytes->room = room;
  }
  if (size > 0) memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
}

/* A value is a letter, and a number or a counted string. */
static void add_value(Bytes *bytes, char type, const void *data, size_t size) {
  add(bytes, &type, 1);
  if (type == 's') add(bytes, &size, sizeof size);
  add(bytes, data, size);
}

static const char *take(const char **at, void *into, size_t size) {
  const char *from = *at;
  if (into != NULL) memcpy(into, from, size);
  *at += size;
  return from;
}

/* --- connections and jobs --------------------------------------------------------- */

typedef enum Job { IDLE, OPEN, BEGIN, MORE, RESET, EXECUTE, QUIT } Job;

typedef struct Connection {
  uv_async_t async; /* the thread calls the loop */
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t posted;
  Job job; /* under the lock; IDLE: the thread has nothing to do */
  bool has_ended;
  atomic_bool give_up;

  /* of the job */
  Bytes request; /* SQL and a zero; then values, of parameters */
  int most;      /* rows to fetch */
  Bytes rows;    /* values, row by row */
  Bytes names;   /* of the columns, each with a zero */
  int column_count, row_count;
  bool is_done; /* there are no more rows */
  int status;   /* of SQLite */
  char *error;  /* its text, of sqlite3_malloc */
  sqlite3_int64 changes, last_id;

  /* the thread's */
  sqlite3 *db;
  sqlite3_stmt *statement;

  /* the loop's */
  saros_wait wait;
  saros_resource resource;
  bool is_busy; /* a job is the thread's */
  bool is_closed;
  int owners; /* the userdata, and the async until it is closed */
} Connection;

/* --- in the thread ------------------------------------------------------------------ */

static int on_progress(void *connection) {
  return atomic_load(&((Connection *)connection)->give_up);
}

static int on_busy(void *connection, int count) {
  if (count >= BUSY_STEPS || atomic_load(&((Connection *)connection)->give_up)) return 0;
  sqlite3_sleep(BUSY_STEP);
  return 1;
}

static void note_error(Connection *c, int status) {
  c->status = status;
  c->error = sqlite3_mprintf("%s", c->db == NULL ? sqlite3_errstr(status) : sqlite3_errmsg(c->db));
}

static void open_db(Connection *c) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
  int status = sqlite3_open_v2(c->request.data, &c->db, flags, NULL);
  if (status != SQLITE_OK) {
    note_error(c, status);
    return;
  }
  sqlite3_extended_result_codes(c->db, 1);
  sqlite3_progress_handler(c->db, GIVE_UP_EVERY, on_progress, c);
  sqlite3_busy_handler(c->db, on_busy, c);
}

/* Ends the statement, if there is one. */
static void reset(Connection *c) {
  sqlite3_finalize(c->statement);
  c->statement = NULL;
  c->changes = sqlite3_changes64(c->db);
  c->last_id = sqlite3_last_insert_rowid(c->db);
}

static int bind_value(sqlite3_stmt *statement, int index, const char **at) {
  char type = *take(at, NULL, 1);
  size_t size;
  sqlite3_int64 integer;
  double number;
  switch (type) {
    case 'i': take(at, &integer, sizeof integer); return sqlite3_bind_int64(statement, index, integer);
    case 'f': take(at, &number, sizeof number); return sqlite3_bind_double(statement, index, number);
    case 's':
      take(at, &size, sizeof size);
      return sqlite3_bind_text64(statement, index, take(at, NULL, size), size, SQLITE_TRANSIENT, SQLITE_UTF8);
    default: return sqlite3_bind_null(statement, index);
  }
}

static int bind_all(Connection *c, const char *at) {
  const char *end = c->request.data + c->request.size;
  int status = SQLITE_OK;
  for (int index = 1; at < end && status == SQLITE_OK; index++) status = bind_value(c->statement, index, &at);
  return status;
}

static void add_column(Connection *c, int column) {
  int type = sqlite3_column_type(c->statement, column); /* before a conversion, which leaves it undefined */
  sqlite3_int64 integer = sqlite3_column_int64(c->statement, column);
  double number = sqlite3_column_double(c->statement, column);
  switch (type) {
    case SQLITE_INTEGER: add_value(&c->rows, 'i', &integer, sizeof integer); break;
    case SQLITE_FLOAT: add_value(&c->rows, 'f', &number, sizeof number); break;
    case SQLITE_NULL: add_value(&c->rows, 'n', NULL, 0); break;
    default: {
      const void *text = sqlite3_column_blob(c->statement, column);
      add_value(&c->rows, 's', text, (size_t)sqlite3_column_bytes(c->statement, column));
    }
  }
}

static void fetch(Connection *c) {
  int status = SQLITE_ROW;
  while (c->row_count < c->most && !c->rows.failed && (status = sqlite3_step(c->statement)) == SQLITE_ROW) {
    for (int i = 0; i < c->column_count; i++) add_column(c, i);
    c->row_count++;
  }
  if (c->rows.failed) status = SQLITE_NOMEM;
  c->is_done = status != SQLITE_ROW;
  if (status != SQLITE_ROW && status != SQLITE_DONE) note_error(c, status);
  if (c->is_done) reset(c);
}

static void name_columns(Connection *c) {
  c->column_count = sqlite3_column_count(c->statement);
  for (int i = 0; i < c->column_count; i++) {
    const char *name = sqlite3_column_name(c->statement, i);
    add(&c->names, name == NULL ? "" : name, name == NULL ? 1 : strlen(name) + 1);
  }
}

/* Whether there is another statement, be it a wrong one. */
static bool has_statement(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement;
  int status = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
  bool has = status != SQLITE_OK || statement != NULL;
  sqlite3_finalize(statement);
  return has;
}

static void begin(Connection *c) {
  const char *sql = c->request.data, *rest;
  int status = sqlite3_prepare_v2(c->db, sql, -1, &c->statement, &rest);
  if (status == SQLITE_OK && c->statement != NULL) status = bind_all(c, sql + strlen(sql) + 1);
  if (status != SQLITE_OK) {
    note_error(c, status);
    reset(c);
  } else if (*rest != '\0' && has_statement(c->db, rest)) {
    c->status = SQLITE_MISUSE;
    c->error = sqlite3_mprintf("more than one statement");
    reset(c);
  } else if (c->statement == NULL) {
    c->is_done = true; /* nothing but a comment */
  } else {
    name_columns(c);
    fetch(c);
  }
}

static void execute(Connection *c) {
  int status = sqlite3_exec(c->db, c->request.data, NULL, NULL, NULL);
  if (status != SQLITE_OK) note_error(c, status);
  reset(c);
}

static void work(Connection *c, Job job) {
  switch (job) {
    case OPEN: open_db(c); break;
    case BEGIN: begin(c); break;
    case MORE: fetch(c); break;
    case EXECUTE: execute(c); break;
    default: reset(c);
  }
}

static void run_thread(void *arg) {
  Connection *c = (Connection *)arg;
  uv_mutex_lock(&c->mutex);
  while (c->job != QUIT) {
    Job job = c->job;
    if (job == IDLE) {
      uv_cond_wait(&c->posted, &c->mutex);
      continue;
    }
    uv_mutex_unlock(&c->mutex);
    work(c, job);
    uv_mutex_lock(&c->mutex);
    if (c->job == job) c->job = IDLE;
    uv_async_send(&c->async);
  }
  uv_mutex_unlock(&c->mutex);
  sqlite3_finalize(c->statement);
  sqlite3_close(c->db);
  uv_mutex_lock(&c->mutex);
  c->has_ended = true;
  uv_async_send(&c->async);
  uv_mutex_unlock(&c->mutex);
}

/* --- on the loop ----------------------------------------------------------------------- */

static void drop(Connection *c) {
  if (--c->owners > 0) return;
  uv_mutex_destroy(&c->mutex);
  uv_cond_destroy(&c->posted);
  free(c->request.data);
  free(c->rows.data);
  free(c->names.data);
  sqlite3_free(c->error);
  free(c);
}

static void on_async_closed(uv_handle_t *async) {
  drop((Connection *)async->data);
}

static void finish(Connection *c) {
  uv_thread_join(&c->thread);
  saros->resource_close(&c->resource);
  saros->close((uv_handle_t *)&c->async, on_async_closed);
}

static void post(Connection *c, Job job) {
  uv_mutex_lock(&c->mutex);
  c->job = job;
  uv_cond_signal(&c->posted);
  uv_mutex_unlock(&c->mutex);
}

static bool is_idle(Connection *c) {
  uv_mutex_lock(&c->mutex);
  bool idle = c->job == IDLE || c->has_ended;
  uv_mutex_unlock(&c->mutex);
  return idle;
}

/* An idle connection wakes nobody: its handle does not count. */
static void set_busy(Connection *c, bool is_busy) {
  c->is_busy = is_busy;
  if (is_busy)
    uv_ref((uv_handle_t *)&c->async);
  else
    uv_unref((uv_handle_t *)&c->async);
}

static void on_call(uv_async_t *async) {
  Connection *c = (Connection *)async->data;
  if (c->is_busy && is_idle(c)) {
    set_busy(c, false);
    saros->wake(&c->wait);
  }
  uv_mutex_lock(&c->mutex);
  bool has_ended = c->has_ended;
  uv_mutex_unlock(&c->mutex);
  if (has_ended) finish(c);
}

/* Has the thread end; the database is closed there. */
static void quit(Connection *c) {
  if (c->is_closed) return;
  c->is_closed = true;
  atomic_store(&c->give_up, true);
  uv_ref((uv_handle_t *)&c->async);
  post(c, QUIT);
}

static void on_run_end(saros_resource *resource) {
  Connection *c = (Connection *)((char *)resource - offsetof(Connection, resource));
  quit(c);
  finish(c);
}

/* The job ends as soon as the thread sees the flag; until then the request is its own. */
static int abort_job(saros_wait *wait) {
  Connection *c = (Connection *)((char *)wait - offsetof(Connection, wait));
  atomic_store(&c->give_up, true);
  return 0;
}

static const saros_kind job_kind = {"SQLite", abort_job};

/* --- results ------------------------------------------------------------------------------ */

static void push_value(lua_State *L, const char **at) {
  char type = *take(at, NULL, 1);
  size_t size;
  sqlite3_int64 integer;
  double number;
  switch (type) {
    case 'i':
      take(at, &integer, sizeof integer);
      lua_pushinteger(L, (lua_Integer)integer);
      break;
    case 'f':
      take(at, &number, sizeof number);
      lua_pushnumber(L, number);
      break;
    case 's':
      take(at, &size, sizeof size);
      lua_pushlstring(L, take(at, NULL, size), size);
      break;
    default: lua_pushnil(L);
  }
}

static void push_row(lua_State *L, const Connection *c, int names, const char **at) {
  lua_createtable(L, 0, c->column_count);
  for (int i = 1; i <= c->column_count; i++) {
    lua_rawgeti(L, names, i);
    push_value(L, at);
    lua_rawset(L, -3);
  }
}

static void push_names(lua_State *L, const Connection *c) {
  const char *name = c->names.data;
  lua_createtable(L, c->column_count, 0);
  for (int i = 1; i <= c->column_count; i++, name += strlen(name) + 1) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i);
  }
}

static int raise_error(lua_State *L, Connection *c) {
  saros->push_error(L, "SQLiteError", "ESQLITE", "%s", c->error == NULL ? sqlite3_errstr(c->status) : c->error);
  lua_pushinteger(L, c->status & 0xff);
  lua_setfield(L, -2, "status");
  return lua_error(L);
}

/* The rows, and whether they are the last ones. */
static int push_results(lua_State *L, Connection *c) {
  const char *at = c->rows.data;
  push_names(L, c);
  int names = lua_gettop(L);
  lua_createtable(L, c->row_count, 1);
  for (int i = 1; i <= c->row_count; i++) {
    push_row(L, c, names, &at);
    lua_rawseti(L, -2, i);
  }
  lua_pushvalue(L, names);
  lua_setfield(L, -2, "columns");
  lua_pushboolean(L, c->is_done);
  return 2;
}

static int k_job(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  Connection *c = (Connection *)ctx;
  if (saros->aborted(L)) return saros->raise(L);
  if (c->is_closed) {
    saros->push_error(L, "ClosedError", "ECLOSED", "the connection is closed");
    return lua_error(L);
  }
  if (c->status != SQLITE_OK) return raise_error(L, c);
  return push_results(L, c);
}

/* --- methods --------------------------------------------------------------------------------- */

static Connection *check_open(lua_State *L, const char *name) {
  Connection *c = *(Connection **)luaL_checkudata(L, 1, CLASS);
  if (c == NULL || c->is_closed) {
    saros->push_error(L, "ClosedError", "ECLOSED", "the connection is closed");
    lua_error(L);
  }
  saros->check(L, name);
  if (c->is_busy) {
    saros->push_error(L, "BusyError", "EBUSY", "another task uses this connection");
    lua_error(L);
  }
  return c;
}

static void clear(Connection *c) {
  c->request.size = c->rows.size = 0;
  c->request.failed = c->rows.failed = false;
  c->row_count = 0;
  c->is_done = false;
  c->status = SQLITE_OK;
  sqlite3_free(c->error);
  c->error = NULL;
  atomic_store(&c->give_up, false);
}

static int start(lua_State *L, Connection *c, Job job) {
  if (c->request.failed) return luaL_error(L, "not enough memory");
  if (saros->cancelled(L)) return saros->raise(L);
  set_busy(c, true);
  post(c, job);
  return saros->park(L, &c->wait, &job_kind, k_job, (lua_KContext)c);
}

static void add_parameter(lua_State *L, Bytes *request, int index) {
  size_t size;
  lua_Integer integer = lua_tointeger(L, index);
  lua_Number number = lua_tonumber(L, index);
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
  if (text != NULL)
    add_value(request, 's', text, size);
  else if (lua_isinteger(L, index))
    add_value(request, 'i', &integer, sizeof integer);
  else if (lua_isnumber(L, index))
    add_value(request, 'f', &number, sizeof number);
  else if (lua_isboolean(L, index)) {
    integer = lua_toboolean(L, index);
    add_value(request, 'i', &integer, sizeof integer);
  } else if (lua_isnoneornil(L, index))
    add_value(request, 'n', NULL, 0);
  else
    luaL_argerror(L, index, "numbers, strings, booleans and nil can be parameters");
}

static const char *check_sql(lua_State *L) {
  size_t size;
  const char *sql = luaL_checklstring(L, 2, &size);
  luaL_argcheck(L, strlen(sql) == size, 2, "the statement has a zero in it");
  return sql;
}

/* connection:begin(sql, most, ...): runs a statement; returns at most so many rows, and whether these are all. */
static int l_begin(lua_State *L) {
  Connection *c = check_open(L, "begin");
  const char *sql = check_sql(L);
  c->most = (int)luaL_checkinteger(L, 3);
  clear(c);
  c->names.size = 0;
  c->column_count = 0;
  add(&c->request, sql, strlen(sql) + 1);
  for (int i = 4; i <= lua_gettop(L); i++) add_parameter(L, &c->request, i);
  return start(L, c, BEGIN);
}

/* connection:more(most): the next rows, and whether these are the last. */
static int l_more(lua_State *L) {
  Connection *c = check_open(L, "more");
  c->most = (int)luaL_checkinteger(L, 2);
  clear(c);
  return start(L, c, MORE);
}

/* connection:reset(): ends a statement of which not all rows are wanted. */
static int l_reset(lua_State *L) {
  Connection *c = check_open(L, "reset");
  clear(c);
  return start(L, c, RESET);
}

/* connection:execute(script): runs any number of statements, and drops what they return. */
static int l_execute(lua_State *L) {
  Connection *c = check_open(L, "execute");
  const char *sql = check_sql(L);
  clear(c);
  add(&c->request, sql, strlen(sql) + 1);
  return start(L, c, EXECUTE);
}

/* connection:changes(): rows changed by the last statement, and the id of the row inserted last. */
static int l_changes(lua_State *L) {
  Connection *c = *(Connection **)luaL_checkudata(L, 1, CLASS);
  lua_pushinteger(L, c == NULL ? 0 : (lua_Integer)c->changes);
  lua_pushinteger(L, c == NULL ? 0 : (lua_Integer)c->last_id);
  return 2;
}

/* connection:close(): a job that runs is given up. Does not wait. */
static int l_close(lua_State *L) {
  Connection *c = *(Connection **)luaL_checkudata(L, 1, CLASS);
  if (c != NULL) quit(c);
  return 0;
}

static int l_gc(lua_State *L) {
  Connection **box = (Connection **)luaL_checkudata(L, 1, CLASS);
  Connection *c = *box;
  *box = NULL;
  if (c == NULL) return 0;
  if (!c->is_closed) saros->collected(L, &c->resource, "a connection to SQLite");
  quit(c);
  drop(c);
  return 0;
}

/* --- opening ------------------------------------------------------------------------------------ */

static int k_open(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  Connection *c = (Connection *)ctx;
  bool is_aborted = saros->aborted(L);
  if (is_aborted || c->status != SQLITE_OK) quit(c);
  if (is_aborted) return saros->raise(L);
  if (c->status != SQLITE_OK) return raise_error(L, c);
  lua_settop(L, 2);
  return 1;
}

static Connection *new_connection(uv_loop_t *loop) {
  Connection *c = (Connection *)calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  uv_mutex_init(&c->mutex);
  uv_cond_init(&c->posted);
  c->owners = 1;
  if (uv_async_init(loop, &c->async, on_call) != 0) return drop(c), NULL;
  c->async.data = c;
  c->owners = 2;
  if (uv_thread_create(&c->thread, run_thread, c) == 0) return c;
  saros->close((uv_handle_t *)&c->async, on_async_closed);
  return drop(c), NULL;
}

/* open(path): a connection to the database in that file, ":memory:" for one of its own. Waits. */
static int l_open(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  luaL_argcheck(L, strlen(path) == size, 1, "the path has a zero in it");
  saros->check(L, "open");
  if (saros->cancelled(L)) return saros->raise(L);
  lua_settop(L, 1);
  Connection **box = (Connection **)lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, CLASS);
  Connection *c = *box = new_connection(saros->loop(saros->runtime(L)));
  if (c == NULL) return luaL_error(L, "open: no memory or no thread");
  c->resource.name = "a connection to SQLite";
  c->resource.on_run_end = on_run_end;
  saros->resource_open(L, &c->resource);
  add(&c->request, path, size + 1);
  if (c->request.failed) return luaL_error(L, "open: not enough memory");
  set_busy(c, true);
  post(c, OPEN);
  return saros->park(L, &c->wait, &job_kind, k_open, (lua_KContext)c);
}

static const luaL_Reg methods[] = {{"begin", l_begin},     {"more", l_more},       {"reset", l_reset},
                                   {"execute", l_execute}, {"changes", l_changes}, {"close", l_close},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", l_gc}, {"__close", l_close}, {NULL, NULL}};

SAROS_EXPORT int luaopen_sqlite_core(lua_State *L);

SAROS_EXPORT int luaopen_sqlite_core(lua_State *L) {
  saros = saros_open(L);
  luaL_newmetatable(L, CLASS);
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_newtable(L);
  lua_pushcfunction(L, l_open);
  lua_setfield(L, -2, "open");
  return 1;
}
