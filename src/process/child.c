/* SPDX-License-Identifier: MIT */
/*
** A child process: waited for, sent signals, reaped. See child.h.
**
** Invariant: no child outlives its run, and none becomes a zombie. Those that end during the run are reaped each by its
** number, by us or by libuv, whoever has started it, so no child of others is touched. At the end of the run those that
** are left are told to end, a moment later they are killed, and they are reaped right there.
*/
#include "process/child.h"

#include <stdlib.h>

#include "base/launch.h"
#include "base/signal.h"
#include "io/failure.h"

/* How long children may take to end once the run has, in milliseconds, and how often it is looked. */
enum { LAST_GRACE = 2000, LOOK_INTERVAL = 5 };

/* One that waits, a userdata on its stack. */
struct SrProcessWaiter {
  const SrIoClass *cls;
  saros_wait wait;
  SrProcessChild *child; /* in whose ring it is, or NULL */
  SrProcessWaiter *next, *prev;
};

static const SrIoClass box_class = {"child"}, waiter_class = {"waiter"};

/* --- who waits ------------------------------------------------------------------- */

static void join_ring(SrProcessWaiter *waiter, SrProcessChild *child) {
  SrProcessWaiter *first = child->waiters;
  waiter->child = child;
  if (first == NULL) {
    child->waiters = waiter->next = waiter->prev = waiter;
    uv_ref(&child->handle.any);
    return;
  }
  waiter->next = first;
  waiter->prev = first->prev;
  first->prev->next = waiter;
  first->prev = waiter;
}

static void leave_ring(SrProcessWaiter *waiter) {
  SrProcessChild *child = waiter->child;
  if (child == NULL) return;
  waiter->child = NULL;
  if (waiter->next == waiter) {
    child->waiters = NULL;
    uv_unref(&child->handle.any);
    return;
  }
  waiter->prev->next = waiter->next;
  waiter->next->prev = waiter->prev;
  if (child->waiters == waiter) child->waiters = waiter->next;
}

/* --- the end of a child ------------------------------------------------------------ */

static void free_child(SrProcessChild *child) {
  if (!child->is_owned && !child->is_libuvs) free(child);
}

static void on_closed(uv_handle_t *handle) {
  SrProcessChild *child = (SrProcessChild *)handle->data;
  child->is_libuvs = false;
  if (child->end >= 0) {
    SrDescriptor own = sr_descriptor_own(child->end);
    sr_descriptor_release(&own);
  }
  free_child(child);
}

static void enlist(SrProcessChild *child) {
  SrProcessContext *context = child->context;
  child->next = context->children;
  if (child->next != NULL) child->next->prev = child;
  context->children = child;
}

static void strike_off(SrProcessChild *child) {
  if (child->next != NULL) child->next->prev = child->prev;
  if (child->prev != NULL)
    child->prev->next = child->next;
  else
    child->context->children = child->next;
}

/* Its number is free for others now; that of its group is not as long as there is anybody in that. */
static void note_exit(SrProcessChild *child, int code, int signal) {
  child->has_exited = true;
  child->has_group = child->is_group && uv_kill(-child->pid, 0) != UV_ESRCH;
  child->exit_code = code;
  child->signal = signal;
  strike_off(child);
  sr_io_saros->resource_close(&child->resource);
  sr_io_saros->close(&child->handle.any, on_closed);
  while (child->waiters != NULL) {
    SrProcessWaiter *waiter = child->waiters;
    leave_ring(waiter);
    sr_io_saros->wake(&waiter->wait);
  }
}

static void on_exited(uv_process_t *handle, int64_t code, int signal) {
  note_exit((SrProcessChild *)handle->data, (int)code, signal);
}

/* One that we have started ourselves. */
static void on_ended(uv_poll_t *handle, int status, int events) {
  SrProcessChild *child = (SrProcessChild *)handle->data;
  int code = 0, signal = 0;
  (void)status, (void)events;
  if (sr_child_reap(child->pid, false, &code, &signal)) note_exit(child, code, signal);
}

/* --- signals ------------------------------------------------------------------------- */

/* 0; UV_ESRCH: there is nobody any more; or another status. */
static int send_signal(SrProcessChild *child, int number) {
  if (child->has_exited && !child->has_group) return UV_ESRCH;
  int status = uv_kill(child->is_group ? -child->pid : child->pid, number);
  if (status == UV_ESRCH) child->has_group = false;
  return status;
}

/* Told to end, with all others. */
static void tell_all(const SrProcessContext *context) {
  for (SrProcessChild *child = context->children; child != NULL; child = child->next) send_signal(child, SIGTERM);
}

/* Nobody waits any more, and the loop is about to go: reaped by ourselves. */
static void on_run_end(saros_resource *resource) {
  SrProcessChild *child = SR_IO_CONTAINER(resource, SrProcessChild, resource);
  SrProcessContext *context = child->context;
  int code = 0, signal = 0;
  tell_all(context);
  uint64_t until = uv_hrtime() / 1000000 + LAST_GRACE;
  while (context->children != NULL && uv_hrtime() / 1000000 < until) {
    for (SrProcessChild *next, *each = context->children; each != NULL; each = next) {
      next = each->next;
      if (sr_child_reap(each->pid, false, &code, &signal)) note_exit(each, code, signal);
    }
    if (context->children != NULL) uv_sleep(LOOK_INTERVAL);
  }
  while ((child = context->children) != NULL) {
    send_signal(child, SIGKILL);
    sr_child_reap(child->pid, true, &code, &signal);
    note_exit(child, code, signal);
  }
}

/* --- start ------------------------------------------------------------------------------ */

SrProcessBox *sr_process_push_box(lua_State *L) {
  SrProcessBox *box = (SrProcessBox *)sr_io_new(L, &box_class, sizeof *box, 0);
  for (int i = 0; i < SR_PROCESS_STREAMS; i++) box->ends[i] = -1;
  return box;
}

void sr_process_close_ends(SrProcessBox *box) {
  for (int i = 0; i < SR_PROCESS_STREAMS; i++) {
    if (box->ends[i] < 0) continue;
    SrDescriptor own = sr_descriptor_own(box->ends[i]);
    sr_descriptor_release(&own);
    box->ends[i] = -1;
  }
}

/* Started by ourselves: waits for its end. 0 or a status, and it is gone. */
static int watch(SrProcessChild *child, uv_loop_t *loop) {
  int code, signal, status = uv_poll_init(loop, &child->handle.poll, child->end);
  child->is_libuvs = status == 0;
  if (status == 0) status = uv_poll_start(&child->handle.poll, UV_READABLE, on_ended);
  if (status == 0) return 0;
  uv_kill(child->pid, SIGKILL);
  sr_child_reap(child->pid, true, &code, &signal);
  return status;
}

/* 0 or a status. */
static int launch(SrProcessChild *child, uv_loop_t *loop, uv_process_options_t *options) {
  int status = sr_launch(options, &child->pid, &child->end);
  if (status == 0) return watch(child, loop);
  if (status != UV_ENOTSUP) return status;
  options->exit_cb = on_exited;
  status = uv_spawn(loop, &child->handle.process, options);
  child->is_libuvs = true;
  child->pid = uv_process_get_pid(&child->handle.process);
  return status;
}

/* It has not come to life. */
static void drop(SrProcessChild *child) {
  if (child->is_libuvs)
    sr_io_saros->close(&child->handle.any, on_closed);
  else
    on_closed(&child->handle.any);
}

int sr_process_start(lua_State *L, SrProcessContext *context, SrProcessBox *box, uv_process_options_t *options) {
  SrProcessChild *child = (SrProcessChild *)calloc(1, sizeof *child);
  if (child == NULL) return UV_ENOMEM;
  child->context = context;
  child->end = -1;
  int status = launch(child, sr_io_saros->loop(context->runtime), options);
  child->handle.any.data = child;
  sr_process_close_ends(box);
  if (status != 0) return drop(child), status;
  child->is_group = child->has_group = (options->flags & UV_PROCESS_DETACHED) != 0;
  child->is_owned = true;
  child->resource.name = "process";
  child->resource.on_run_end = on_run_end;
  box->child = child;
  enlist(child);
  uv_unref(&child->handle.any);
  sr_io_saros->resource_open(L, &child->resource);
  return 0;
}

/* --- methods ------------------------------------------------------------------------------ */

static SrProcessChild *check_child(lua_State *L, const char *function) {
  return ((SrProcessBox *)sr_io_self(L, &box_class, function))->child;
}

/* child:pid() */
static int l_pid(lua_State *L) {
  lua_pushinteger(L, check_child(L, "process:pid")->pid);
  return 1;
}

static int push_end(lua_State *L, const SrProcessChild *child) {
  char name[SR_SIGNAL_NAME];
  if (child->signal == 0) return lua_pushinteger(L, child->exit_code), 1;
  lua_pushnil(L);
  lua_pushstring(L, sr_signal_name(child->signal, name));
  return 2;
}

static int abort_wait(saros_wait *wait) {
  leave_ring(SR_IO_CONTAINER(wait, SrProcessWaiter, wait));
  return 1;
}

static const saros_kind wait_kind = {"the exit of a process", abort_wait};

static int k_wait(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  return push_end(L, (const SrProcessChild *)ctx);
}

/* child:wait(): the exit code; or nil and the signal that ended it. Waits. */
static int l_wait(lua_State *L) {
  SrProcessChild *child = check_child(L, "process:wait");
  sr_io_saros->check(L, "process:wait");
  lua_settop(L, 1);
  SrProcessWaiter *waiter = (SrProcessWaiter *)sr_io_new(L, &waiter_class, sizeof *waiter, 0);
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  if (child->has_exited) return sr_io_saros->ready(L, push_end(L, child));
  join_ring(waiter, child);
  return sr_io_saros->park(L, &waiter->wait, &wait_kind, k_wait, (lua_KContext)child);
}

/* child:exited(): whether it has ended; then what `wait` gives */
static int l_exited(lua_State *L) {
  const SrProcessChild *child = check_child(L, "process:exited");
  lua_pushboolean(L, child->has_exited);
  return child->has_exited ? 1 + push_end(L, child) : 1;
}

/* child:kill(number): whether there was anybody left to get it */
static int l_kill(lua_State *L) {
  SrProcessChild *child = check_child(L, "process:kill");
  int number = (int)luaL_checkinteger(L, 2);
  int status = send_signal(child, number);
  if (status != 0 && status != UV_ESRCH) return sr_io_push_system(L, status, "kill"), lua_error(L);
  lua_pushboolean(L, status == 0);
  return 1;
}

/* Nobody has it any more; whoever started it did not care. */
static int l_gc(lua_State *L) {
  SrProcessBox *box = (SrProcessBox *)sr_io_self(L, &box_class, "process:__gc");
  SrProcessChild *child = box->child;
  box->child = NULL;
  sr_process_close_ends(box);
  if (child == NULL) return 0;
  if (!child->has_exited) {
    sr_io_saros->collected(L, &child->resource, "process");
    send_signal(child, SIGKILL);
  }
  child->is_owned = false;
  free_child(child);
  return 0;
}

static int l_waiter_gc(lua_State *L) {
  leave_ring((SrProcessWaiter *)sr_io_self(L, &waiter_class, "waiter:__gc"));
  return 0;
}

void sr_process_open_child(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"pid", l_pid}, {"wait", l_wait}, {"exited", l_exited}, {"kill", l_kill}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg waiter_meta[] = {{"__gc", l_waiter_gc}, {NULL, NULL}};
  sr_io_class(L, &box_class, methods, meta);
  sr_io_class(L, &waiter_class, none, waiter_meta);
}
