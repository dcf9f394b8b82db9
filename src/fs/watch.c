/* SPDX-License-Identifier: MIT */
/*
** Watching a file or a folder. What happens is kept from the call on; an event that waits already is not kept twice,
** and of more names than MOST_EVENTS only is known that something happened.
*/
#include <stdlib.h>
#include <string.h>

#include "fs/fs.h"
#include "io/failure.h"

enum { MOST_EVENTS = 4096 };

typedef struct Watch Watch;

typedef struct Event {
  struct Event *next;
  bool is_rename;
  bool has_name;
  char name[];
} Event;

/* Its memory goes with its handle. */
typedef struct Handle {
  uv_fs_event_t event;
  Watch *owner; /* NULL: closed */
} Handle;

struct Watch {
  const SrIoClass *cls;
  saros_resource resource;
  saros_wait wait;
  Handle *handle; /* NULL: closed */
  Event *first, *last;
  size_t count;
  int failure; /* to be told behind the events */
  char *path;
};

static const SrIoClass watch_class = {"watch"};

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

static Event *take_event(Watch *watch) {
  Event *event = watch->first;
  if (event == NULL) return NULL;
  watch->first = event->next;
  if (watch->first == NULL) watch->last = NULL;
  watch->count--;
  return event;
}

static void close_watch(Watch *watch) {
  Event *event;
  if (watch->handle == NULL) return;
  watch->handle->owner = NULL;
  sr_io_saros->close((uv_handle_t *)&watch->handle->event, on_closed);
  watch->handle = NULL;
  while ((event = take_event(watch)) != NULL) free(event);
  sr_io_saros->resource_close(&watch->resource);
  sr_io_saros->wake(&watch->wait);
}

static void on_run_end(saros_resource *resource) {
  close_watch(SR_IO_CONTAINER(resource, Watch, resource));
}

/* --- what happens ----------------------------------------------------------------------------- */

static bool is_kept(const Watch *watch, const char *name, bool is_rename) {
  for (const Event *event = watch->first; event != NULL; event = event->next)
    if (event->has_name == (name != NULL) && event->is_rename == is_rename &&
        (name == NULL || strcmp(event->name, name) == 0))
      return true;
  return false;
}

static void keep_event(Watch *watch, const char *name, bool is_rename) {
  if (watch->count >= MOST_EVENTS) name = NULL;
  if (is_kept(watch, name, is_rename)) return;
  size_t size = name != NULL ? strlen(name) + 1 : 1;
  Event *event = (Event *)malloc(sizeof *event + size);
  if (event == NULL) {
    watch->failure = UV_ENOMEM;
    return;
  }
  *event = (Event){.is_rename = is_rename, .has_name = name != NULL};
  memcpy(event->name, name != NULL ? name : "", size);
  if (watch->last != NULL)
    watch->last->next = event;
  else
    watch->first = event;
  watch->last = event;
  watch->count++;
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status) {
  Watch *watch = ((Handle *)handle->data)->owner;
  if (watch == NULL) return;
  if (status < 0)
    watch->failure = status;
  else
    keep_event(watch, name, (events & UV_RENAME) != 0);
  uv_unref((uv_handle_t *)handle);
  sr_io_saros->wake(&watch->wait);
}

/* --- the iterator ------------------------------------------------------------------------------- */

static int abort_watch(saros_wait *wait) {
  Watch *watch = SR_IO_CONTAINER(wait, Watch, wait);
  uv_unref((uv_handle_t *)&watch->handle->event);
  return 1;
}

static const saros_kind watch_kind = {"a change in the file system", abort_watch};

/* {name =, kind =}. Who has no memory for it has not lost it. */
static int push_event(lua_State *L, Watch *watch) {
  lua_createtable(L, 0, 2);
  const Event *event = watch->first;
  if (event == NULL) return lua_pop(L, 1), 0; /* a finalizer took it or closed the watch */
  bool is_rename = event->is_rename;
  if (event->has_name)
    lua_pushstring(L, event->name);
  else
    lua_pushnil(L);
  if (watch->first == event) free(take_event(watch));
  lua_setfield(L, -2, "name");
  lua_pushstring(L, is_rename ? "rename" : "change");
  lua_setfield(L, -2, "kind");
  return 1;
}

static int next_event(lua_State *L, Watch *watch);

static int k_next(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  return next_event(L, (Watch *)ctx);
}

static int next_event(lua_State *L, Watch *watch) {
  int failure = watch->failure;
  if (watch->handle == NULL) return sr_io_raise_closed(L, "the watch is closed");
  if (watch->wait.task != NULL) return sr_io_raise_busy(L, "another task waits for this watch");
  if (watch->first != NULL && push_event(L, watch) > 0) return sr_io_saros->ready(L, 1);
  watch->failure = 0;
  if (failure != 0) return sr_io_push_system_path(L, failure, "watch", watch->path), lua_error(L);
  if (watch->handle == NULL) return sr_io_raise_closed(L, "the watch is closed");
  uv_ref((uv_handle_t *)&watch->handle->event);
  return sr_io_saros->park(L, &watch->wait, &watch_kind, k_next, (lua_KContext)watch);
}

/* watch() gives the next event. */
static int l_next(lua_State *L) {
  Watch *watch = (Watch *)sr_io_self(L, &watch_class, "watch");
  lua_settop(L, 1);
  sr_io_saros->check(L, "watch");
  if (watch->handle != NULL && sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return next_event(L, watch);
}

static int l_close(lua_State *L) {
  close_watch((Watch *)sr_io_self(L, &watch_class, "watch:close"));
  return 0;
}

static int l_gc(lua_State *L) {
  Watch *watch = (Watch *)sr_io_test(L, 1, &watch_class);
  if (watch == NULL) return 0;
  if (watch->handle != NULL) sr_io_saros->collected(L, &watch->resource, "watch");
  close_watch(watch);
  free(watch->path);
  watch->path = NULL;
  return 0;
}

/* 0 or a status. */
static int open_handle(Watch *watch, uv_loop_t *loop) {
  Handle *handle = (Handle *)calloc(1, sizeof *handle);
  if (handle == NULL) return UV_ENOMEM;
  int status = uv_fs_event_init(loop, &handle->event);
  if (status != 0) return free(handle), status;
  handle->event.data = handle;
  status = uv_fs_event_start(&handle->event, on_event, watch->path, 0);
  if (status != 0) {
    sr_io_saros->close((uv_handle_t *)&handle->event, on_closed);
    return status;
  }
  uv_unref((uv_handle_t *)&handle->event);
  handle->owner = watch;
  watch->handle = handle;
  return 0;
}

/* watch(path): what a generic for wants: the watch, and what it closes. The path comes checked. */
int sr_fs_l_watch(lua_State *L) {
  uv_loop_t *loop = sr_io_saros->loop(sr_io_saros->runtime(L));
  if (loop == NULL) return luaL_error(L, "watch: no loop runs (call it inside async.run)");
  Watch *watch = (Watch *)sr_io_new(L, &watch_class, sizeof *watch, 0);
  watch->path = strdup(lua_tostring(L, 1));
  if (watch->path == NULL) return luaL_error(L, "watch: not enough memory");
  int status = open_handle(watch, loop);
  if (status != 0) return sr_io_push_system_path(L, status, "watch", watch->path), lua_error(L);
  watch->resource.name = "watch";
  watch->resource.on_run_end = on_run_end;
  sr_io_saros->resource_open(L, &watch->resource);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, -3);
  return 4;
}

void sr_fs_open_watch(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", l_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__call", l_next}, {"__close", l_close}, {"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &watch_class, methods, meta);
}
