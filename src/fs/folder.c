/* SPDX-License-Identifier: MIT */
/*
** Folders: their entries in batches, so that a large one needs little memory; and emptying one.
**
** What reads a folder has two owners, a userdata that Lua has and libuv while a batch is being read; the last of them
** closes the folder.
*/
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "fs/fs.h"
#include "io/failure.h"

/* So many entries come at once. */
enum { BATCH = 256 };

/* --- in a thread --------------------------------------------------------------------------- */

/* An open folder. */
typedef struct Folder {
  const char *path;
  uv_dir_t *dir; /* NULL: not open */
  uv_dirent_t entries[BATCH];
} Folder;

static int open_folder(Folder *folder) {
  uv_fs_t request;
  int status = uv_fs_opendir(NULL, &request, folder->path, NULL);
  folder->dir = status == 0 ? (uv_dir_t *)request.ptr : NULL;
  request.ptr = NULL; /* it is ours now */
  uv_fs_req_cleanup(&request);
  return status;
}

static void close_folder(Folder *folder) {
  uv_fs_t request;
  if (folder->dir == NULL) return;
  uv_fs_closedir(NULL, &request, folder->dir, NULL);
  uv_fs_req_cleanup(&request);
  folder->dir = NULL;
}

/* "folder/name", from malloc. */
static char *path_of(const char *path, const char *name) {
  size_t length = strlen(path);
  char *joined = (char *)malloc(length + strlen(name) + 2);
  if (joined == NULL) return NULL;
  memcpy(joined, path, length);
  if (length > 0 && path[length - 1] != '/') joined[length++] = '/';
  strcpy(joined + length, name);
  return joined;
}

static const char *const type_names[] = {
    [UV_DIRENT_UNKNOWN] = NULL, [UV_DIRENT_FILE] = "file",   [UV_DIRENT_DIR] = "directory",
    [UV_DIRENT_LINK] = "link",  [UV_DIRENT_FIFO] = "fifo",   [UV_DIRENT_SOCKET] = "socket",
    [UV_DIRENT_CHAR] = "char",  [UV_DIRENT_BLOCK] = "block",
};

/* Some file systems do not say what an entry is. */
static const char *type_of(const Folder *folder, const uv_dirent_t *entry) {
  uv_stat_t stat;
  const char *name = type_names[entry->type];
  if (name != NULL) return name;
  char *path = path_of(folder->path, entry->name);
  name = path != NULL && sr_fs_lstat(path, &stat) == 0 ? sr_fs_type(&stat) : "unknown";
  free(path);
  return name;
}

/* Calls visit(owner, folder, entry) for a batch, until one fails. How many there were; 0: no more. */
static int read_batch(Folder *folder, int (*visit)(void *owner, const Folder *folder, const uv_dirent_t *entry),
                      void *owner) {
  uv_fs_t request;
  int status = 0;
  folder->dir->dirents = folder->entries;
  folder->dir->nentries = BATCH;
  int count = uv_fs_readdir(NULL, &request, folder->dir, NULL);
  for (int i = 0; i < count && status == 0; i++) status = visit(owner, folder, &folder->entries[i]);
  uv_fs_req_cleanup(&request);
  return status < 0 ? status : count;
}

/* --- scandir --------------------------------------------------------------------------------- */

typedef struct Scan Scan;

/* What goes through a folder. */
typedef struct Reading {
  SrFsJob job; /* the first, so that a pointer to it is one to the reading */
  Scan *scan;  /* NULL: Lua has let go */
  bool is_running;
  bool has_ended;
  Folder folder;
  SrBuffer names; /* a byte for the type, the name and NUL, again and again */
  int status;
  const char *syscall;
  char path[];
} Reading;

/* Lua's share of it. */
struct Scan {
  const SrIoClass *cls;
  saros_resource resource;
  saros_wait wait;
  uv_loop_t *loop;
  Reading *reading; /* NULL: closed */
  char path[];
};

static const SrIoClass scan_class = {"scandir"};

/* The types as bytes, and back. */
static const char *const types[] = {"file", "directory", "link", "fifo", "socket", "char", "block", "unknown", NULL};

static char byte_of(const char *type) {
  char number = 0;
  while (types[(int)number + 1] != NULL && strcmp(types[(int)number], type) != 0) number++;
  return number;
}

static int add_name(void *owner, const Folder *folder, const uv_dirent_t *entry) {
  SrBuffer *names = &((Reading *)owner)->names;
  char type = byte_of(type_of(folder, entry));
  size_t length = strlen(entry->name) + 1;
  if (!sr_buffer_reserve(names, length + 1)) return UV_ENOMEM;
  sr_buffer_append(names, &type, 1);
  sr_buffer_append(names, entry->name, length);
  return 0;
}

static void run_reading(SrFsJob *job) {
  Reading *reading = (Reading *)job;
  reading->syscall = "opendir";
  if (reading->folder.dir == NULL) reading->status = open_folder(&reading->folder);
  if (reading->status < 0) return;
  reading->syscall = "readdir";
  int count = read_batch(&reading->folder, add_name, reading);
  if (count < 0) reading->status = count;
  if (count == 0) reading->has_ended = true;
  if (count <= 0) close_folder(&reading->folder);
}

static void free_reading(Reading *reading) {
  close_folder(&reading->folder);
  sr_buffer_free(&reading->names);
  free(reading);
}

static void on_read(SrFsJob *job, uv_loop_t *loop) {
  Reading *reading = (Reading *)job;
  (void)loop;
  reading->is_running = false;
  if (reading->scan == NULL)
    free_reading(reading);
  else
    sr_io_saros->wake(&reading->scan->wait);
}

static void close_scan(Scan *scan) {
  Reading *reading = scan->reading;
  if (reading == NULL) return;
  scan->reading = NULL;
  reading->scan = NULL;
  sr_io_saros->resource_close(&scan->resource);
  sr_io_saros->wake(&scan->wait);
  if (reading->is_running)
    sr_fs_withdraw(&reading->job);
  else
    free_reading(reading);
}

static void on_run_end(saros_resource *resource) {
  close_scan(SR_IO_CONTAINER(resource, Scan, resource));
}

/* The batch goes on, for whoever asks next. */
static int abort_scan(saros_wait *wait) {
  (void)wait;
  return 1;
}

static const saros_kind scan_kind = {"a folder", abort_scan};

static int await_batch(lua_State *L, Scan *scan, lua_KFunction k) {
  Reading *reading = scan->reading;
  if (!reading->is_running) {
    int status = sr_fs_submit(scan->loop, &reading->job);
    if (status != 0) return sr_io_push_system_path(L, status, "scandir", scan->path), lua_error(L);
    reading->is_running = true;
  }
  return sr_io_saros->park(L, &scan->wait, &scan_kind, k, (lua_KContext)scan);
}

/* Raises if the last batch failed; it is closed then. */
static void check_batch(lua_State *L, Scan *scan) {
  if (scan->reading == NULL || scan->reading->status == 0) return;
  int status = scan->reading->status;
  const char *syscall = scan->reading->syscall;
  close_scan(scan);
  sr_io_push_system_path(L, status, syscall, scan->path);
  lua_error(L);
}

static int next_entry(lua_State *L, Scan *scan);

static int k_next(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  check_batch(L, (Scan *)ctx);
  return next_entry(L, (Scan *)ctx);
}

/* The stack has the scan. */
static int next_entry(lua_State *L, Scan *scan) {
  Reading *reading = scan->reading;
  if (reading != NULL && !reading->is_running && sr_buffer_length(&reading->names) > 0) {
    const char *entry = sr_buffer_front(&reading->names);
    char type = entry[0];
    size_t length = strlen(entry + 1);
    lua_pushlstring(L, entry + 1, length);
    lua_pushstring(L, types[(int)type]);
    if (scan->reading != NULL) sr_buffer_take(&reading->names, length + 2); /* else a finalizer has closed it */
    return sr_io_saros->ready(L, 2);
  }
  if (reading != NULL && !reading->has_ended) return await_batch(L, scan, k_next);
  close_scan(scan);
  lua_pushnil(L);
  return sr_io_saros->ready(L, 1);
}

static int l_next(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  Scan *scan = (Scan *)lua_touserdata(L, 1);
  sr_io_saros->check(L, "scandir");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  if (scan->wait.task != NULL) return sr_io_raise_busy(L, "another task goes through this folder");
  return next_entry(L, scan);
}

/* What a generic for wants: the iterator, and what it closes. The path is below the scan. */
static int k_opened(lua_State *L, int status, lua_KContext ctx) {
  Scan *scan = (Scan *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) {
    close_scan(scan);
    return sr_io_saros->raise(L);
  }
  check_batch(L, scan);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, l_next, 1);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, 2);
  return 4;
}

/* scandir(path): the path comes checked. */
int sr_fs_l_scandir(lua_State *L) {
  size_t length;
  lua_settop(L, 1);
  const char *path = lua_tolstring(L, 1, &length);
  sr_io_saros->check(L, "scandir");
  Scan *scan = (Scan *)sr_io_new(L, &scan_class, sizeof *scan + length + 1, 0);
  memcpy(scan->path, path, length + 1);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  Reading *reading = (Reading *)calloc(1, sizeof *reading + length + 1);
  if (reading == NULL) return luaL_error(L, "scandir: not enough memory");
  memcpy(reading->path, path, length + 1);
  reading->folder.path = reading->path;
  reading->job.run = run_reading;
  reading->job.done = on_read;
  reading->scan = scan;
  scan->reading = reading;
  scan->loop = sr_io_saros->loop(sr_io_saros->runtime(L));
  scan->resource.name = "folder";
  scan->resource.on_run_end = on_run_end;
  sr_io_saros->resource_open(L, &scan->resource);
  return await_batch(L, scan, k_opened);
}

static int l_close(lua_State *L) {
  close_scan((Scan *)sr_io_self(L, &scan_class, "scandir:close"));
  return 0;
}

static int l_gc(lua_State *L) {
  Scan *scan = (Scan *)sr_io_test(L, 1, &scan_class);
  if (scan == NULL) return 0;
  if (scan->reading != NULL) sr_io_saros->collected(L, &scan->resource, "folder");
  close_scan(scan);
  return 0;
}

void sr_fs_open_scandir(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", l_close}, {"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &scan_class, methods, meta);
}

/* --- emptying ---------------------------------------------------------------------------------- */

/* What others remove meanwhile is no failure. True: it went well, and is there. */
static bool went_unless_gone(SrFsCall *call, const char *syscall, int status) {
  return status != UV_ENOENT && sr_fs_went(call, syscall, status);
}

/* It is what the failure names. */
static int remove_file(SrFsCall *call, const Folder *folder, const uv_dirent_t *entry) {
  char *path = path_of(folder->path, entry->name);
  if (path == NULL) return UV_ENOMEM;
  int status = sr_fs_unlink(path);
  if (status == 0 || status == UV_ENOENT) return free(path), 0;
  call->path = call->second = path;
  sr_fs_went(call, "unlink", status);
  return status;
}

/* A folder is for later. */
static int remove_entry(void *owner, const Folder *folder, const uv_dirent_t *entry) {
  SrFsCall *call = (SrFsCall *)owner;
  if (strcmp(type_of(folder, entry), "directory") != 0) return remove_file(call, folder, entry);
  size_t length = strlen(entry->name) + 1;
  char *names = (char *)realloc(call->text, call->length + length);
  if (names == NULL) return UV_ENOMEM;
  memcpy(names + call->length, entry->name, length);
  call->text = names;
  call->length += length;
  return 0;
}

/*
** Removes what it can without going deeper, itself too if it is empty then. A link is removed, not followed. A number
** is given where it was seen before: then it may be gone.
*/
static void run_clear(SrFsCall *call) {
  uv_stat_t stat;
  int count = 1;
  Folder folder = {.path = call->path};
  int status = sr_fs_lstat(call->path, &stat);
  if (sr_fs_is_given(call, 0) ? !went_unless_gone(call, "lstat", status) : !sr_fs_went(call, "lstat", status)) return;
  if (strcmp(sr_fs_type(&stat), "directory") != 0) {
    went_unless_gone(call, "unlink", sr_fs_unlink(call->path));
    return;
  }
  if (!went_unless_gone(call, "opendir", open_folder(&folder))) return;
  while (count > 0 && !sr_fs_is_abandoned(&call->job)) {
    count = read_batch(&folder, remove_entry, call);
    sr_fs_went(call, "readdir", count); /* unless it was an entry, which has told */
  }
  close_folder(&folder);
  if (call->status == 0 && count == 0 && call->length == 0) went_unless_gone(call, "rmdir", sr_fs_rmdir(call->path));
}

/* A list of the folders in it; none: it is gone. */
static int push_names(lua_State *L, SrFsCall *call) {
  lua_newtable(L);
  lua_Integer count = 0;
  for (size_t at = 0; at < call->length; at += strlen(call->text + at) + 1) {
    lua_pushstring(L, call->text + at);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

const SrFsAct sr_fs_folder_acts[] = {
    {"clear", run_clear, push_names, NULL, false},
    {.function = NULL},
};
