/* SPDX-License-Identifier: MIT */
/* Operations on paths, see call.h. */
#include "fs/call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/failure.h"

/* The frame of a function, and its upvalues. */
enum { PATH = 1, DEST, DATA, NUMBERS, LAST = NUMBERS + SR_FS_NUMBERS - 1, SHARE };
enum { UP_ACT = 1, UP_IDLE };

/* So many shares are kept to be used again: the collector has little to do with files then. */
enum { MOST_IDLE = 128 };

/* The task's share, a userdata on its stack. */
typedef struct Share {
  const SrIoClass *cls;
  SrFsCall *call; /* NULL: let go of */
} Share;

static const SrIoClass share_class = {"file operation"};
static const char idle_key; /* the table of shares that nobody uses */

/* --- in a thread --------------------------------------------------------------------- */

bool sr_fs_is_given(const SrFsCall *call, int index) {
  return !isnan(call->number[index]);
}

int sr_fs_integer(const SrFsCall *call, int index, int otherwise) {
  return sr_fs_is_given(call, index) ? (int)call->number[index] : otherwise;
}

bool sr_fs_went(SrFsCall *call, const char *syscall, ptrdiff_t result) {
  if (result >= 0) return true;
  if (call->status == 0) {
    call->status = (int)result;
    call->syscall = syscall;
  }
  return false;
}

static void run(SrFsJob *job) {
  SrFsCall *call = (SrFsCall *)job;
  call->act->run(call);
}

static void run_undo(SrFsJob *job) {
  SrFsCall *call = (SrFsCall *)job;
  call->act->undo(call);
}

/* --- letting go ------------------------------------------------------------------------ */

static void free_call(SrFsCall *call) {
  if (call->handle.fd >= 0) sr_fs_close(call->handle.fd);
  free(call->text);
  free(call->second);
  free(call);
}

static void on_undone(SrFsJob *job, uv_loop_t *loop) {
  (void)loop;
  free_call((SrFsCall *)job);
}

/* Nobody has taken the results. */
static void dispose(SrFsCall *call, uv_loop_t *loop) {
  if (call->act->undo == NULL || call->status != 0 || !call->job.was_run) {
    free_call(call);
    return;
  }
  call->job.run = run_undo;
  call->job.done = on_undone;
  if (loop == NULL || sr_fs_submit(loop, &call->job) != 0) {
    call->act->undo(call);
    free_call(call);
  }
}

static void on_done(SrFsJob *job, uv_loop_t *loop) {
  SrFsCall *call = (SrFsCall *)job;
  call->is_running = false;
  if (call->is_owned)
    sr_io_saros->wake(&call->wait);
  else
    dispose(call, loop);
}

static void let_go(Share *share) {
  SrFsCall *call = share->call;
  share->call = NULL;
  if (call == NULL) return;
  call->is_owned = false;
  if (call->is_running)
    sr_fs_withdraw(&call->job);
  else
    dispose(call, NULL);
}

static int abort_call(saros_wait *wait) {
  sr_fs_withdraw(&SR_IO_CONTAINER(wait, SrFsCall, wait)->job);
  return 1;
}

static const saros_kind call_kind = {"the file system", abort_call};

/* --- results --------------------------------------------------------------------------- */

void sr_fs_push_failure(lua_State *L, int status, const char *syscall, const char *path, const char *dest) {
  if (dest == NULL) {
    sr_io_push_system_path(L, status, syscall, path);
    return;
  }
  lua_pushfstring(L, "%s -> %s", path, dest);
  sr_io_push_system_path(L, status, syscall, lua_tostring(L, -1));
  lua_remove(L, -2);
  lua_pushstring(L, path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, dest);
  lua_setfield(L, -2, "dest");
}

int sr_fs_push_true(lua_State *L, SrFsCall *call) {
  (void)call;
  lua_pushboolean(L, 1);
  return 1;
}

int sr_fs_push_text(lua_State *L, SrFsCall *call) {
  lua_pushlstring(L, call->text != NULL ? call->text : "", call->length);
  return 1;
}

static void set_integer(lua_State *L, const char *field, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, field);
}

static double seconds_of(const uv_timespec_t *time) {
  return (double)time->tv_sec + (double)time->tv_nsec / 1e9;
}

double sr_fs_mtime(const uv_stat_t *stat) {
  return seconds_of(&stat->st_mtim);
}

static void set_time(lua_State *L, const char *field, const uv_timespec_t *time) {
  lua_pushnumber(L, (lua_Number)seconds_of(time));
  lua_setfield(L, -2, field);
}

void sr_fs_push_stat(lua_State *L, const uv_stat_t *stat) {
  lua_createtable(L, 0, 10);
  lua_pushstring(L, sr_fs_type(stat));
  lua_setfield(L, -2, "type");
  set_integer(L, "size", stat->st_size);
  set_integer(L, "mode", stat->st_mode & 07777);
  set_integer(L, "uid", stat->st_uid);
  set_integer(L, "gid", stat->st_gid);
  set_integer(L, "ino", stat->st_ino);
  set_integer(L, "nlink", stat->st_nlink);
  set_time(L, "mtime", &stat->st_mtim);
  set_time(L, "atime", &stat->st_atim);
  set_time(L, "ctime", &stat->st_ctim);
}

static const SrFsAct taken = {.function = "taken"};

/* Pushes a share, one that was used before if there is one. [-0, +1, m] */
static Share *push_share(lua_State *L) {
  int idle = lua_upvalueindex(UP_IDLE);
  lua_Integer count = (lua_Integer)lua_rawlen(L, idle);
  if (count == 0) return (Share *)sr_io_new(L, &share_class, sizeof(Share), 0);
  lua_rawgeti(L, idle, count);
  lua_pushnil(L);
  lua_rawseti(L, idle, count);
  return (Share *)lua_touserdata(L, -1);
}

/* Its call is gone. [-0, +0, m] */
static void keep_share(lua_State *L) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, lua_upvalueindex(UP_IDLE));
  if (count >= MOST_IDLE) return;
  lua_pushvalue(L, SHARE);
  lua_rawseti(L, lua_upvalueindex(UP_IDLE), count + 1);
}

/* Lets go of the call also if this raises, then by the collector. */
static int k_call(lua_State *L, int status, lua_KContext ctx) {
  Share *share = (Share *)ctx;
  SrFsCall *call = share->call;
  (void)status;
  if (sr_io_saros->aborted(L)) {
    let_go(share);
    return sr_io_saros->raise(L);
  }
  if (call->status != 0) {
    sr_fs_push_failure(L, call->status, call->syscall, call->path, call->dest);
    let_go(share);
    return lua_error(L);
  }
  int count = call->act->push(L, call);
  call->act = &taken; /* nothing is to be undone any more */
  let_go(share);
  keep_share(L);
  return count;
}

/* --- calling ---------------------------------------------------------------------------- */

static const char *copy_string(lua_State *L, int index, char **room, size_t *size) {
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  char *copy = *room;
  if (text == NULL) return NULL;
  memcpy(copy, text, length + 1);
  *room += length + 1;
  if (size != NULL) *size = length;
  return copy;
}

static size_t room_for(lua_State *L, int index) {
  return lua_isnil(L, index) ? 0 : (size_t)lua_rawlen(L, index) + 1;
}

/* The strings of the frame are copied: the operation may outlive the task. NULL: no memory. [-0, +0, -] */
static SrFsCall *new_call(lua_State *L, const SrFsAct *act) {
  SrFsCall *call = (SrFsCall *)malloc(sizeof *call + room_for(L, PATH) + room_for(L, DEST) + room_for(L, DATA));
  if (call == NULL) return NULL;
  memset(call, 0, sizeof *call);
  char *room = call->bytes;
  call->act = act;
  call->job.run = run;
  call->job.done = on_done;
  call->handle = (SrFsHandle){.job = &call->job, .fd = -1};
  call->path = copy_string(L, PATH, &room, NULL);
  call->dest = copy_string(L, DEST, &room, NULL);
  call->data = copy_string(L, DATA, &room, &call->size);
  for (int i = 0; i < SR_FS_NUMBERS; i++)
    call->number[i] = lua_isnil(L, NUMBERS + i) ? (double)NAN : (double)lua_tonumber(L, NUMBERS + i);
  return call;
}

/* The arguments, but for the path of a bare act, come checked: (path, dest or nil, data or nil, numbers or nil). */
static int l_call(lua_State *L) {
  const SrFsAct *act = (const SrFsAct *)lua_touserdata(L, lua_upvalueindex(UP_ACT));
  if (act->is_bare) {
    sr_io_name(L, act->function, PATH, 1);
    lua_settop(L, PATH);
  }
  lua_settop(L, LAST);
  sr_io_saros->check(L, act->function);
  Share *share = push_share(L);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  SrFsCall *call = new_call(L, act);
  if (call == NULL) return luaL_error(L, "%s: not enough memory", act->function);
  share->call = call;
  call->is_owned = true;
  int status = sr_fs_submit(sr_io_saros->loop(sr_io_saros->runtime(L)), &call->job);
  if (status != 0) return sr_io_push_system(L, status, act->function), lua_error(L);
  call->is_running = true;
  return sr_io_saros->park(L, &call->wait, &call_kind, k_call, (lua_KContext)share);
}

/* The loop may be gone: then the results go at once. */
static int l_gc(lua_State *L) {
  Share *share = (Share *)sr_io_test(L, 1, &share_class);
  if (share != NULL) let_go(share);
  return 0;
}

void sr_fs_add_acts(lua_State *L, const SrFsAct *acts) {
  for (; acts->function != NULL; acts++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)acts);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &idle_key);
    lua_pushcclosure(L, l_call, 2);
    lua_setfield(L, -2, acts->function);
  }
}

void sr_fs_open_call(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &share_class, methods, meta);
  lua_createtable(L, MOST_IDLE, 0);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &idle_key);
}
