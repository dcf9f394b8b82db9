/* SPDX-License-Identifier: MIT */
/* Files: how they are opened and closed, and how their jobs take turns; see file.h. */
#include "fs/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "fs/closing.h"
#include "fs/draft.h"
#include "io/failure.h"

const SrIoClass sr_fs_file_class = {"file"};

/* --- turns ---------------------------------------------------------------------------- */

static void run_turn(SrFsJob *job) {
  SrFsTurn *turn = (SrFsTurn *)job;
  turn->act(turn);
}

static void free_turn(SrFsTurn *turn) {
  sr_buffer_free(&turn->room);
  free(turn->doomed);
  free(turn->target);
  free(turn);
}

/* What a read has found that was left behind is kept only where it could not be read again. */
static void give_back(SrFsFile *file, SrFsTurn *turn) {
  if (turn->is_left && file->is_seekable) turn->room.size = turn->room.head + turn->before;
  file->in = turn->room;
  turn->room = (SrBuffer){0};
  if (sr_buffer_length(&file->in) == 0) sr_buffer_clear(&file->in);
}

/* It is the file's affair no more. */
static void end_turn(SrFsTurn *turn, uv_loop_t *loop) {
  if ((turn->is_last || turn->file == NULL) && turn->handle.fd >= 0) {
    sr_fs_close_later(loop, turn->handle.fd, turn->doomed);
    turn->doomed = NULL;
  }
  free_turn(turn);
}

/* The turn is over. */
static void finish_turn(SrFsTurn *turn, uv_loop_t *loop) {
  SrFsFile *file = turn->file;
  if (file != NULL) {
    file->turn = NULL;
    if (turn->is_read) give_back(file, turn);
    if (turn->moved >= 0 && file->is_seekable) sr_fs_file_move(file, turn->moved);
    file->status = turn->is_left ? 0 : turn->status;
    file->syscall = turn->syscall;
    file->stat = turn->stat;
    file->has_ended = turn->has_ended && !turn->is_left;
    sr_io_saros->wake(&file->wait);
  }
  end_turn(turn, loop);
}

/* --- pipes and terminals ------------------------------------------------------------------ */

/*
** What is no file on a disk may make a turn wait for ever. It does so on the loop: the threads, which are few, are for
** those that need not. What the loop cannot watch has to wait in a thread all the same, and so has what others have the
** descriptor of: the loop would make it one that does not wait, for them as well.
*/

static void free_patience(uv_handle_t *handle) {
  free(handle);
}

static void stop_waiting(SrFsTurn *turn) {
  uv_poll_stop(turn->patience);
  sr_io_saros->close((uv_handle_t *)turn->patience, free_patience);
  turn->patience = NULL;
}

static void begin_again(SrFsTurn *turn, uv_loop_t *loop) {
  turn->status = 0; /* before: a thread may be fast */
  int status = sr_fs_submit(loop, &turn->job);
  if (status == 0) return;
  turn->status = status;
  finish_turn(turn, loop);
}

static void on_patience(uv_poll_t *poll, int status, int events) {
  SrFsTurn *turn = (SrFsTurn *)poll->data;
  uv_loop_t *loop = poll->loop;
  (void)status, (void)events; /* a failure is told to who reads or writes */
  stop_waiting(turn);
  begin_again(turn, loop);
}

/* False: the loop cannot watch this descriptor. */
static bool wait_on(uv_loop_t *loop, SrFsTurn *turn) {
  uv_poll_t *poll = (uv_poll_t *)malloc(sizeof *poll);
  if (poll == NULL) return false;
  if (uv_poll_init(loop, poll, turn->handle.fd) != 0) return free(poll), false;
  poll->data = turn;
  turn->patience = poll;
  if (uv_poll_start(poll, turn->writes ? UV_WRITABLE : UV_READABLE, on_patience) == 0) return true;
  stop_waiting(turn);
  return false;
}

static void on_turn_done(SrFsJob *job, uv_loop_t *loop) {
  SrFsTurn *turn = (SrFsTurn *)job;
  bool has_to_wait = turn->status == UV_EAGAIN && turn->file != NULL && !turn->is_left;
  if (!has_to_wait) {
    finish_turn(turn, loop);
    return;
  }
  if (!turn->file->is_lent && wait_on(loop, turn)) return;
  turn->handle.gives_way = false;
  begin_again(turn, loop);
}

/* Nobody wants it any more. One that a thread works at comes to its end there. */
static void withdraw(SrFsTurn *turn, uv_loop_t *loop) {
  sr_fs_withdraw(&turn->job);
  if (turn->patience == NULL) return;
  stop_waiting(turn);
  finish_turn(turn, loop);
}

SrFsTurn *sr_fs_file_turn(lua_State *L, SrFsFile *file, void (*act)(SrFsTurn *turn)) {
  SrFsTurn *turn = (SrFsTurn *)calloc(1, sizeof *turn);
  if (turn == NULL) luaL_error(L, "%s: not enough memory", file->function);
  turn->job.run = run_turn;
  turn->job.done = on_turn_done;
  turn->act = act;
  turn->file = file;
  turn->handle = (SrFsHandle){.job = &turn->job, .fd = file->fd, .is_seekable = file->is_seekable, .gives_way = true};
  turn->appends = file->appends;
  turn->position = turn->moved = -1;
  return turn;
}

/* --- positions ----------------------------------------------------------------------------- */

void sr_fs_file_move(SrFsFile *file, int64_t position) {
  file->position = position;
  if (file->is_lent) sr_file_move(file->fd, position);
}

/* Goes on where others have left it; what was read ahead is there if they have not. */
static void follow_others(SrFsFile *file) {
  if (!file->is_lent || file->turn != NULL) return;
  int64_t position = sr_file_position(file->fd);
  if (position < 0 || position == file->position) return;
  sr_buffer_clear(&file->in);
  file->ahead = file->scanned = 0;
  file->position = position;
}

/* --- one task at a time ------------------------------------------------------------------ */

/* What is under way goes on without it. Who closes the file waits for that even so: it does not take long. */
static int abort_use(saros_wait *wait) {
  SrFsFile *file = SR_IO_CONTAINER(wait, SrFsFile, wait);
  if (file->is_closing) return 0;
  file->is_busy = false;
  if (file->turn == NULL) return 1;
  file->turn->is_left = true;
  withdraw(file->turn, file->loop);
  return 1;
}

static const saros_kind use_kind = {"a file", abort_use};

static int k_use(lua_State *L, int status, lua_KContext ctx) {
  SrFsFile *file = (SrFsFile *)ctx;
  (void)status;
  bool is_aborted = sr_io_saros->aborted(L), is_closed = file->fd < 0 && !file->is_closing;
  if (is_aborted && !file->is_closing) return sr_io_saros->raise(L);
  file->is_busy = file->is_closing = false;
  if (is_aborted && file->fd < 0) return sr_io_saros->raise(L);
  return is_closed ? sr_io_raise_closed(L, "the file is closed") : file->next(L, file);
}

static int park(lua_State *L, SrFsFile *file, int (*next)(lua_State *L, SrFsFile *file)) {
  file->next = next;
  file->is_busy = true;
  return sr_io_saros->park(L, &file->wait, &use_kind, k_use, (lua_KContext)file);
}

int sr_fs_file_go(lua_State *L, SrFsFile *file, int (*next)(lua_State *L, SrFsFile *file)) {
  return file->turn == NULL ? next(L, file) : park(L, file, next);
}

int sr_fs_file_await(lua_State *L, SrFsFile *file, SrFsTurn *turn, int (*next)(lua_State *L, SrFsFile *file)) {
  if (turn->is_read) {
    turn->room = file->in;
    turn->before = sr_buffer_length(&turn->room);
    file->in = (SrBuffer){0};
  }
  int status = sr_fs_submit(file->loop, &turn->job);
  if (status != 0) {
    if (turn->is_read) give_back(file, turn);
    end_turn(turn, file->loop);
    return sr_fs_file_fail(L, file, status, file->function);
  }
  file->turn = turn;
  return park(L, file, next);
}

bool sr_fs_file_begin(lua_State *L, SrFsFile *file, const char *function) {
  sr_io_saros->check(L, function);
  if (file->fd < 0) sr_io_raise_closed(L, "the file is closed");
  if (file->is_busy) sr_io_raise_busy(L, "another task uses this file");
  file->function = function;
  follow_others(file);
  return sr_io_saros->cancelled(L);
}

int sr_fs_file_fail(lua_State *L, const SrFsFile *file, int status, const char *syscall) {
  sr_io_push_system_path(L, status, syscall, file->path);
  return lua_error(L);
}

void sr_fs_file_check(lua_State *L, const SrFsFile *file) {
  if (file->status != 0) sr_fs_file_fail(L, file, file->status, file->syscall);
}

SrFsFile *sr_fs_file_self(lua_State *L, const char *function) {
  return (SrFsFile *)sr_io_self(L, &sr_fs_file_class, function);
}

/* --- the end -------------------------------------------------------------------------------- */

/* From now on it is closed for all. A job that is under way has the descriptor, and closes it. */
static void leave(SrFsFile *file) {
  SrFsTurn *turn = file->turn;
  file->fd = -1;
  file->turn = NULL;
  if (turn != NULL) {
    turn->file = NULL;
    turn->doomed = file->doomed;
    file->doomed = NULL;
    withdraw(turn, file->loop);
  }
  sr_buffer_free(&file->in);
  sr_io_saros->resource_close(&file->resource);
  sr_io_saros->wake(&file->wait);
}

void sr_fs_file_drop(SrFsFile *file) {
  uv_file fd = file->fd;
  if (fd < 0) return;
  bool is_used = file->turn != NULL;
  leave(file);
  if (is_used) return;
  if (file->closes_at_once)
    sr_fs_close(fd);
  else
    sr_fs_close_later(file->loop, fd, file->doomed);
  file->doomed = NULL;
}

static void on_run_end(saros_resource *resource) {
  sr_fs_file_drop(SR_IO_CONTAINER(resource, SrFsFile, resource));
}

static void act_close(SrFsTurn *turn) {
  uv_file fd = turn->handle.fd;
  turn->handle.fd = -1;
  turn->syscall = "close";
  turn->status = sr_fs_close(fd);
  if (turn->doomed != NULL) sr_fs_unlink(turn->doomed);
}

static void act_keep(SrFsTurn *turn) {
  SrFsDraft draft = {.handle = turn->handle, .name = turn->doomed, .target = turn->target};
  turn->handle.fd = -1;
  turn->doomed = turn->target = NULL;
  turn->status = sr_fs_draft_keep(&draft, turn->wants_all, &turn->syscall);
}

static int k_closed(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  lua_pushboolean(L, 1);
  return 1;
}

static int k_closed_at_end(lua_State *L, SrFsFile *file) {
  sr_fs_file_check(L, file);
  lua_pushnil(L);
  return 1;
}

/* Gives the descriptor to a turn that closes it, and waits for that. Nothing is under way. */
static int close_by(lua_State *L, SrFsFile *file, SrFsTurn *turn, int (*next)(lua_State *L, SrFsFile *file)) {
  turn->is_last = true;
  turn->doomed = file->doomed;
  turn->target = file->target;
  file->doomed = file->target = NULL;
  leave(file);
  file->is_closing = true;
  return sr_fs_file_await(L, file, turn, next);
}

/* What was left behind has ended, and so it is quick. */
static int close_now(lua_State *L, SrFsFile *file) {
  if (file->fd >= 0) return close_by(L, file, sr_fs_file_turn(L, file, act_close), k_closed);
  lua_pushboolean(L, 1);
  return 1;
}

/*
** close(file, whether it may wait) returns true. It waits until the system has closed the file, in a cancelled scope
** too, so that nothing of what that says is lost, and the descriptor is free. Where nobody can wait, or another task
** uses the file, that goes on by itself.
*/
static int l_close(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:close");
  bool waits = lua_toboolean(L, 2) && file->fd >= 0 && !file->is_busy;
  lua_settop(L, 1);
  if (waits) {
    file->function = "file:close";
    file->is_closing = file->turn != NULL;
    return sr_fs_file_go(L, file, close_now);
  }
  sr_fs_file_drop(file);
  lua_pushboolean(L, 1);
  return 1;
}

int sr_fs_file_close_at_end(lua_State *L, SrFsFile *file) {
  return close_by(L, file, sr_fs_file_turn(L, file, act_close), k_closed_at_end);
}

static int keep(lua_State *L, SrFsFile *file) {
  SrFsTurn *turn = sr_fs_file_turn(L, file, act_keep);
  turn->wants_all = lua_toboolean(L, 2);
  return close_by(L, file, turn, k_closed);
}

/* keep(file, whether it is to be on the disk): closes a draft, which then is in its place, or gone. */
int sr_fs_l_keep(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:keep");
  if (sr_fs_file_begin(L, file, "file:keep")) return sr_io_saros->raise(L);
  return sr_fs_file_go(L, file, keep);
}

static int l_gc(lua_State *L) {
  SrFsFile *file = (SrFsFile *)sr_io_test(L, 1, &sr_fs_file_class);
  if (file == NULL) return 0;
  if (file->fd >= 0) sr_io_saros->collected(L, &file->resource, "file");
  sr_fs_file_drop(file);
  if (file->turn != NULL) file->turn->file = NULL; /* one that closes it */
  sr_buffer_free(&file->in);
  free(file->path);
  free(file->doomed);
  free(file->target);
  file->path = file->doomed = file->target = NULL;
  return 0;
}

static int l_tostring(lua_State *L) {
  const SrFsFile *file = sr_fs_file_self(L, "file:__tostring");
  if (file->fd < 0)
    lua_pushliteral(L, "file (closed)");
  else
    lua_pushfstring(L, "file (%s)", file->path);
  return 1;
}

static int l_closed(lua_State *L) {
  lua_pushboolean(L, sr_fs_file_self(L, "file:closed")->fd < 0);
  return 1;
}

/*
** The descriptor, for who hands it to others: the system stands where the file does, from now on, and reads and writes
** wait.
*/
static int l_fileno(lua_State *L) {
  SrFsFile *file = sr_fs_file_self(L, "file:fileno");
  if (file->fd < 0) return sr_io_raise_closed(L, "the file is closed");
  if (!file->is_seekable)
    sr_file_block(file->fd);
  else if (!file->is_lent)
    sr_file_move(file->fd, file->position);
  file->is_lent = true;
  lua_pushinteger(L, file->fd);
  return 1;
}

/* --- the rest ----------------------------------------------------------------------------------- */

void sr_fs_file_open(lua_State *L, SrFsFile *file, const SrFsHandle *handle) {
  file->loop = sr_io_saros->loop(sr_io_saros->runtime(L));
  file->fd = handle->fd;
  file->is_seekable = handle->is_seekable;
  file->resource.name = "file";
  file->resource.on_run_end = on_run_end;
  sr_io_saros->resource_open(L, &file->resource);
}

const luaL_Reg sr_fs_close_methods[] = {{"close", l_close}, {"closed", l_closed}, {"fileno", l_fileno}, {NULL, NULL}};

const luaL_Reg sr_fs_file_meta[] = {{"__gc", l_gc}, {"__tostring", l_tostring}, {NULL, NULL}};
